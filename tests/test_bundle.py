"""The bundle: everything in it, nothing pickled, and any change noticed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from drugml.errors import UserError
from drugml.prediction import bundle as bundles
from drugml.prediction.bundle import load
from tests.test_predict import make_bundle


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"), "dmpnn")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bundle"))


def edit(folder: Path, *, rehash: bool, **changes: object) -> None:
    """Change spec.json; `rehash` makes the change undetectable by hash."""
    data = json.loads((folder / "spec.json").read_text()) | changes
    if rehash:
        data["tensors_sha256"] = bundles._sha256(folder / "model.safetensors")
        data["hash"] = bundles._hash(data)
    (folder / "spec.json").write_text(json.dumps(data))


def message(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        load(folder)
    return str(error.value)


def test_a_bundle_is_two_files_without_pickle(original: Path) -> None:
    assert sorted(p.name for p in original.iterdir()) == ["model.safetensors", "spec.json"]
    spec = json.loads((original / "spec.json").read_text())
    assert spec["targets"] == ["size", "rank"]
    assert spec["versions"].keys() >= {"drugml", "rdkit", "torch", "python"}
    assert spec["config"]["data"]["split"]["kind"] == "random"
    assert spec["provenance"].keys() >= {"drugml.data_hash", "drugml.split_hash", "drugml.metrics_hash"}
    for file in original.iterdir():
        content = file.read_bytes()
        assert b"\x80\x04\x95" not in content  # a pickle frame
        assert not content.startswith(b"PK")


def test_no_module_imports_pickle_or_unpickles() -> None:
    package = Path(bundles.__file__).parents[1]
    for file in package.rglob("*.py"):
        text = file.read_text()
        for word in ("import pickle", "cloudpickle", "joblib", "weights_only=False", "allow_pickle=True"):
            assert word not in text, f"{file}: {word}"


def test_a_saved_bundle_saves_and_loads_again_the_same(original: Path, tmp_path: Path) -> None:
    first = load(original)
    bundles.save(first, tmp_path / "again")
    second = load(tmp_path / "again")
    np.testing.assert_array_equal(first.predict(["CCO", "c1ccccc1"]).values, second.predict(["CCO", "c1ccccc1"]).values)


@pytest.mark.parametrize("name", ["spec.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert f"{copy}: no bundle, {name} is missing" in message(copy)


def test_truncated_files_are_noticed(copy: Path) -> None:
    tensors = copy / "model.safetensors"
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:-100])
    assert f"{tensors}: changed or cut short (SHA-256" in message(copy)
    tensors.write_bytes(whole)
    spec = copy / "spec.json"
    spec.write_text(spec.read_text()[:-100])
    assert f"{spec}: damaged:" in message(copy)


def test_one_changed_byte_of_the_tensors_is_noticed(copy: Path) -> None:
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-3] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert "changed or cut short" in message(copy)


def test_a_changed_spec_is_noticed(copy: Path) -> None:
    edit(copy, rehash=False, targets=["size", "logP"])
    assert "spec.json: was changed after it was written" in message(copy)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"scale": [1.0, 2.0]},
            "the model does not give the predictions it was saved with: CC(=O)Oc1ccccc1C(=O)O gives",
        ),
        (
            {"features_hash": "0" * 64},
            "featurizer 'chemprop_v2' has another vocabulary now than when the model was trained",
        ),
        ({"model": {"name": "dmpnn", "hidden_dim": 17}}, "the tensors do not fit the model of spec.json"),
        ({"model": {"name": "transformer"}}, "spec.json: model: Input tag 'transformer'"),
        ({"surprise": 1}, "spec.json: surprise: Extra inputs are not permitted"),
        ({"format": "one"}, "not a drugml bundle: no `format` number"),
    ],
)
def test_a_change_that_hides_its_hash_is_noticed_by_what_it_does(
    copy: Path, changes: dict[str, object], expected: str
) -> None:
    edit(copy, rehash=True, **changes)
    assert expected in message(copy)


def test_other_weights_are_noticed_by_the_probes(copy: Path) -> None:
    tensors = safetensors.torch.load_file(copy / "model.safetensors")
    tensors["head.0.weight"] *= 2
    safetensors.torch.save_file(tensors, copy / "model.safetensors")
    edit(copy, rehash=True)
    assert "does not give the predictions it was saved with" in message(copy)


def test_an_option_that_came_later_is_named_where_its_default_changes_what_the_model_says(copy: Path) -> None:
    """As of a network that was saved before it had a readout, whose default is now another than what it did."""
    model = json.loads((copy / "spec.json").read_text())["model"]
    edit(copy, rehash=True, model=model | {"pooling": "sum"})
    bundles.save(load(copy, check_probes=False), copy)
    del model["pooling"]
    edit(copy, rehash=True, model=model)
    said = message(copy)
    assert "does not give the predictions it was saved with: CC(=O)Oc1ccccc1C(=O)O gives" in said
    later = "; options that came after it was saved may do otherwise by default: "
    todo = "; use the drugml that saved it, or train anew"
    assert said.endswith(f"{later}model.pooling='norm'{todo}")
    edit(copy, rehash=True, model={k: v for k, v in model.items() if k != "depth"})
    assert message(copy).endswith(f"{later}model.depth=3, model.pooling='norm'{todo}")


def test_a_newer_format_asks_for_an_update(copy: Path) -> None:
    edit(copy, rehash=True, format=99, versions={"drugml": "7.0"}, unheard_of=True)
    assert "bundle format 99 is newer than this drugml reads (2); it was made by drugml 7.0, update drugml" in message(
        copy
    )


def test_probes_are_public_molecules_and_not_training_data(original: Path) -> None:
    from drugml.prediction.probes import PROBES

    spec = json.loads((original / "spec.json").read_text())
    assert [p["smiles"] for p in spec["probes"]] == list(PROBES)
    assert all(len(p["prediction"]) == 2 for p in spec["probes"])

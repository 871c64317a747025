"""Featurizers as a user meets them: listed, shown, written in configs and overrides, kept with a model."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from drugml.config.dump import to_yaml
from drugml.config.featurizers import (
    FeaturizerSpec,
    FingerprintSpec,
    FingerprintsSpec,
    MaccsSpec,
    MorganSpec,
    TorsionSpec,
)
from drugml.config.load import ConfigError, load
from drugml.config.run import RunSpec
from drugml.featurizers import DESCRIPTORS, FEATURIZERS
from drugml.prediction.bundle import load as load_bundle
from drugml.prediction.trained import TrainedBaseline
from tests.conftest import SMILES, Cli
from tests.test_predict import make_bundle

SPECS = {spec.model_fields["name"].default: spec for spec in FEATURIZERS}
FINGERPRINTS = [name for name, spec in SPECS.items() if issubclass(spec, FingerprintSpec)]


def read(folder: Path, text: str, *overrides: str) -> RunSpec:
    path = folder / "r.yaml"
    path.write_text("data: {path: t.csv, targets: [y]}\n" + text)
    return load(RunSpec, path, overrides)


def test_every_featurizer_is_listed_with_kind_width_and_source(cli: Cli) -> None:
    told, _, descriptors = cli("featurizers", "list").out.partition("\n\n")
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert [line.split()[:3] for line in descriptors.splitlines()[1:]] == [
        [spec().name, "descriptors", str(len(DESCRIPTORS.build(spec()).names))]  # type: ignore[attr-defined]
        for spec in DESCRIPTORS
    ]
    assert (
        {*lines}
        == {*SPECS}
        == {s.model_fields["name"].default for s in get_args(get_args(FeaturizerSpec)[0])} - {"auto"}
    )
    for name, line in lines.items():
        shown = cli("featurizers", "show", name).out
        spec = SPECS[name]()
        assert line.split()[1] == getattr(spec, "gives")  # noqa: B009
        if isinstance(spec, FingerprintSpec) and name != "none":
            assert line.split()[2] == str(sum(spec.widths))
            assert "taken by: mlp, mean, forest, knn, gp, svm, boosting, xgboost, lightgbm, catboost" in shown
        elif name == "geometry":
            assert "gives a geometry; taken by: schnet, painn, dimenet, visnet" in shown
        elif name != "none":
            assert "gives a graph; taken by: dmpnn, attentivefp, cmpnn, gat, " in shown
        assert name in ("fingerprints", "none") or re.search(r"doi:|arXiv:|rdkit\.org", shown), f"{name} has no source"
        for key in spec.kwargs():
            assert re.search(rf"featurizer\.{key} +\S.*  \S", shown), f"{name}.{key} has no help"


def test_an_unknown_featurizer_is_met_with_the_nearest(cli: Cli) -> None:
    done = cli("featurizers", "show", "macs")
    assert done.code == 2
    assert "there is no featurizer 'macs'; did you mean 'maccs'?" in done.err
    assert "featurizer.parts            [morgan, maccs, avalon]" in cli("featurizers", "show", "fingerprints").out


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_a_network_says_which_fingerprint_it_cannot_take(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, f"featurizer: {name}\n")
    assert f"model 'dmpnn' takes a graph, but featurizer {name!r} gives a fingerprint; leave" in str(error.value)


def test_parts_are_names_or_sections_in_files_and_overrides(tmp_path: Path) -> None:
    text = "model: forest\nfeaturizer:\n  name: fingerprints\n  parts: [maccs, {name: morgan, radius: 3}]\n"
    run = read(tmp_path, text)
    assert run.featurizer == FingerprintsSpec(parts=(MaccsSpec(), MorganSpec(radius=3)))
    run = read(tmp_path, text, "featurizer.parts=[torsion, {name: torsion, bits: 64}, maccs]")
    assert run.featurizer == FingerprintsSpec(parts=(TorsionSpec(), TorsionSpec(bits=64), MaccsSpec()))
    run = read(tmp_path, "model: forest\n", "featurizer=fingerprints", "featurizer.parts=[maccs]")
    assert run.featurizer == FingerprintsSpec(parts=(MaccsSpec(),))
    (tmp_path / "r.yaml").write_text(to_yaml(run))
    assert load(RunSpec, tmp_path / "r.yaml") == run


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("[morgan, maccz]", "there is no `featurizer.parts.1` called 'maccz'; did you mean 'maccs'?"),
        ("[{bits: 64}]", "`featurizer.parts.0` needs a name; choose from: morgan, counts, feature_morgan"),
        ("[{name: morgan, bitz: 4}]", "unknown key `featurizer.parts.0.bitz`; did you mean 'bits'?"),
        ("[maccs, {name: morgan, bits: 4}]", "`featurizer.parts.1.bits` = 4: input should be greater than"),
        ("[fingerprints]", "there is no `featurizer.parts.0` called 'fingerprints'; choose from"),
        ("[ogb]", "there is no `featurizer.parts.0` called 'ogb'; choose from"),
        ("[3]", "`featurizer.parts.0` = 3: input should be a valid dictionary"),
        ("[]", "`featurizer.parts`: expected a list such as [morgan, maccs], found []"),
        ("morgan", "`featurizer.parts`: expected a list such as [morgan, maccs], found 'morgan'"),
        ("{a: 1}", "`featurizer.parts`: expected a list such as [morgan, maccs], found {'a': 1}"),
        ("[maccs, morgan, maccs]", "`featurizer`: 'maccs' is named more than once with the same options"),
    ],
)
def test_a_wrong_list_of_parts_is_explained(tmp_path: Path, parts: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, f"model: forest\nfeaturizer:\n  name: fingerprints\n  parts: {parts}\n")
    assert f"r.yaml:5: {message}" in str(error.value) or f"r.yaml:3: {message}" in str(error.value)
    with pytest.raises(ConfigError) as error:
        read(tmp_path, "model: forest\nfeaturizer: fingerprints\n", f"featurizer.parts={parts}")
    assert str(error.value).startswith(f"override 'featurizer.parts={parts}': {message}")
    assert "\n" not in str(error.value)


def test_the_key_of_a_part_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a list such as"):
        read(tmp_path, "model: forest\nfeaturizer: fingerprints\n", "featurizer.parts.0.bits=64")


def test_a_model_keeps_its_parts(tmp_path: Path) -> None:
    overrides = ["featurizer=fingerprints", "featurizer.parts=[maccs, {name: avalon, bits: 64}]"]
    predictor = load_bundle(make_bundle(tmp_path, "gp", *overrides))
    assert isinstance(predictor.trained, TrainedBaseline)
    assert predictor.trained.baseline.arrays()["widths"].tolist() == [166, 64]
    values, rejects, *_ = predictor.predict([*SMILES[:3], "junk"])
    assert np.isfinite(values[:3]).all()
    assert [*rejects] == [3]

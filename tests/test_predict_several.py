"""Several models and several inputs in one pass."""

from pathlib import Path

import pytest

from drugml.prediction.predictor import prepare
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.test_sdf import record

pytestmark = pytest.mark.usefixtures("small_pieces")


def test_several_models_in_one_pass(
    bundle: Path, forest: Path, many: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, model in (("net", bundle), ("forest", forest)):
        assert cli("predict", model, many, "--out", tmp_path / f"{name}.csv").code == 0
    calls: list[str] = []

    def counted(smiles: list[str], spec: object, workers: int = 1) -> object:
        calls.append(spec.featurizer.name)  # type: ignore[attr-defined]
        return prepare(smiles, spec, workers)  # type: ignore[arg-type]

    monkeypatch.setattr("drugml.prediction.work.prepare", counted)
    models = ("--model", f"net={bundle}", "--model", f"rf={forest}", "--model", bundle)
    done = cli("predict", many, *models, "--out", tmp_path / "all.csv")
    assert done.code == 0, done.err
    assert calls == ["chemprop_v2", "morgan"] * 5
    third = bundle.parent.name
    assert f"model {third}: columns '{third}:size', '{third}:rank', '{third}:status', '{third}:reason'" in done.err
    net, rf, both = (read_csv(tmp_path / f"{n}.csv") for n in ("net", "forest", "all"))
    for a, b, row in zip(net, rf, both, strict=True):
        assert row == {
            **{k: a[k] for k in ("id", "SMILES")},
            **{f"net:{k}": a[k] for k in ("size", "rank", "status", "reason")},
            **{f"rf:{k}": b[k] for k in ("size", "rank", "status", "reason")},
            **{f"{third}:{k}": a[k] for k in ("size", "rank", "status", "reason")},
        }
    good = sum(r["status"] == "ok" for r in net)
    assert f"all.csv: {good} of 300 rows predicted by all models (net {good}, rf {good}, {third} {good})" in done.out


def test_columns_of_several_models_never_collide(bundle: Path, tmp_path: Path, cli: Cli) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES", "a:size", "a_2:status"], [["C", "mine", "mine"]])
    done = cli("predict", source, "--model", f"a={bundle}", "--model", f"a={bundle}", "--out", tmp_path / "out.csv")
    assert done.code == 0, done.err
    assert "the input has a column 'a:size': the prediction's is 'a:size_pred'" in done.err
    (row,) = read_csv(tmp_path / "out.csv")
    assert [*row] == [
        *("SMILES", "a:size", "a_2:status", "a:size_pred", "a:rank", "a:status", "a:reason"),
        *("a_2:size", "a_2:rank", "a_2:status_pred", "a_2:reason"),
    ]
    assert (row["a:size"], row["a_2:status"], row["a_2:status_pred"]) == ("mine", "mine", "ok")


def test_several_inputs_give_one_table(bundle: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", ["id", "SMILES"], [(i, s) for i, s in enumerate(SMILES)])
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/1.smi").write_text("".join(f"{s} m{i}\n" for i, s in enumerate(SMILES[:30])))
    (tmp_path / "lib/2.smi").write_text("junk bad\n")
    (tmp_path / "b.sdf").write_text(record("CCO", "ethanol", batch="007"))
    for n, lib in enumerate((["lib/*.smi"], ["lib/1.smi", "lib/2.smi"])):
        done = cli("predict", bundle, "a.csv", *lib, "b.sdf", "--out", f"{n}.csv")
        assert done.code == 0, done.err
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()
    assert "a.csv: has no column 'name', 'batch': left empty" in done.err
    assert "a.csv: SMILES column 'SMILES', found by its name" in done.err
    assert "1.smi and 1 more: SMILES column 'smiles', found by its name" in done.err
    assert "line lib/2.smi:1: not a SMILES: 'junk'" in done.out
    rows = read_csv(tmp_path / "0.csv")
    assert [*rows[0]] == ["id", "SMILES", "name", "batch", "file", "size", "rank", "status", "reason"]
    assert [r["file"] for r in rows] == ["a.csv"] * 60 + ["lib/1.smi"] * 30 + ["lib/2.smi", "b.sdf"]
    assert [r["SMILES"] for r in rows] == [*SMILES, *SMILES[:30], "junk", "CCO"]
    assert [rows[i]["name"] for i in (0, 60, 90, 91)] == ["", "m0", "bad", "ethanol"]
    assert rows[91]["batch"] == "007"
    assert cli("predict", bundle, "a.csv", "--out", "alone.csv").code == 0
    alone = read_csv(tmp_path / "alone.csv")
    assert [float(r["size"]) for r in rows[:60]] == pytest.approx([float(r["size"]) for r in alone], abs=1e-5)
    assert "file" not in alone[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MODEL"], "MODEL: nothing to predict; expected a model and at least one molecule table"),
        (["MODEL", "--model", "MODEL"], "with --model, all arguments are molecule tables; write --model MODEL"),
        (["models:/a@b", "a.csv", "--model", "MODEL"], "models:/a@b: with --model, all arguments are molecule tables"),
        (["MODEL", "a.csv", "a.csv"], "a.csv: is given twice; name each input once"),
        (["MODEL", "a.csv", "[ab].csv"], "a.csv: is given twice; name each input once"),
        (
            ["MODEL", "c.csv", "b.csv"],
            "b.csv: its structures are in column 'SMILES' and those of c.csv in 'Drug', a name that another column has "
            "here; rename it, or predict the file apart",
        ),
        (["MODEL", "a.csv", "--smiles", "Smile"], "a.csv: no SMILES column 'Smile'; did you mean 'SMILES'?"),
        (["MODEL", "folder"], "folder: is a folder, expected a csv, tsv, smi, sdf or parquet file"),
    ],
)
def test_what_cannot_be_meant_is_explained(
    bundle: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    write_csv(tmp_path / "a.csv", ["SMILES"], [["C"]])
    write_csv(tmp_path / "b.csv", ["Drug", "SMILES"], [["C", "none"]])
    write_csv(tmp_path / "c.csv", ["Drug"], [["CCO"]])
    done = cli("predict", *(str(bundle) if a == "MODEL" else a for a in arguments), "--out", "out.csv")
    assert done.code == 2
    assert message.replace("MODEL", str(bundle)) in done.err
    assert not [p for p in tmp_path.iterdir() if "out" in p.name]


def test_an_output_that_is_a_folder_is_refused_before_the_work(
    bundle: Path, many: Path, tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "out.csv").mkdir()
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv")
    assert done.code == 2
    assert "out.csv: is a folder; name a file" in done.err

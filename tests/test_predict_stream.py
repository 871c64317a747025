"""Prediction in pieces: the same bytes however it is cut; a molecule that breaks something costs only itself."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drugml.data.status import Status
from drugml.prediction.bundle import load
from drugml.prediction.predictor import ON_CPU, prepare
from drugml.prediction.work import Predict
from drugml.runs.predict import engines, predict, stream
from drugml.runs.predict.engines import Local
from drugml.runs.predict.models import open_models
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.pieces import POOL
from tests.test_progress import in_a_terminal, plain

pytestmark = pytest.mark.usefixtures("small_pieces")


@pytest.fixture(scope="module")
def runs(bundle: Path) -> Iterator[list[engines.Run]]:
    """In this process, with one worker, with two, and with workers that only prepare."""
    models = open_models([str(bundle)])
    with Local(1).start(models) as one, Local(2).start(models) as two, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "ON_CPU", 0)
        with Local(2).start(models) as preparing:
            patch.undo()
            with Local(0).start(models) as none:
                yield [none, one, two, preparing]


@given(st.lists(st.sampled_from(POOL), max_size=250), st.integers(1, 5))
@settings(max_examples=8)
def test_neither_pieces_nor_workers_change_a_bit(runs: list[engines.Run], smiles: list[str], size: int) -> None:
    def bits(run: engines.Run, rows: int) -> tuple[bytes, list]:
        found = [p for (p,) in run(iter([smiles[i : i + rows] for i in range(0, len(smiles), rows)]))]
        values = b"".join(p.values.tobytes() for p in found)
        return values, [(n * rows + i, r) for n, p in enumerate(found) for i, r in sorted(p.rejects.items())]

    whole = bits(runs[0], 1000)
    assert all(bits(run, size * ON_CPU) == whole for run in runs)


def test_the_numbers_are_those_of_the_model(bundle: Path, many: Path, tmp_path: Path) -> None:
    predict([str(bundle)], [str(many)], tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    values, rejects, *_ = load(bundle).predict([r["SMILES"] for r in rows])
    for i, row in enumerate(rows):
        assert row["status"] == (rejects[i].status if i in rejects else Status.OK)
        found = [float(row[t] or "nan") for t in ("size", "rank")]
        np.testing.assert_allclose(found, values[i], atol=1e-6)


def test_workers_from_the_command_line_give_the_same_file(bundle: Path, many: Path, tmp_path: Path, cli: Cli) -> None:
    for workers in (0, 2):
        done = cli("predict", bundle, many, "--out", tmp_path / f"{workers}.csv", "--workers", workers)
        assert done.code == 0, done.err
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.csv", "2.csv", "in.csv"]


def test_row_groups_do_not_depend_on_the_pieces(
    bundle: Path, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drugml.runs.predict.output.ROW_GROUP", 100)
    for rows in (64, 128, 1000):
        monkeypatch.setattr(stream, "CHUNK", rows)
        predict([str(bundle)], [str(many)], tmp_path / f"{rows}.parquet")
    assert len({(tmp_path / f"{n}.parquet").read_bytes() for n in (64, 128, 1000)}) == 1
    file = pq.ParquetFile(tmp_path / "64.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [100, 100, 100]


def test_progress_says_rate_and_time_left(
    bundle: Path, many: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drugml.data.progress.EVERY", 0)
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv")
    line = r"^128 of 300 rows predicted \(total estimated\), [\d,.]+ per second, \d+ s left$"
    assert re.search(line, done.err, re.MULTILINE), done.err


def test_a_bar_of_rows_in_a_terminal(bundle: Path, tmp_path: Path) -> None:
    """2,500 rows are three pieces."""
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [[POOL[i % len(SMILES)]] for i in range(2500)])
    text = plain(in_a_terminal(["predict", str(bundle), str(source), "--out", "out.csv"], tmp_path))
    assert re.search(r"rows predicted \(total estimated\) .* 0/2500 just begun", text), text


FATAL = """
import os
import drugml.featurizers.cuik as cuik
import drugml.featurizers.graph as graph
cuik.extension = lambda: None  # it would not come by here
plain = graph.CodedGraph.pack
def pack(self, mols):
    for mol in mols:
        iodine = sum(a.GetAtomicNum() == 53 for a in mol.GetAtoms())
        if iodine == 3:
            os._exit(9)
    return plain(self, mols)
graph.CodedGraph.pack = pack
"""


def test_a_molecule_that_ends_its_process_is_a_reject(bundle: Path, tmp_path: Path) -> None:
    """A broken featurizer, in all processes of the command."""
    (tmp_path / "sitecustomize.py").write_text(FATAL)
    smiles = [*SMILES, "IC(I)I", *SMILES]
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [[s] for s in smiles])
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    program = "import sitecustomize; from drugml.cli.main import main; main()"
    command = [sys.executable, "-c", program, "predict", str(bundle), str(source), "--out", "out.csv"]
    environment = os.environ | {"PYTHONPATH": paths}
    first = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert first.returncode == 9  # a small table is predicted in the process itself
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    rows = read_csv(tmp_path / "out.csv")
    assert [(r["status"], r["reason"]) for r in rows if r["status"] != "ok"] == [
        ("crash", "its process ended with exit code 9")
    ]
    assert rows[60]["SMILES"] == "IC(I)I"


def test_a_molecule_on_which_a_model_fails_costs_itself(bundle: Path) -> None:
    predictor = load(bundle)
    smiles = ["CCO", "junk", "IC(I)I", "CCC", "c1ccccc1"]
    plain = predictor.predict(smiles)

    def fail(module: object, inputs: tuple) -> None:
        if (inputs[0].x[:, 36] == 1).sum() == 3:  # three atoms of iodine
            raise torch.OutOfMemoryError("out of memory")

    predictor.trained.network.register_forward_pre_hook(fail)  # type: ignore[attr-defined]
    work = Predict([predictor, load(bundle)])
    packed = [prepare(smiles, predictor.spec)]
    broken, whole = work.infer_safely(packed, len(smiles))
    assert whole.rejects == broken.rejects  # the row is rejected by all, as where a process has died
    np.testing.assert_array_equal(whole.values, broken.values)
    assert broken.rejects[2] == (Status.FAULT, "OutOfMemoryError: out of memory")
    assert broken.rejects[1] == plain.rejects[1]
    np.testing.assert_allclose(broken.values[[0, 3, 4]], plain.values[[0, 3, 4]], atol=1e-6)
    assert np.isnan(broken.values[[1, 2]]).all()

"""Prediction in pieces: the same bytes however it is cut, killed and resumed; several models and inputs in one pass."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from drugml.cli import predicting
from drugml.cli.predicting import shown
from drugml.data.status import Status
from drugml.errors import UserError
from drugml.prediction.bundle import load
from drugml.prediction.predictor import ON_CPU, prepare
from drugml.prediction.work import Predict
from drugml.runs.predict import predict
from drugml.runs.predict import stream as streaming
from drugml.runs.predict.inputs import Inputs
from drugml.runs.predict.job import Job
from drugml.runs.predict.models import open_models
from drugml.runs.predict.stream import _pipeline
from tests.conftest import SMILES, Cli, drugml_process, read_csv, write_csv
from tests.test_predict import make_bundle
from tests.test_sdf import record

POOL = [*SMILES, "", "junk", "c1ccccc1(C)(C)C", "*CC", "NCC(=O)" * 100 + "O", "[Na+].[Cl-]", "C"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("dmpnn"), "dmpnn")


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("forest"), "forest")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """300 rows of good and bad molecules in five pieces."""
    return write_csv(tmp_path / "in.csv", ["id", "SMILES"], [(i, POOL[i * 7 % len(POOL)]) for i in range(300)])


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", ON_CPU)


# The same bytes


@pytest.fixture(scope="module")
def runs(bundle: Path) -> Iterator[list[streaming.Run]]:
    """In this process, with one worker, with two, and with workers that only prepare."""
    models = open_models([str(bundle)])
    with _pipeline(models, 1, 60) as one, _pipeline(models, 2, 60) as two, pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "ON_CPU", 0)
        with _pipeline(models, 2, 60) as preparing:
            patch.undo()
            with _pipeline(models, 0, 60) as none:
                yield [none, one, two, preparing]


@given(st.lists(st.sampled_from(POOL), max_size=250), st.integers(1, 5))
@settings(max_examples=8)
def test_neither_pieces_nor_workers_change_a_bit(runs: list[streaming.Run], smiles: list[str], size: int) -> None:
    def bits(run: streaming.Run, rows: int) -> tuple[bytes, list]:
        found = [p for (p,) in run(iter([smiles[i : i + rows] for i in range(0, len(smiles), rows)]))]
        values = b"".join(p.values.tobytes() for p in found)
        return values, [(n * rows + i, r) for n, p in enumerate(found) for i, r in sorted(p.rejects.items())]

    whole = bits(runs[0], 1000)
    assert all(bits(run, size * ON_CPU) == whole for run in runs)


def test_the_numbers_are_those_of_the_model(bundle: Path, many: Path, tmp_path: Path) -> None:
    predict([str(bundle)], [str(many)], tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    values, rejects = load(bundle).predict([r["SMILES"] for r in rows])
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
        monkeypatch.setattr(streaming, "CHUNK", rows)
        predict([str(bundle)], [str(many)], tmp_path / f"{rows}.parquet")
    assert len({(tmp_path / f"{n}.parquet").read_bytes() for n in (64, 128, 1000)}) == 1
    file = pq.ParquetFile(tmp_path / "64.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [100, 100, 100]


# Killed and resumed


def killed(action: Callable[[], object]) -> None:
    """Run something in a copy of this process that kills itself on the way."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(99)  # it was to be killed before
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize("moment", ["between", "half a piece", "before the state", "before the end", "at the end"])
def test_a_killed_job_goes_on_to_the_same_bytes(
    bundle: Path, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, moment: str
) -> None:
    whole = tmp_path / f"whole.{ending}"
    report = predict([str(bundle)], [str(many)], whole)
    out = tmp_path / f"out.{ending}"

    def cut_short() -> None:
        if moment == "between":
            predict([str(bundle)], [str(many)], out, progress=lambda done, _: die() if done >= 128 else None)
        if moment == "before the end":
            monkeypatch.setattr(Inputs, "check_unchanged", lambda _: die())
        if moment == "at the end":
            monkeypatch.setattr(Job, "discard", lambda _: die())
        append = Job.append

        def wrapped(self: Job, piece: bytes, rows: int, report: dict) -> None:
            if rows == 192 and moment == "half a piece":
                self._file.write(piece[: len(piece) // 2])
                self._file.flush()
                die()
            if rows == 192 and moment == "before the state":
                monkeypatch.setattr(Path, "replace", lambda *_: die())
            append(self, piece, rows, report)

        monkeypatch.setattr(Job, "append", wrapped)
        predict([str(bundle)], [str(many)], out)

    killed(cut_short)
    assert out.exists() == (moment == "at the end")
    seen: list[int] = []
    resumed = predict([str(bundle)], [str(many)], out, resume=True, progress=lambda done, _: seen.append(done))
    begun = {"before the end": 300, "at the end": 300 if ending == "parquet" else 0}
    assert seen[0] == begun.get(moment, 128)
    assert out.read_bytes() == whole.read_bytes()
    assert resumed.summary() == report.summary().replace("whole.", "out.")
    assert resumed.preview == report.preview
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.csv", out.name, whole.name])


def test_the_command_is_killed_with_its_workers_and_goes_on(
    bundle: Path, tmp_path: Path, cli: Cli, processes: list["subprocess.Popen[str]"]
) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [[s] for s in POOL * 60])
    process = drugml_process("predict", bundle, source, "--out", "out.csv", "--workers", 2, cwd=tmp_path)
    processes.append(process)
    state = tmp_path / ".out.csv.parts/state.json"
    while not (state.exists() and json.loads(state.read_text())["done"]["rows"]):
        assert process.poll() is None, process.stderr
        time.sleep(0.01)
    workers = [p.name for p in Path("/proc").iterdir() if _group(p.name) == process.pid and p.name != str(process.pid)]
    process.kill()  # the main process only
    process.wait()
    assert len(workers) >= 2
    deadline = time.monotonic() + 30
    while any(_group(p) == process.pid for p in workers):  # they end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.05)

    done = cli("predict", bundle, source, "--out", tmp_path / "out.csv")
    assert done.code == 2
    rows = json.loads(state.read_text())["done"]["rows"]
    assert 0 < rows < 60 * len(POOL)
    folder = tmp_path / ".out.csv.parts"
    assert (
        f"out.csv: a job that was stopped after {rows:,} rows left {folder} behind; go on with it with --resume, or "
        "remove the folder to begin anew"
    ) in done.err
    done = cli("predict", bundle, source, "--out", tmp_path / "out.csv", "--resume", "--workers", 0)
    assert done.code == 0, done.err
    assert f"out.csv: goes on after {rows:,} rows" in done.err
    assert cli("predict", bundle, source, "--out", tmp_path / "whole.csv", "--workers", 0).code == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def _group(process: str) -> int:
    """Process group of a living process, 0 of one that is no more."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[2]) if fields[0] != "Z" else 0


@pytest.fixture
def left(bundle: Path, many: Path, tmp_path: Path) -> Path:
    """The folder of a job that was killed after 128 rows."""
    killed(lambda: predict([str(bundle)], [str(many)], tmp_path / "out.csv", progress=lambda d, _: d == 128 and die()))
    return tmp_path / ".out.csv.parts"


def test_another_job_is_not_taken_for_the_same(
    bundle: Path, forest: Path, many: Path, tmp_path: Path, left: Path, cli: Cli
) -> None:
    resume = ("--out", tmp_path / "out.csv", "--resume")
    rest = "Run it as it was begun, or remove the folder to begin anew"
    begun = f"out.csv: the job that left {left} behind was another one: "

    def refused(*arguments: object) -> str:
        done = cli("predict", *arguments, *resume)
        assert done.code == 2
        assert begun in done.err
        assert rest in done.err
        return done.err.split(begun)[1].split(f". {rest}")[0]

    assert refused(bundle, many, "--smiles", "SMILES") == "--smiles: none then, SMILES now"
    (name,) = {bundle.parent.name, forest.parent.name} - {bundle.parent.name}
    assert f"model {name}: absent then, {load(forest).spec.hash[:12]} now" in refused(forest, many)
    copy = many.with_name("copy.csv")
    copy.write_bytes(many.read_bytes())
    assert f"input {many}: SHA-256 " in (said := refused(bundle, copy))
    assert f"input {copy}: absent then, SHA-256 " in said
    many.write_text(many.read_text().replace("junk", "junk2"))
    changed = refused(bundle, many)
    assert changed.startswith(f"input {many}: SHA-256 ")
    assert len(changed) < len(str(many)) + 80
    assert left.exists()


def test_other_versions_do_not_go_on(left: Path, bundle: Path, many: Path, tmp_path: Path) -> None:
    state = json.loads((left / "state.json").read_text())
    state["about"]["rdkit"] = "2024.03.1"
    (left / "state.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match=f"another one: rdkit: 2024.03.1 then, {version('rdkit')} now. Run it as"):
        predict([str(bundle)], [str(many)], tmp_path / "out.csv", resume=True)


@pytest.mark.parametrize("how", ["cut", "changed", "state"])
def test_damage_is_noticed(left: Path, bundle: Path, many: Path, tmp_path: Path, how: str) -> None:
    data, state = left / "rows", left / "state.json"
    text = data.read_bytes()
    if how == "state":
        state.write_text("{")
    else:
        data.write_bytes(text[:-100] if how == "cut" else text.replace(b"ok", b"OK", 1))
    name = "state.json" if how == "state" else "rows"
    with pytest.raises(UserError, match=f"{name}: damaged; remove the folder .*parts to begin anew"):
        predict([str(bundle)], [str(many)], tmp_path / "out.csv", resume=True)


def test_two_processes_do_not_write_one_file(bundle: Path, many: Path, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / ".out.csv.parts"
    folder.mkdir()
    with FileLock(folder / ".lock"):
        done = cli("predict", bundle, many, "--out", tmp_path / "out.csv")
    assert done.code == 2
    assert "out.csv: another process is writing it now; wait for it, or stop it first" in done.err


def test_resume_without_a_job_begins(bundle: Path, many: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv", "--resume")
    assert done.code == 0
    assert "out.csv: no job was left behind, begins with the first row" in done.err
    assert len(read_csv(tmp_path / "out.csv")) == 300


def test_ctrl_c_keeps_what_is_done(
    bundle: Path, many: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Job.append

    def stopped(self: Job, piece: bytes, rows: int, report: dict) -> None:
        if rows > 128:
            raise KeyboardInterrupt
        append(self, piece, rows, report)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "append", stopped)
        done = cli("predict", bundle, many, "--out", tmp_path / "out.csv")
    assert done.code == 130
    assert done.err.endswith("stopped; what is done is kept: go on with --resume\n")
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv", "--resume")
    assert "out.csv: goes on after 128 rows" in done.err
    assert len(read_csv(tmp_path / "out.csv")) == 300


def test_a_disk_that_fills_later_keeps_what_is_done(bundle: Path, many: Path, tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from drugml.runs.predict import stream\n"
        "stream.CHUNK = 64\n"
        f"sys.argv = ['drugml', 'predict', {str(bundle)!r}, {str(many)!r}, '--out', 'out.csv']\n"
        "from drugml.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "out.csv: cannot be written: File too large; " in done.stderr
    assert "rows are kept in .out.csv.parts; go on with --resume when it can be written" in done.stderr
    predict([str(bundle)], [str(many)], tmp_path / "whole.csv")
    rows = json.loads((tmp_path / ".out.csv.parts/state.json").read_text())["done"]["rows"]
    assert rows in range(64, 300, 64)


def test_a_file_that_changes_while_it_is_read_gives_no_output(bundle: Path, many: Path, tmp_path: Path) -> None:
    def touch(done: int, _: int) -> None:
        if done == 128:
            os.utime(many, ns=(1, 1))

    with pytest.raises(UserError, match=r"in.csv: was changed while it was read; predict it again"):
        predict([str(bundle)], [str(many)], tmp_path / "out.csv", progress=touch)
    assert not (tmp_path / "out.csv").exists()


def test_a_table_that_breaks_half_way_leaves_nothing(bundle: Path, many: Path, tmp_path: Path) -> None:
    many.write_text(many.read_text() + '301,"C\n')
    with pytest.raises(UserError, match=r"in.csv:302: a quote \(\"\) is opened on this line and never closed"):
        predict([str(bundle)], [str(many)], tmp_path / "out.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_progress_says_rate_and_time_left(
    bundle: Path,
    many: Path,
    tmp_path: Path,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("drugml.cli.predicting.EVERY", 0)
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv")
    assert re.search(r"^128 of about 300 rows, [\d,]+/s, \d+ s left$", done.err, re.MULTILINE), done.err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with shown() as progress:
        progress(0, 301)
        time.sleep(0.01)
        progress(64, 301)
    assert predicting._time(7_200, 1.0) == "2.0 h"
    assert predicting._time(600, 1.0) == "10 min"
    shown_bar = capsys.readouterr().err
    assert " 64/301" in shown_bar
    assert " molecules/s" in shown_bar


# Faults


FATAL = """
import os
import drugml.featurizers.graph as graph
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


# Several models and inputs


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

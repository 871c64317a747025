"""Predictions that are killed, stopped or broken go on to the same bytes, or say why not."""

import json
import os
import resource
import signal
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

from drugml.errors import UserError
from drugml.prediction.bundle import load
from drugml.runs.predict import predict
from drugml.runs.predict.job import Job
from tests.conftest import Cli, Start, read_csv, write_csv
from tests.pieces import POOL, killed

pytestmark = pytest.mark.usefixtures("small_pieces")


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize("moment", ["between", "half a piece", "before the state", "before the end", "at the end"])
def test_a_killed_job_goes_on_to_the_same_bytes(
    bundle: Path, many: Path, tmp_path: Path, ending: str, moment: str
) -> None:
    whole = tmp_path / f"whole.{ending}"
    report = predict([str(bundle)], [str(many)], whole)
    out = tmp_path / f"out.{ending}"

    killed(bundle, many, out, moment)
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
    bundle: Path, tmp_path: Path, cli: Cli, process: Start
) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [[s] for s in POOL * 60])
    first = process("predict", bundle, source, "--out", "out.csv", "--workers", 2, cwd=tmp_path)
    state = tmp_path / ".out.csv.parts/state.json"
    while not (state.exists() and json.loads(state.read_text())["done"]["rows"]):
        assert first.poll() is None, first.errors
        time.sleep(0.01)
    workers = [p.name for p in Path("/proc").iterdir() if _group(p.name) == first.pid and p.name != str(first.pid)]
    first.signal(signal.SIGKILL)  # the main process only
    first.wait()
    assert len(workers) >= 2
    deadline = time.monotonic() + 30
    while any(_group(p) == first.pid for p in workers):  # they end by themselves
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
    killed(bundle, many, tmp_path / "out.csv", "between")
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


def _small_disk_and_pieces() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    from drugml.runs.predict import stream

    stream.CHUNK = 64


def test_a_disk_that_fills_later_keeps_what_is_done(bundle: Path, many: Path, tmp_path: Path, process: Start) -> None:
    done = process("predict", bundle, many, "--out", "out.csv", cwd=tmp_path, before=_small_disk_and_pieces)
    assert done.wait() == 2, done.errors
    assert "out.csv: cannot be written: File too large; " in done.errors
    assert "rows are kept in .out.csv.parts; go on with --resume when it can be written" in done.errors
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

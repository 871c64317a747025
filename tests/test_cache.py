"""The cache of packed stores: shared by processes, bounded, never half a store, never one that is in use."""

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from drugml.cli.cache import app
from drugml.config.featurizers import ChempropV2Spec, MorganSpec
from drugml.config.standardize import NoStandardization
from drugml.data.cache import (
    DAMAGED,
    age_text,
    entries,
    lock_of,
    prune,
    remove,
    size_in_bytes,
    size_limit,
    size_text,
    stores_folder,
)
from drugml.data.store import META, PackedStore
from drugml.data.table import Table
from drugml.data.use import claimed
from drugml.errors import UserError
from drugml.featurizers.cached import pack_cached
from drugml.featurizers.pack import Packed, pack
from tests.conftest import SMILES

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
DAY = 86_400


def cached(cache: Path, smiles: list[str] = SMILES, bits: int = 64) -> Packed:
    options = {"standardize": NoStandardization(), "max_atoms": 1000, "workers": 1}
    return pack_cached(smiles, MorganSpec(bits=bits), cache=cache, **options)


def three(cache: Path) -> list[Path]:
    """Stores that were last used three, two and one days ago."""
    found = []
    for n in (3, 2, 1):
        cached(cache, SMILES[:n])
        (new,) = {e.folder for e in entries(cache)} - {*found}
        os.utime(new / META, (time.time() - n * DAY,) * 2)
        found.append(new)
    return found


def in_a_process(code: str, cache: Path) -> "subprocess.Popen[str]":
    start = """
import logging, sys
from pathlib import Path
from tests.conftest import SMILES
from tests.test_cache import cached
cache = Path(sys.argv[1])
"""
    command = [sys.executable, "-c", start + code, str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_of_many_processes_that_want_the_same_one_packs_it(tmp_path: Path) -> None:
    code = "logging.basicConfig(level='INFO', format='%(message)s'); print(len(cached(cache, SMILES * 5).store))"
    running = [in_a_process(code, tmp_path) for _ in range(3)]
    said = [p.communicate(timeout=120)[0] for p in running]
    assert all("300\n" in s for s in said), said
    assert sorted("features: 300 molecules from the cache" in s for s in said) == [False, True, True]
    assert [e.molecules for e in entries(tmp_path)] == [300]


def test_who_waits_is_told_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached(tmp_path)
    (entry,) = entries(tmp_path)
    remove(entry.folder)
    code = """
import time
from filelock import FileLock
with FileLock(cache):
    print("held", flush=True)
    time.sleep(2)
"""
    holder = in_a_process(code, lock_of(entry.folder))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with caplog.at_level(logging.INFO, "drugml"):
        assert cached(tmp_path).store is not None
    assert "features: another process is packing the same molecules; waiting for it" in caplog.messages
    assert holder.wait() == 0


def test_a_killed_writer_leaves_nothing_that_is_read_and_no_lock(tmp_path: Path) -> None:
    killed = """
import os, signal
from drugml.data import store
saved = []
def save(file, array, **options):
    saved.append(file)
    file.write(b"half")
    file.flush()
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
store.np.save = save
cached(cache)
"""
    process = in_a_process(killed, tmp_path)
    assert process.wait(timeout=60) == -signal.SIGKILL
    (left,) = stores_folder(tmp_path).iterdir()
    assert left.name.startswith(".")
    assert entries(tmp_path) == []
    assert cached(tmp_path).store is not None
    assert [e.what for e in entries(tmp_path)] == ["morgan bits=64, standardized: none"]
    prune(tmp_path)
    assert left.exists()  # it could be alive
    os.utime(left, (time.time() - 2 * DAY,) * 2)
    prune(tmp_path)
    assert not left.exists()
    assert len(entries(tmp_path)) == 1


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    folders = three(tmp_path)
    found = entries(tmp_path)
    assert [e.folder for e in found] == folders
    assert [e.molecules for e in found] == [3, 2, 1]
    assert sum(e.size for e in found) == sum(f.stat().st_size for f in tmp_path.rglob("stores/*/*"))
    done = prune(tmp_path, max_bytes=found[1].size + found[2].size)
    assert done.removed == found[:1]
    assert done.left == entries(tmp_path) == found[1:]
    cached(tmp_path, SMILES[:2])  # used now
    assert [e.folder for e in entries(tmp_path)] == [folders[2], folders[1]]
    assert [e.folder for e in prune(tmp_path, older_than_days=0.5).removed] == [folders[2]]
    assert [e.folder for e in prune(tmp_path, everything=True).removed] == [folders[1]]
    assert [f for f in tmp_path.rglob("*") if not f.is_dir()] == []


def test_a_store_in_use_stays_and_can_be_read(tmp_path: Path) -> None:
    packed = cached(tmp_path)
    again = cached(tmp_path)
    assert again.store is not None
    assert isinstance(again.store.molecule["fingerprint"], np.memmap)
    done = prune(tmp_path, everything=True)
    assert (done.removed, len(done.in_use), len(done.left)) == ([], 1, 1)
    np.testing.assert_array_equal(again.store.molecule["fingerprint"], packed.store.molecule["fingerprint"])  # type: ignore[union-attr]
    del again
    gc.collect()
    assert len(prune(tmp_path, everything=True).removed) == 1
    assert entries(tmp_path) == []


def test_a_store_that_is_being_removed_counts_as_none(tmp_path: Path) -> None:
    cached(tmp_path)
    (entry,) = entries(tmp_path)
    with claimed(entry.folder / META), pytest.raises(FileNotFoundError):
        PackedStore.load(entry.folder)
    assert len(PackedStore.load(entry.folder)[0]) == len(SMILES)


def test_a_damaged_store_is_shown_and_goes_in_any_case(tmp_path: Path) -> None:
    cached(tmp_path)
    cached(tmp_path, bits=32)
    damaged = entries(tmp_path)[0].folder
    (damaged / META).write_text("[]")
    assert [e.what for e in entries(tmp_path)] == [DAMAGED, "morgan bits=32, standardized: none"]
    assert [e.folder for e in prune(tmp_path).removed] == [damaged]
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("content", ["[]", "{}", '{"arrays": 3}', '{"arrays": {"start.atom": 3}}', '{"arrays": {}}'])
def test_whatever_stands_in_a_damaged_store_it_is_packed_anew(tmp_path: Path, content: str) -> None:
    cached(tmp_path)
    (entry,) = entries(tmp_path)
    (entry.folder / META).write_text(content)
    assert cached(tmp_path).store is not None
    assert [e.molecules for e in entries(tmp_path)] == [len(SMILES)]


def test_the_cache_keeps_its_size_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folders = three(tmp_path)
    sizes = [e.size for e in entries(tmp_path)]
    monkeypatch.setenv("DRUGML_CACHE_SIZE", f"{sum(sizes) - 1}")
    with caplog.at_level(logging.INFO, "drugml"):
        cached(tmp_path, SMILES[:1], bits=32)
    said = f"features: 1 store ({size_text(sizes[0])}) removed from the cache, DRUGML_CACHE_SIZE is reached"
    assert caplog.messages == [said]
    assert [e.folder for e in entries(tmp_path)[:2]] == folders[1:]
    assert len(entries(tmp_path)) == 3


def test_a_store_larger_than_the_cache_may_be_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRUGML_CACHE_SIZE", "1KB")
    assert cached(tmp_path).store is not None
    assert entries(tmp_path) == []


def test_a_size_that_is_none_is_said_before_anything_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRUGML_CACHE_SIZE", "much")
    with pytest.raises(UserError) as error:
        cached(tmp_path)
    assert str(error.value) == (
        "DRUGML_CACHE_SIZE: 'much' is no size; write a number and B, KB, MB, GB or TB, such as 20GB"
    )
    monkeypatch.delenv("DRUGML_CACHE_SIZE")
    assert size_limit() == 20 * 10**9


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("1.5 tb", 1500 * 10**9), ("20", 20), ("0", 0), (" 7 kB ", 7000), ("3b", 3)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_in_bytes(text, "here") == size


@pytest.mark.parametrize("text", ["", "-1GB", "1e3", "5 GiB", "GB", "nan", "1,5GB"])
def test_what_is_no_size_is_none(text: str) -> None:
    with pytest.raises(UserError, match=r"here: .* is no size"):
        size_in_bytes(text, "here")


@given(st.integers(0, 10**15))
def test_a_size_is_written_so_that_it_is_read_again(size: int) -> None:
    assert size_in_bytes(size_text(size), "here") == pytest.approx(size, rel=0.06)


def test_ages_are_written_in_words() -> None:
    seconds = (0, 119, 120, 7199, 7200, 2 * DAY - 1, 2 * DAY, -9)
    said = ["just now", "just now", "2 minutes ago", "119 minutes ago", "2 hours ago", "47 hours ago", "2 days ago"]
    assert [age_text(time.time() - s - 0.5) for s in seconds] == [*said, "just now"]


def test_the_commands_list_and_prune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRUGML_CACHE", str(tmp_path))

    def run(*args: str) -> list[str]:
        return CliRunner().invoke(app, args, catch_exceptions=False).output.splitlines()

    assert run("list") == [f"0 stores (0 B) of at most 20.0 GB (DRUGML_CACHE_SIZE), in {tmp_path}"]
    folders = three(tmp_path)
    sizes = [size_text(e.size) for e in entries(tmp_path)]
    header, *rows, total = run("list")
    assert header.split("  ")[0] == "key"
    for row, folder, size, n in zip(rows, folders[::-1], sizes[::-1], (1, 2, 3), strict=True):
        age = f"{24 * n} hours ago" if n == 1 else f"{n} days ago"
        cells = [c.strip() for c in row.split("  ") if c.strip()]
        assert cells == [folder.name[:12], "morgan bits=64, standardized: none", str(n), size, age]
    assert total.startswith("3 stores (")
    assert run("prune") == [f"0 stores (0 B) removed, {total.split(' of ')[0]} left"]
    assert run("prune", "--older-than", "2.5")[0].startswith(f"1 store ({sizes[0]}) removed, 2 stores (")
    store, _ = PackedStore.load(folders[1])
    assert run("prune", "--max-size", "0")[1:] == [
        f"1 store ({sizes[1]}) kept: in use by a process, or write-protected"
    ]
    del store
    gc.collect()
    assert run("prune", "--all")[0].endswith(", 0 stores (0 B) left")
    with pytest.raises(UserError, match="--all removes everything; leave out --max-size and --older-than, or --all"):
        run("prune", "--all", "--max-size", "1GB")
    with pytest.raises(UserError, match="--max-size: 'big' is no size"):
        run("prune", "--max-size", "big")


def test_a_cache_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert entries(tmp_path / "none") == []
    assert prune(tmp_path / "none", everything=True) == ([], [], [])


@pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
def test_a_drug_like_molecule_takes_at_most_600_bytes(tmp_path: Path) -> None:
    """The first 10,000 of MOSES as graphs, with what splits need to know of them."""
    smiles = [r.cells[0] for _, r in zip(range(10_000), Table(DATA / "screening/moses_250k.csv.gz"), strict=False)]
    options = {"standardize": NoStandardization(), "max_atoms": 1000}
    store = pack(smiles, ChempropV2Spec(), **options).store
    few = pack(SMILES, ChempropV2Spec(), identities=True, **options).store
    assert store is not None
    assert few is not None
    identities = sum(array.dtype.itemsize for array in few.molecule.values())
    store.save(tmp_path / "store", {})
    on_disk = sum(f.stat().st_size for f in (tmp_path / "store").iterdir()) / len(store)
    assert store.nbytes / len(store) <= on_disk < store.nbytes / len(store) + 1
    assert on_disk + identities <= 600
    shutil.rmtree(tmp_path / "store")

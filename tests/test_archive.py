"""An archive that was damaged, changed or made to do harm is refused, with the reason."""

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from drugml.errors import UserError
from drugml.runs.archive import MANIFEST, pack, unpack


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a" * 1000)
    (folder / "deep/b.bin").write_bytes(bytes(range(256)))
    pack(folder, tmp_path / "x.zip", {"what": "a test"})
    return tmp_path / "x.zip"


def rewrite(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """The same archive with other members."""
    with zipfile.ZipFile(path) as source:
        members = {n: source.read(n) for n in source.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as target:
        for name, data in members.items():
            target.writestr(name, data)


def add(path: Path, name: str | zipfile.ZipInfo, data: str = "x") -> None:
    with zipfile.ZipFile(path, "a") as target:
        target.writestr(name, data)


def link(name: str, to: str, path: Path) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    add(path, info, to)


def refusal(path: Path, folder: Path) -> str:
    with pytest.raises(UserError) as found:
        unpack(path, folder)
    return str(found.value)


def test_what_was_packed_comes_out(archive: Path, tmp_path: Path) -> None:
    manifest = unpack(archive, tmp_path / "out")
    assert manifest["about"] == {"what": "a test"}
    given, out = tmp_path / "given", tmp_path / "out"
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == ["a.txt", "deep/b.bin"]
    assert all((out / n).read_bytes() == (given / n).read_bytes() for n in ("a.txt", "deep/b.bin"))
    with pytest.raises(UserError, match=r"x\.zip: exists already; name another file or remove it"):
        pack(given, archive, {})


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "deep/../../evil.txt", "..\\evil.txt", "C:evil.txt"])
def test_a_name_that_leads_outside_is_refused_and_nothing_written(name: str, archive: Path, tmp_path: Path) -> None:
    add(archive, name)
    said = refusal(archive, tmp_path / "out")
    assert said == f"{archive}: {name!r} would write outside of its folder; do not use this archive"
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "evil.txt").exists()


def test_a_link_is_refused(archive: Path, tmp_path: Path) -> None:
    link("deep/link", "/etc/passwd", archive)
    assert "'deep/link' would write outside of its folder" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update({"a.txt": b"b" * 1000}), "a.txt has SHA-256 "),
        (lambda m: m.pop("a.txt"), "it does not hold the files that it lists (a.txt)"),
        (lambda m: m.update({"c.txt": b""}), "it does not hold the files that it lists (c.txt)"),
        (lambda m: m.update({MANIFEST: m[MANIFEST].replace(b"a test", b"a best")}), f"the hash of {MANIFEST} does"),
    ],
)
def test_a_changed_archive_is_refused(
    change: Callable[[dict[str, bytes]], object], said: str, archive: Path, tmp_path: Path
) -> None:
    rewrite(archive, change)
    found = refusal(archive, tmp_path / "out")
    assert found.startswith(f"{archive}: was changed after it was written: {said}")
    assert found.endswith("; use the original archive")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["a.txt", MANIFEST])
def test_a_name_that_is_there_twice_is_refused(name: str, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        again = source.read(name).decode()
    add(archive, name, again)
    assert f"it does not hold the files that it lists ({name})" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("at", [-1, 0, 300])
def test_a_cut_or_damaged_file_is_refused(at: int, archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2] if at < 0 else data[:at] + bytes(40) + data[at + 40 :])
    assert refusal(archive, tmp_path / "out").startswith(f"{archive}: ")


def test_what_is_no_archive_of_ours_is_named(archive: Path, tmp_path: Path) -> None:
    missing = f"{tmp_path}/none.zip: cannot be read: No such file or directory"
    assert refusal(tmp_path / "none.zip", tmp_path / "out") == missing
    rewrite(archive, lambda m: m.pop(MANIFEST))
    expected = f"{archive}: was not made by `drugml registry export`: {MANIFEST} is missing or no list of files"
    assert refusal(archive, tmp_path / "out") == expected
    rewrite(archive, lambda m: m.update({MANIFEST: json.dumps({"format": 9, "files": {}, "hash": ""}).encode()}))
    assert "archive format 9 is newer than this drugml reads (1); update drugml" in refusal(archive, tmp_path / "out")

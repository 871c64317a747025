"""A folder as one zip file that says of itself whether it is whole."""

import hashlib
import json
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from drugml.errors import UserError

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20


def pack(folder: Path, out: Path, about: Mapping[str, Any]) -> str:
    """Write all files of a folder and a list of their SHA-256 hashes, return the hash of that list.

    Raises:
        UserError: if the file exists or cannot be written.
    """
    if out.exists():
        raise UserError(f"{out}: exists already; name another file or remove it")
    files = {p.relative_to(folder).as_posix(): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    manifest = {"format": FORMAT, "about": dict(about), "files": files}
    manifest["hash"] = _hash(manifest)
    part = out.with_name(f"{out.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
            for name in files:
                archive.write(folder / name, name)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from None
    return str(manifest["hash"])


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Write the files of an archive into an empty folder, return its manifest.

    Raises:
        UserError: if it is no such archive, is damaged or was changed, or would write outside of the folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(path, archive)
            _check_names(path, archive, manifest["files"])
            for name, expected in manifest["files"].items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, BLOCK)
                if (found := _sha256(target)) != expected:
                    raise _changed(path, f"{name} has SHA-256 {found[:12]}, expected {expected[:12]}")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path}: no zip file, or damaged ({error}); get it again") from None
    return manifest


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        found = json.loads(archive.read(MANIFEST))
        version, files, told = found["format"], found["files"], found["hash"]
        known = isinstance(version, int) and all(isinstance(v, str) for v in files.values())
    except (KeyError, TypeError, AttributeError, ValueError):
        known = False
    if not known:
        raise UserError(f"{path}: was not made by `drugml registry export`: {MANIFEST} is missing or no list of files")
    if version > FORMAT:
        raise UserError(f"{path}: archive format {version} is newer than this drugml reads ({FORMAT}); update drugml")
    if told != _hash({k: v for k, v in found.items() if k != "hash"}):
        raise _changed(path, f"the hash of {MANIFEST} does not fit")
    return dict(found)


def _check_names(path: Path, archive: zipfile.ZipFile, files: Mapping[str, str]) -> None:
    for info in archive.infolist():
        parts = PurePosixPath(info.filename).parts
        outside = not parts or ".." in parts or re.match(r"/|[A-Za-z]:", info.filename) or "\\" in info.filename
        if outside or stat.S_ISLNK(info.external_attr >> 16):
            raise UserError(f"{path}: {info.filename!r} would write outside of its folder; do not use this archive")
    names = [i.filename for i in archive.infolist() if i.filename != MANIFEST]
    if sorted(names) != sorted(files) or len(archive.infolist()) != len(names) + 1:
        odd = sorted({*names} ^ {*files}) or sorted({n for n in names if names.count(n) > 1}) or [MANIFEST]
        raise _changed(path, f"it does not hold the files that it lists ({', '.join(odd[:3])})")


def _changed(path: Path, what: str) -> UserError:
    return UserError(f"{path}: was changed after it was written: {what}; use the original archive")


def _hash(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

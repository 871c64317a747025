"""Files of `torch.save` that other programs wrote: tensors, text and numbers, and nothing that could act."""

import hashlib
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from drugml.errors import UserError


class Inert:
    """Stands in for an object of a class that is not imported: holds what it was made of, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Read(NamedTuple):
    """What a file holds."""

    path: Path
    values: dict[str, Any]
    sha256: str


def name_of(value: Any) -> str:
    """The name, without its module, of a class or of an object's class; stand-ins are called as what they stand for."""
    return value.__name__ if isinstance(value, type) else type(value).__name__


def read(path: Path, packages: Sequence[str], program: str) -> Read:
    """Read a dictionary that was written by `torch.save`, without importing or calling what it names.

    torch's own reader for untrusted files does it: of what a pickle may name it knows tensors and plain containers.
    Names within `packages` are read as classes that do nothing; a file with any other name is refused.

    Args:
        path: of the file.
        packages: whose classes the file may name, such as `chemprop`.
        program: that wrote it, for errors.

    Raises:
        UserError: if it is no such file, is damaged, or names anything else.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():  # torch does not look at checksums
                raise ValueError(f"{broken} has another checksum than when it was written")
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception as error:  # whatever torch makes of a file that is none of its own
        raise UserError(f"{path}: {_no_file(program)}: {_first(error)}") from None
    if other := sorted(n for n in named if not n.startswith(tuple(f"{p}." for p in packages))):
        raise UserError(
            f"{path}: names {', '.join(other)}, which no model of {program} needs; nothing of it was run. Expected "
            f"tensors and classes of {', '.join(packages)}; ask for the file again where it came from"
        )
    try:
        with torch.serialization.safe_globals([(_stand_in(n), n) for n in named]):
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # as above
        raise UserError(f"{path}: {_no_file(program)}: {_first(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: {_no_file(program)}: it holds a {name_of(values)}, expected a dictionary")
    return Read(path, values, sha256)


def _stand_in(name: str) -> type:
    """A class that is called like another; Lightning's dictionary with attributes is read as a dictionary."""
    module, _, short = name.rpartition(".")
    return OrderedDict if short == "AttributeDict" else type(short, (Inert,), {"__module__": module})


def _no_file(program: str) -> str:
    return f"damaged, or not a model file of {program}"


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

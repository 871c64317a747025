"""What could not be sent to the store yet: entries in order, in a file that exists only while there are any."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drugml.errors import UserError

UNSENT = "unsent.jsonl"
"""In the folder of a run."""
Entry = dict[str, Any]
"""Kind to what is sent; one kind only."""


class Journal:
    """The unsent entries of one run. A first line says where they belong; each entry is written at once."""

    def __init__(self, folder: Path, run_id: str, uri: str) -> None:
        self.path = folder / UNSENT
        self.run_id, self.uri = run_id, uri
        self.entries = _read(self.path)[1] if self.path.exists() else []

    @property
    def complete(self) -> bool:
        """Whether the run came to its end, which is not sent yet."""
        return any(e.get("status", {}).get("status") == "FINISHED" for e in self.entries)

    def add(self, entry: Entry) -> None:
        """Write an entry behind the others.

        Raises:
            OSError: if it cannot be written whole; the file is as before then.
        """
        lines = [entry] if self.path.exists() else [{"run": self.run_id, "uri": self.uri}, entry]
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if self.path.exists():  # half an entry must not stand before the next one
                os.truncate(self.path, before) if before else self.path.unlink()
            raise
        self.entries.append(entry)

    def keep(self, entries: list[Entry]) -> None:
        """Replace all entries; without any the file goes."""
        if entries:
            part = self.path.with_suffix(".part")
            lines = [{"run": self.run_id, "uri": self.uri}, *entries]
            part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
            part.replace(self.path)
        else:
            self.path.unlink(missing_ok=True)
        self.entries = entries


def unsent(folder: Path) -> int:
    """Entries that a run, and those nested in it, have not sent."""
    return sum(len(_read(path)[1]) for path in folder.rglob(UNSENT))


def journals(folder: Path) -> Iterator[Journal]:
    """Those of a folder and all folders in it.

    Raises:
        UserError: if one cannot be read.
    """
    for path in sorted(folder.rglob(UNSENT)):
        head, _ = _read(path)
        yield Journal(path.parent, head["run"], head["uri"])


def _read(path: Path) -> tuple[Entry, list[Entry]]:
    """Head and entries; a last line that a power cut left unfinished is none."""
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    try:
        head, *entries = map(json.loads, whole)
        return {"run": head["run"], "uri": head["uri"]}, entries
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: is no list of unsent entries ({error}); mend or remove it, metrics.csv beside it has all epochs"
        ) from None

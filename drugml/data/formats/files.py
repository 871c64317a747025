"""Files as bytes and as lines: unpacked by their first bytes, decoded, checked; errors name line and byte."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import zstandard

from drugml.errors import UserError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x2a\x4d\x18"
"""Bytes 2 to 4 of a skippable zstd frame, whose first is 0x50 to 0x5F (RFC 8878, 3.1.2)."""
PACKED = (".gz", ".zst")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
OTHER = {
    b"PAR1": "a Parquet file; give it the ending .parquet",
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save the sheet as csv",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save the sheet as csv",
}
"""First bytes of what is often taken for a text table."""
DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What unpacking a damaged file raises."""
BLOCK = 1 << 18
PIECE = 1 << 15
"""Bytes that are unpacked at a time."""


def without_packing(path: Path) -> str:
    """The file's name without .gz or .zst."""
    for ending in PACKED:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.name


def open_bytes(path: Path) -> io.BufferedReader:
    """The unpacked bytes of a plain, gzip or zstd file, told apart by its first bytes.

    Raises:
        UserError: if the file cannot be opened.
    """
    try:
        file = path.open("rb")
        magic = file.read(4)
        file.seek(0)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    if magic.startswith(GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file)), BLOCK)
    if magic == ZSTD or _skippable(magic):
        return io.BufferedReader(_Zstd(file), BLOCK)
    return file


def open_text(path: Path) -> io.TextIOWrapper:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark; line ends stay as they are.

    Raises:
        UserError: if the file cannot be opened or unpacked, or is no text by its first bytes.
    """
    file = open_bytes(path)
    try:
        start = file.peek(4)[:4]
    except DAMAGE as error:
        file.close()
        raise UserError(f"{path}: cannot be unpacked: {error}; is it damaged?") from None
    if other := [what for magic, what in OTHER.items() if start.startswith(magic)]:
        file.close()
        raise UserError(f"{path}: is {other[0]}")
    return io.TextIOWrapper(file, encoding="utf-16" if start.startswith(UTF16) else "utf-8-sig", newline="")


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends (LF, CRLF or CR).

    Raises:
        UserError: where it is damaged, not UTF-8, or holds a NUL; names the line.
    """
    with open_text(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise _nul(path, number)
                yield line
        except DAMAGE as error:
            raise UserError(f"{path}: cannot be read to its end: {error}; is it damaged?") from None
        except UnicodeDecodeError:
            raise _not_utf8(path, file.encoding) from None


def first_text(path: Path, size: int) -> str:
    """The first characters of a text file, to learn its form from.

    Raises:
        UserError: as `text_lines`, and if there is nothing but white space.
    """
    with open_text(path) as file:
        try:
            text = file.read(size)
        except DAMAGE as error:
            raise UserError(f"{path}: cannot be unpacked: {error}; is it damaged?") from None
        except UnicodeDecodeError:
            raise _not_utf8(path, file.encoding) from None
    if "\0" in text:
        raise _nul(path, _line_ends(text[: text.index("\0")]) + 1)
    if not text.strip():
        raise UserError(f"{path}: the file is empty; expected a header line and one row per molecule")
    return text


class _Zstd(io.RawIOBase):
    """Zstandard frames one after the other, skippable ones left out.

    The library's own reader takes a truncated file for a short one, and skippable frames for damage.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        while not self._ready and self._more():
            pass
        n = min(len(view), len(self._ready))
        view[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n

    def _more(self) -> bool:
        """Unpack a piece; False at the end of the file."""
        if self._frame is None and not self._begin():
            return False
        assert self._frame is not None
        packed, self._packed = self._packed or self._file.read(PIECE), b""
        if not packed:
            raise EOFError("the file ended within a compressed frame")
        self._ready = self._frame.decompress(packed)
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        return True

    def _begin(self) -> bool:
        """Find the next frame; False where there is none."""
        while self._hold(1):
            self._hold(8)
            if not _skippable(self._packed[:4]):
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                return True
            if len(self._packed) < 8:
                raise EOFError("the file ended within a skippable frame")
            self._skip(8 + int.from_bytes(self._packed[4:8], "little"))
        return False

    def _hold(self, size: int) -> bool:
        """Whether so many packed bytes are there."""
        while len(self._packed) < size and (more := self._file.read(PIECE)):
            self._packed += more
        return len(self._packed) >= size

    def _skip(self, size: int) -> None:
        """Go on behind so many packed bytes."""
        while size > len(self._packed):
            size -= len(self._packed)
            if not (more := self._file.read(PIECE)):
                raise EOFError("the file ended within a skippable frame")
            self._packed = more
        self._packed = self._packed[size:]


def _skippable(magic: bytes) -> bool:
    return magic[1:4] == SKIPPABLE and 0x50 <= magic[0] <= 0x5F


def _nul(path: Path, line: int) -> UserError:
    return UserError(
        f"{path}:{line}: a NUL byte, so this is not a text file; expected csv, tsv, smi or sdf in UTF-8. "
        "If it is UTF-16 without a byte order mark, convert it with `iconv -f UTF-16LE -t UTF-8`"
    )


def _not_utf8(path: Path, encoding: str) -> UserError:
    """Say where: read a second time, now for the place."""
    if encoding == "utf-16":
        return UserError(f"{path}: begins as UTF-16 but is not; save it as UTF-8")
    decoder, line, last = codecs.getincrementaldecoder("utf-8")(), 1, ""
    with open_bytes(path) as file:
        while piece := file.read(BLOCK):
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(piece)
            except UnicodeDecodeError as error:
                whole = pending + piece
                line += _line_ends((last + whole[: error.start].decode()).replace("\r\n", "\n"))
                around = whole[max(error.start - 10, 0) : error.start + 5]
                return UserError(
                    f"{path}:{line}: the byte 0x{whole[error.start]:02x} in {around!r} "
                    "is not UTF-8; if the file is in Windows' encoding (Latin-1), convert it with "
                    "`iconv -f WINDOWS-1252 -t UTF-8`"
                )
            last, text = ("\r", (last + text)[:-1]) if text.endswith("\r") else ("", last + text)
            line += _line_ends(text)
    return UserError(f"{path}: the file ends within a character of UTF-8; is it damaged?")


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")

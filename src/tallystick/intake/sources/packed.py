"""Files as they lie on the disk: by which name they are known, and how they are unpacked."""

from __future__ import annotations

import gzip
import io
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import zstandard

from tallystick.core.errors import FileRefused
from tallystick.intake.sources import limits
from tallystick.intake.sources.refusals import LOCKED, refusing

if TYPE_CHECKING:
    from collections.abc import Iterator


STANDARD_INPUT = "-"
LINES_OF_JSON = (".ndjson", ".jsonl")
DOCUMENT = ".json"
FROM_THE_END = (".parquet", ".xlsx")
"""Formats that begin with a look at the end of the file."""
FORMATS = (".csv", ".tsv", ".txt", ".out", *LINES_OF_JSON, DOCUMENT, *FROM_THE_END)
ARCHIVE = ".zip"
OLD_TABLE = ".xls"
OTHER_TABLES = (OLD_TABLE, ".xlsb", ".ods", ".numbers")
JUNK_FOLDER = "__MACOSX"  # what systems put into archives beside the files
JUNK_FILES = ("thumbs.db", "desktop.ini")


def is_read_once(path: str) -> bool:
    """Whether what is read there is gone then: standard input, or a pipe."""
    return path == STANDARD_INPUT or Path(path).is_fifo()


@contextmanager
def to_be_read_again(path: str) -> Iterator[IO[bytes] | None]:
    """What can be read once only, as a temporary file; None for a file."""
    if not is_read_once(path):
        yield None
        return
    with tempfile.TemporaryFile() as spooled:
        spooled.writelines(_chunks(path))
        yield spooled


def _chunks(path: str) -> Iterator[bytes]:
    with refusing(path, "cannot be read"), bytes_of(path) as file:
        while chunk := file.read(limits.BLOCK_BYTES):
            yield chunk


def format_of(path: str) -> tuple[str | None, str | None]:
    """The suffix of a path's format, None where it tells none, and the one of how it is packed."""
    if path == STANDARD_INPUT:
        return ".csv", None
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in {".gz", ".zst"} else None
    suffix = suffixes[-1] if suffixes else ""
    suffix = ".xlsx" if suffix == ".xlsm" else suffix  # one with macros, which are not looked at
    if suffix == ARCHIVE:
        message = f"{path}: is an archive within an archive, or cannot be read as one: unpack it"
        raise FileRefused(message)
    return (suffix if suffix in FORMATS else None), packed


class Member(NamedTuple):
    """A file in an archive."""

    archive: str
    name: str


def member_of(path: str) -> Member | None:
    """The file in an archive that a path like `archive.zip/name` means."""
    at = path.lower().find(f"{ARCHIVE}/")
    if at < 0 or not Path(path[: at + len(ARCHIVE)]).is_file():
        return None
    return Member(path[: at + len(ARCHIVE)], path[at + len(ARCHIVE) + 1 :])


def file_of(path: str) -> Path:
    """The file on the disk that a path is, or is in."""
    member = member_of(path)
    return Path(member.archive if member else path)


def members_of(path: str) -> list[str]:
    """The paths of the files in an archive, in its order. Raises `FileRefused`.

    Those are left out that systems put beside the files.
    """
    with refusing(path, "cannot be read"), zipfile.ZipFile(path) as archive:
        names = [part.filename for part in archive.infolist() if not part.is_dir()]
    names = [name for name in names if not _is_junk(name)]
    if not names:
        message = f"{path}: there is no file in the archive, or none that is not hidden"
        raise FileRefused(message)
    if len(names) > limits.ARCHIVE_FILES_MAX:
        message = (
            f"{path}: an archive may have {limits.ARCHIVE_FILES_MAX:,} files, not {len(names):,}"
        )
        raise FileRefused(message)
    return [f"{path}/{name}" for name in names]


def _is_junk(name: str) -> bool:
    """Whether a file in an archive is none that somebody put there."""
    *folders, file = name.split("/")
    is_hidden = file.startswith(".")
    return is_hidden or JUNK_FOLDER in folders or file.lower() in JUNK_FILES


@contextmanager
def bytes_of(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, of one in an archive, or of standard input, as they are packed."""
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
    elif member := member_of(path):
        with zipfile.ZipFile(member.archive) as archive, _opened(path, archive, member) as part:
            yield part
    else:
        with Path(path).open("rb") as file:
            yield file


def _opened(path: str, archive: zipfile.ZipFile, member: Member) -> IO[bytes]:
    try:
        return archive.open(member.name)
    except KeyError as error:
        message = f"{path}: is not in the archive"
        raise FileRefused(message) from error
    except NotImplementedError:  # a RuntimeError, too: packed in a way that is not known
        raise
    except RuntimeError as error:
        message = f"{path}: {LOCKED}: unpack it, and import what was in it"
        raise FileRefused(message) from error


@contextmanager
def to_be_sought(path: str, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """A file of an archive as one that can be read from its end. Raises `FileRefused`."""
    with tempfile.TemporaryFile() as spooled:
        while chunk := file.read(limits.BLOCK_BYTES):
            spooled.write(chunk)
            if spooled.tell() > limits.SPOOLED_BYTES_MAX:
                message = f"{path}: may unpack to {limits.SPOOLED_BYTES_MAX:,} bytes; unpack it"
                raise FileRefused(message)
        spooled.seek(0)
        yield spooled


@contextmanager
def unpacked(file: IO[bytes], packed: str | None) -> Iterator[IO[bytes]]:
    """The same bytes unpacked; of a file whose name says that it is not packed, as they are."""
    if packed == ".gz":
        with gzip.GzipFile(fileobj=file) as plain:
            yield plain  # type: ignore[misc] # a GzipFile reads like any other
    elif packed == ".zst":
        with io.BufferedReader(_Zstandard(file)) as plain:
            yield plain
    else:
        yield file


class _Zstandard(io.RawIOBase):
    """A file packed by Zstandard, unpacked as it is read.

    One that ends in the middle is an `EOFError`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, into: Any) -> int:  # noqa: ANN401 - a buffer, as RawIOBase has it
        """Fill a buffer; 0 at the end of the file."""
        while not self._plain and self._more():
            pass
        size = min(len(into), len(self._plain))
        into[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _more(self) -> bool:
        packed = self._frame.unused_data if self._frame.eof else b""
        packed = packed or self._file.read(limits.ZSTANDARD_BYTES)
        if not packed:
            if self._begun and not self._frame.eof:
                message = "the file ends before its packed data does"
                raise EOFError(message)
            return False
        if self._frame.eof:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = True
        self._plain = memoryview(self._frame.decompress(packed))
        return True

"""What a file really is, by its first bytes: names are given by hand, and by systems that err."""

from __future__ import annotations

import codecs
import re
from typing import IO, TYPE_CHECKING

import msgspec

from tallystick.core.errors import FileRefused
from tallystick.intake.sources.packed import (
    ARCHIVE,
    DOCUMENT,
    FORMATS,
    FROM_THE_END,
    LINES_OF_JSON,
    OLD_TABLE,
    OTHER_TABLES,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_AT_BYTES = 4096
GZIP, ZSTANDARD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
ZIP, OLD_WORKBOOK, PDF = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF"
OTHER_PACKINGS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR"}
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
PARTS_OF_A_WORKBOOK = (b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/")
WEB_PAGE = re.compile(rb"\s*<(?:!doctype html|html|head|body|table|\?xml)", re.IGNORECASE)
JSON = re.compile(rb"\s*(?:\[\s*[\[{\]]|\{\s*[\"}])")
TEXT_BYTES_MIN = 8  # with fewer, what is cut off may look like a text
TEXT_BYTES = bytes({*range(0x20, 0x7F), *b"\t\r\n", *range(0x80, 0x100)})


def first_bytes(file: IO[bytes]) -> bytes:
    """The first bytes of a file, which stay to be read."""
    peek = getattr(file, "peek", None)
    return peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES] if peek else b""


def packing_of(first: bytes, named: str | None) -> str | None:
    """How a file is packed: as its first bytes say, or else as its name does.

    What is text in spite of its name was unpacked on its way.
    """
    if first.startswith(GZIP):
        return ".gz"
    if first.startswith(ZSTANDARD):
        return ".zst"
    return None if _is_text(first) else named


def suffix_of(name: str, first: bytes, suffix: str | None) -> str:
    """The suffix of the format that an unpacked file has, whose name tells this one, or None.

    Raises `FileRefused` for what is known and not read, and for what is not known at all.
    """
    _refuse_known(name, first)
    is_packed = first.startswith(ZIP)
    is_workbook = is_packed and any(part in first for part in PARTS_OF_A_WORKBOOK)
    is_read = _is_read_all_the_same(name, first, is_workbook=is_workbook)
    if name.lower().endswith(OTHER_TABLES) and not is_read:
        message = f"{name}: workbooks of this kind are not read: save it as .xlsx, or as CSV"
        raise FileRefused(message)
    if is_packed and suffix not in FROM_THE_END:
        if is_workbook:
            return ".xlsx"
        message = f"{name}: is an archive, whatever its name says: rename it to .zip, or unpack it"
        raise FileRefused(message)
    if first.startswith(PARQUET):
        return ".parquet"
    if suffix is None and not _is_text(first) and not first.startswith(MARKS):
        message = (
            f"{name}: the name must end in one of {', '.join(FORMATS)} (.gz or .zst may follow), "
            f"or in {ARCHIVE}, unless it is a text"
        )
        raise FileRefused(message)
    return ".csv" if suffix is None or (suffix in FROM_THE_END and _is_text(first)) else suffix


def _is_read_all_the_same(name: str, first: bytes, *, is_workbook: bool) -> bool:
    """Whether a file with the name of another program's workbook is none: portals name texts so."""
    is_new = is_workbook and name.lower().endswith(OLD_TABLE)
    return is_new or _is_text(first) or first.startswith(MARKS)


def _is_text(first: bytes) -> bool:
    """Whether bytes are those of a text: none is a control character, and they are not too few."""
    return len(first) >= TEXT_BYTES_MIN and not first.translate(None, TEXT_BYTES)


def _refuse_known(name: str, first: bytes) -> None:
    """Refuse what is known and never read. Raises `FileRefused`."""
    if first.startswith(OLD_WORKBOOK):
        message = (
            f"{name}: is an old workbook, or one with a password: save it as .xlsx without one, or "
            "as CSV"
        )
        raise FileRefused(message)
    if WEB_PAGE.match(first):
        message = (
            f"{name}: is a web page or XML, and no export: sign in again and export the table as "
            "CSV, or open the page in a spreadsheet and save it as .xlsx"
        )
        raise FileRefused(message)
    if first.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        message = f"{name}: is a text in UTF-32: save it as UTF-8"
        raise FileRefused(message)
    if first.startswith(PDF):
        message = f"{name}: is a PDF: export the table as CSV"
        raise FileRefused(message)
    packing = next(
        (packing for start, packing in OTHER_PACKINGS.items() if first.startswith(start)), ""
    )
    if packing and not _is_text(first):
        message = f"{name}: is packed by {packing}: unpack it, or pack it by gzip or zstd"
        raise FileRefused(message)


def text_suffix_of(head: Sequence[bytes], suffix: str) -> str:
    """The suffix of the format of a text, by its first lines: which JSON it is, if it is any.

    Lines of JSON have an object each; a document may go over lines.
    """
    start = b"\n".join(head)
    if JSON.match(start) is None:
        return suffix
    objects = sum(map(_is_object, head))
    if start.lstrip().startswith(b"["):
        return DOCUMENT
    if suffix in LINES_OF_JSON:
        has_commas = any(line.rstrip().endswith(b",") for line in head[:1])
        return suffix if (objects and not has_commas) or len(head) == 1 else DOCUMENT
    return LINES_OF_JSON[0] if objects > 1 else DOCUMENT


def _is_object(line: bytes) -> bool:
    """Whether a line is a JSON object."""
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True

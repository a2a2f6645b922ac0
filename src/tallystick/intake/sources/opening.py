"""A file opened as a source, by its name."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings import ANY
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import Notes, Source, share_of_bytes
from tallystick.intake.sources.csv import csv_block, csv_layout
from tallystick.intake.sources.encoding import Text
from tallystick.intake.sources.json import (
    LOOKED_AT_LINES,
    Records,
    document_block,
    document_items,
    looked_at,
    ndjson_block,
    refuse_foreign,
)
from tallystick.intake.sources.lines import Lines
from tallystick.intake.sources.packed import (
    DOCUMENT,
    FROM_THE_END,
    LINES_OF_JSON,
    bytes_of,
    format_of,
    member_of,
    to_be_sought,
    unpacked,
)
from tallystick.intake.sources.parquet import parquet_source
from tallystick.intake.sources.refusals import refusing, refusing_each
from tallystick.intake.sources.workbook import workbook_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping


@contextmanager
def open_source(
    path: str, kind: Kind, spooled: IO[bytes] | None = None, mapping: Mapping = ANY
) -> Iterator[Source]:
    """Open a file by suffix, `.gz` and `.zst` too, and one in an archive by `archive.zip/name`.

    `-` is CSV on standard input. `spooled` has the bytes of a path that can be read once only.
    `mapping` says how it is read; what it leaves open is found in the file. Raises `FileRefused`
    where the file as a whole is not readable as facts of this kind.
    """
    suffix, packed = format_of(path)
    with ExitStack() as opened:
        with refusing(path, "cannot be read"):
            file = spooled or opened.enter_context(bytes_of(path))
            if spooled:
                spooled.seek(0)
            plain = opened.enter_context(unpacked(file, packed))
            if suffix in FROM_THE_END and member_of(path):
                plain = opened.enter_context(to_be_sought(path, plain))
            if suffix == ".parquet":
                source = parquet_source(path, plain, kind, mapping)
            elif suffix == ".xlsx":
                source = workbook_source(path, plain, kind, mapping)
            else:
                source = _text_source(path, file, Text(plain, mapping.encoding), kind, mapping)
        source.conventions = mapping.conventions
        yield source


def _text_source(name: str, file: IO[bytes], text: Text, kind: Kind, mapping: Mapping) -> Source:
    """A file of text as a source."""
    suffix, _ = format_of(name)
    if suffix == DOCUMENT:
        return _document_source(name, text, kind, mapping)
    lines = Lines(text)
    if suffix in LINES_OF_JSON:
        records = Records(kind, mapping)
        refuse_foreign(name, values := looked_at(lines.head(LOOKED_AT_LINES)), records)
        columns, first_line = records.columns, 1
        notes = records.notes(text.encoding, values)
        blocks = lines.blocks(lambda part: ndjson_block(part, records))
    else:
        layout = csv_layout(name, lines, kind, mapping)
        columns, first_line = layout.columns, layout.line + 1
        notes = layout.notes(text.encoding)
        blocks = lines.blocks(lambda part: csv_block(part, layout))
    blocks = refusing_each(name, "cannot be read", blocks)
    return Source(name, share_of_bytes(file), columns, first_line, blocks, notes=notes)


def _document_source(name: str, text: Text, kind: Kind, mapping: Mapping) -> Source:
    """A JSON document as a source; its records count as lines. Raises `FileRefused`."""
    whole, part = bytearray(), b"\n"
    while part and len(whole) <= limits.DOCUMENT_BYTES_MAX:
        part = text.read(limits.BLOCK_BYTES)
        whole += part
    if len(whole) > limits.DOCUMENT_BYTES_MAX:
        message = (
            f"{name}: a JSON document may have {limits.DOCUMENT_BYTES_MAX:,} bytes; "
            "write one object a line, as .ndjson"
        )
        raise FileRefused(message)
    items = document_items(name, bytes(whole), mapping.records)
    records = Records(kind, mapping)
    values = looked_at([bytes(item) for item in items[:LOOKED_AT_LINES]])
    refuse_foreign(name, values, records)
    blocks = (
        partial(document_block, items[start : start + limits.LINES_A_FRAME], records)
        for start in range(0, len(items), limits.LINES_A_FRAME)
    )
    notes: Notes = records.notes(text.encoding, values)
    return Source(name, lambda: None, records.columns, 1, blocks, notes=notes)

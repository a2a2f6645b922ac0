"""A file opened as a source, by its name."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import msgspec

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings import ANY
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import Notes, Source, share_of_bytes
from tallystick.intake.sources.csv import csv_block, csv_layout
from tallystick.intake.sources.encoding import Text
from tallystick.intake.sources.json import document_block, looked_at, ndjson_block
from tallystick.intake.sources.json_documents import ONE_PAGE, is_one_page, records_in, value_of
from tallystick.intake.sources.json_objects import LOOKED_AT_LINES, Records, first_that_fits
from tallystick.intake.sources.layout import other_header_of
from tallystick.intake.sources.lines import Lines
from tallystick.intake.sources.packed import (
    ARCHIVE,
    DOCUMENT,
    FROM_THE_END,
    LINES_OF_JSON,
    bytes_of,
    format_of,
    member_of,
    members_of,
    to_be_sought,
    unpacked,
)
from tallystick.intake.sources.parquet import parquet_source
from tallystick.intake.sources.recognised import (
    first_bytes,
    packing_of,
    suffix_of,
    text_suffix_of,
)
from tallystick.intake.sources.refusals import refusing, refusing_each
from tallystick.intake.sources.workbook import workbook_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping


FORMAT_NAMES = (
    dict.fromkeys((".csv", ".tsv", ".txt", ".out"), "a text of lines")
    | dict.fromkeys(LINES_OF_JSON, "JSON with an object a line")
    | {DOCUMENT: "a JSON document", ".parquet": "a Parquet file", ".xlsx": "a workbook"}
)


PACKINGS = {None: ", not packed", ".gz": ", packed by gzip", ".zst": ", packed by zstd"}


@contextmanager
def open_source(
    path: str, kind: Kind, spooled: IO[bytes] | None = None, mapping: Mapping = ANY
) -> Iterator[Source]:
    """Open a file by suffix, `.gz` and `.zst` too, and one in an archive by `archive.zip/name`.

    `-` is CSV on standard input. `spooled` has the bytes of a path that can be read once only.
    `mapping` says how it is read; what it leaves open is found in the file. A file that is of
    another format than its name says is read as what it is, and the notes tell it. Raises
    `FileRefused` where the file as a whole is not readable as facts of this kind.
    """
    if path.lower().endswith(ARCHIVE) and not member_of(path):
        members_of(path)  # says why the files in it cannot be named one by one
    named, named_packing = format_of(path)
    with ExitStack() as opened:
        with refusing(path, "cannot be read"):
            file = spooled or opened.enter_context(bytes_of(path))
            if spooled:
                spooled.seek(0)
            packed = packing_of(first_bytes(file), named_packing)
            plain = opened.enter_context(unpacked(file, packed))
            suffix = suffix_of(path, first_bytes(plain), named)
            if suffix in FROM_THE_END and (member_of(path) or not plain.seekable()):
                plain = opened.enter_context(to_be_sought(path, plain))
            if suffix == ".parquet":
                source = parquet_source(path, plain, kind, mapping)
            elif suffix == ".xlsx":
                source = workbook_source(path, plain, kind, mapping)
            else:
                text = Text(plain, mapping.encoding)
                suffix, source = _text_source(path, file, text, suffix, kind, mapping)
                source.notes.hints += text.hints
        source.conventions = mapping.conventions._replace(day_zero=source.day_zero)
        if (FORMAT_NAMES[suffix], packed) != (FORMAT_NAMES.get(named or ""), named_packing):
            how = PACKINGS[packed] if packed != named_packing else ""
            whatever = ", whatever its name says" if named else ", though its name does not say so"
            source.notes.hints += (f"it is {FORMAT_NAMES[suffix]}{how}{whatever}",)
        yield source


def text_lines(path: str) -> Iterator[str]:
    """The lines of a text in any of the encodings that are found; `-` is standard input.

    Raises `FileRefused`, also where a line is no text.
    """
    count, rest = 0, b""
    with refusing(path, "cannot be read"), bytes_of(path) as file:
        text = Text(file)
        part = b"\n"
        while part:
            part = text.read(limits.BLOCK_BYTES)
            *lines, rest = (rest + part).split(b"\n")
            ended = lines if part else [*lines, rest]
            yield from (_decoded(path, at, line) for at, line in enumerate(ended, count + 1))
            count += len(ended)
            if len(rest) > limits.LINE_BYTES_MAX:
                limit = f"{limits.LINE_BYTES_MAX:,} bytes"
                message = f"{path}: line {count + 1} is longer than {limit}"
                raise FileRefused(message)


def _decoded(path: str, number: int, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        message = f"{path}: line {number} is not UTF-8: save the file as CSV in UTF-8"
        raise FileRefused(message) from error


def _text_source(
    name: str, file: IO[bytes], text: Text, suffix: str, kind: Kind, mapping: Mapping
) -> tuple[str, Source]:
    """A file of text as a source, and the suffix of the format that it has."""
    lines = Lines(text)
    layout = None
    suffix = text_suffix_of(lines.head(LOOKED_AT_LINES), suffix)
    if suffix == DOCUMENT:
        return suffix, _document_source(name, lines, text.encoding, kind, mapping)
    if suffix in LINES_OF_JSON:
        records = Records(name, kind, mapping)
        fitting = first_that_fits(name, _first_values(lines), records)
        columns, first_line = records.columns, 1
        notes = records.notes(text.encoding, fitting, looked_at(lines.head(LOOKED_AT_LINES)))
        blocks = lines.blocks(lambda part, _: ndjson_block(part, records))
    else:
        layout = replace(csv_layout(name, lines, kind, mapping), encoding=text.encoding)
        columns, first_line = layout.columns, layout.line + 1
        notes = layout.notes(text.encoding)
        blocks = lines.blocks(lambda part, ends: csv_block(part, ends, layout))
    blocks = refusing_each(name, "cannot be read", blocks)
    source = Source(name, share_of_bytes(file), columns, first_line, blocks, notes=notes)
    source.is_table = layout is not None
    if layout:
        source.is_other_header = other_header_of(kind, layout)
    return suffix, source


def _first_values(lines: Lines) -> Iterator[Any]:
    """The JSON values of the first lines, and of those behind them where that is not enough."""
    yield from looked_at(lines.head(LOOKED_AT_LINES))
    yield from looked_at(lines.head(limits.LINES_A_BLOCK_MAX)[LOOKED_AT_LINES:])


def _document_source(
    name: str, lines: Lines, encoding: str, kind: Kind, mapping: Mapping
) -> Source:
    """A JSON document as a source; its records count as lines. Raises `FileRefused`."""
    whole = lines.whole(limits.DOCUMENT_BYTES_MAX)
    if whole is None:
        message = (
            f"{name}: a JSON document may have {limits.DOCUMENT_BYTES_MAX:,} bytes; "
            "write one object a line, as .ndjson"
        )
        raise FileRefused(message)
    records = Records(name, kind, mapping)
    found_records = records_in(name, whole, mapping.records, records)
    items, columns = found_records.items, found_records.columns
    fitting = first_that_fits(name, (value_of(item, columns) for item in items), records)
    blocks = (
        partial(document_block, items[start : start + limits.LINES_A_FRAME], records, columns)
        for start in range(0, len(items), limits.LINES_A_FRAME)
    )
    values = [value_of(item, columns) for item in items[:LOOKED_AT_LINES]]
    notes: Notes = records.notes(encoding, fitting, values)
    if found_records.hint and not mapping.records:
        notes.hints += (found_records.hint,)
    if found_records.path and is_one_page(msgspec.Raw(whole), found_records.path):
        notes.hints += (ONE_PAGE,)
    source = Source(name, lambda: None, records.columns, 1, blocks, notes=notes)
    source.is_table = False
    return source

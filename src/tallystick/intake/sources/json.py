"""JSON objects: one a line, in a document, or many in a call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.identifiers import shown
from tallystick.core.json_faults import fault_of_json, names_stand_once
from tallystick.intake.mappings.mapping import is_secret
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import Block, block_by_line, kept, text_frame
from tallystick.intake.sources.json_documents import value_of
from tallystick.intake.sources.lines import too_long, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.intake.sources.json_objects import Records

NAMED = re.compile(rb'"([^"\\]{1,32})"\s*:')


def ndjson_block(text: bytes, records: Records) -> Block:
    """Some lines of JSON objects as a block."""
    block = block_by_line(
        text,
        records.columns,
        lambda line, raw: _json_record(line, raw, records) if raw.strip() else None,
    )
    return kept(block, records.filters)


def _json_record(line: int, raw: bytes, records: Records) -> list[str | None] | Reject:
    if len(raw) > limits.LINE_BYTES_MAX:
        return too_long(line, _shown(raw))
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = f"the line is not JSON: {fault_of_json(error)}"
        return unreadable(line, _shown(raw), what)
    if not isinstance(value, dict):
        return unreadable(line, _shown(raw), "the line is not a JSON object")
    if not names_stand_once(raw, value):
        return unreadable(line, _shown(raw), "a name stands twice in the object")
    return records.record_of(line, value)


def _shown(raw: bytes) -> bytes:
    """A line that may be repeated: nothing of one that names keys or codes."""
    names = (name.decode(errors="replace") for name in NAMED.findall(raw))
    return b"" if any(map(is_secret, names)) else raw


def looked_at(head: Sequence[bytes]) -> Iterator[Any]:
    """The JSON values of some lines, as far as they are JSON."""
    for raw in head:
        try:
            yield msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue


def document_block(
    items: Sequence[msgspec.Raw], records: Records, columns: tuple[str, ...] | None = None
) -> Block:
    """Some records of a document as a block; each counts as a line."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for index, raw in enumerate(items):
        value = value_of(raw, columns) if columns else None
        record = (
            records.record_of(index, value)
            if isinstance(value, dict)
            else _json_record(index, bytes(raw), records)
        )
        if isinstance(record, Reject):
            rejects.append(record)
        else:
            rows.append((index, *record))
    block = Block(text_frame(rows, records.columns), len(items), rejects)
    return kept(block, records.filters)


def no_object(index: int, item: object) -> Reject:
    """The reject of a JSON value that is no object."""
    return Reject(index, (Fault("", f"is not a JSON object but {shown(item)}"),), ())


def block_of(items: Sequence[Any], records: Records) -> Block:
    """JSON values as a block; each counts as a line."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            rejects.append(no_object(index, item))
        elif isinstance(record := records.record_of(index, item), Reject):
            rejects.append(record)
        else:
            rows.append((index, *record))
    block = Block(text_frame(rows, records.columns), len(items), rejects)
    return kept(block, records.filters)

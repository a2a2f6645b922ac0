"""JSON objects, one a line or many in a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from tallystick.core.allowed import SEPARATOR
from tallystick.core.identifiers import shown
from tallystick.core.json_faults import fault_of_json
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import REASON, Block, block_by_line, text_frame
from tallystick.intake.sources.lines import too_long, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.intake.kinds import Kind


def ndjson_block(text: bytes, kind: Kind) -> Block:
    """Some lines of JSON objects as a block."""
    return block_by_line(
        text,
        kind.column_names,
        lambda line, raw: _json_record(line, raw, kind) if raw.strip() else None,
    )


def _json_record(line: int, raw: bytes, kind: Kind) -> list[str | None] | Reject:
    if len(raw) > limits.LINE_BYTES_MAX:
        return too_long(line, raw)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return unreadable(line, raw, f"the line is not JSON: {fault_of_json(error)}")
    if not isinstance(value, dict):
        return unreadable(line, raw, "the line is not a JSON object")
    return record_of(line, value, kind)


def no_object(index: int, item: object) -> Reject:
    """The reject of a JSON value that is no object."""
    return Reject(index, (Fault("", f"is not a JSON object but {shown(item)}"),), ())


def block_of(items: Sequence[Any], kind: Kind) -> Block:
    """JSON values as a block; each counts as a line."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    columns = kind.column_names
    known = set(columns)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            rejects.append(no_object(index, item))
        elif item.keys() <= known and all(type(value) is str for value in item.values()):
            rows.append((index, *map(item.get, columns)))
        elif isinstance(record := record_of(index, item, kind), Reject):
            rejects.append(record)
        else:
            rows.append((index, *record))
    return Block(text_frame(rows, columns), len(items), rejects)


def record_of(line: int, value: dict[str, Any], kind: Kind) -> list[str | None] | Reject:
    """The texts of a JSON object by column; numbers are their digits, null is absent."""
    columns = kind.column_names
    if len(value) > limits.COLUMNS_MAX:
        what = f"has {len(value):,} names; at most {limits.COLUMNS_MAX:,} are read"
        return Reject(line, (Fault("", what),), ())
    if kind.is_from_elsewhere:
        value = dict(zip(kind.named(tuple(value)), value.values(), strict=True))
    surplus = () if kind.is_from_elsewhere else value.keys() - {*columns, REASON}
    faults = [
        Fault(shown(name), "is none of this kind's columns") for name in value if name in surplus
    ]
    record: list[str | None] = []
    of_no_text: set[str] = set()
    for column in columns:
        item = value.get(column)
        if kind.may_list and _is_list_of_texts(item):
            item = SEPARATOR.join(item)
        if item is not None and (isinstance(item, bool) or not isinstance(item, str | int)):
            faults.append(Fault(column, f"must be a JSON string, not {shown(item)}"))
            of_no_text.add(column)
            item = shown(item)
        record.append(None if item is None else str(item))
    if faults:
        parsed = kind.parse(dict(zip(columns, record, strict=True)))
        faults += [
            fault for fault in parsed if isinstance(fault, Fault) and fault.column not in of_no_text
        ]
        return Reject(line, tuple(faults), tuple(text or "" for text in record))
    return record


def _is_list_of_texts(item: Any) -> TypeGuard[list[str]]:  # noqa: ANN401 - whatever JSON holds
    return isinstance(item, list) and bool(item) and all(isinstance(text, str) for text in item)

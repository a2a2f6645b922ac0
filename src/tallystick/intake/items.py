"""Facts from JSON values, one by one, as calls bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.intake.kinds import Kind

FACTS_MAX = 10_000
"""Facts that one call may bring."""

_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


def read_items(body: bytes, *, lines: bool) -> list[Any]:
    """The values of a JSON array, or of NDJSON. Raises `InvalidValue` for a body that is neither, or too long."""
    try:
        items = _decode_lines(body) if lines else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the body is not {'NDJSON' if lines else 'JSON'}: {error}"
        raise InvalidValue(message) from error
    if not isinstance(items, list):
        message = f"the body must be a JSON array of facts, not {shown(items)}"
        raise InvalidValue(message)
    if len(items) > FACTS_MAX:
        message = f"a call may bring {FACTS_MAX:,} facts, not {len(items):,}; send them in several"
        raise InvalidValue(message)
    return items


def check_items(kind: Kind, items: Sequence[Any]) -> tuple[list[tuple[Any, ...]], list[Reject]]:
    """Each value as a fact of this kind or as a reject, whose `line` is the value's index from 0."""
    facts: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for index, item in enumerate(items):
        fact = _fact_of(kind, index, item)
        if isinstance(fact, Reject):
            rejects.append(fact)
        else:
            facts.append(fact)
    return facts, rejects


def _fact_of(kind: Kind, index: int, item: Any) -> tuple[Any, ...] | Reject:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(item, dict):
        return Reject(index, (Fault("", f"is not a JSON object but {shown(item)}"),), ())
    if not (item.keys() <= set(kind.column_names) and all(type(value) is str for value in item.values())):
        record = record_of(index, item, kind)
        if isinstance(record, Reject):
            return record
        item = dict(zip(kind.column_names, record, strict=True))
    fact = kind.parse(item)
    if isinstance(fact, kind.fact):
        return fact
    return Reject(index, tuple(fault for fault in fact if isinstance(fault, Fault)), ())

"""Facts from JSON values, one by one, as calls bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.suspicious_values import lacks_zone
from tallystick.intake import fast_parse
from tallystick.intake.checking import check
from tallystick.intake.doubt_kinds import DoubtName, Doubts, doubt_of, only
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import block_of, no_object, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.store import Facts

FACTS_MAX = 10_000
"""Facts that one call may bring."""
COLUMNS_PAY_MIN = 64  # fewer values are checked faster one by one

_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


def read_items(body: bytes, *, lines: bool) -> list[Any]:
    """The values of a JSON array, or of NDJSON. Raises `InvalidValue` for any other body."""
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


def check_items(kind: Kind, items: Sequence[Any]) -> tuple[Facts, list[Reject]]:
    """Each value as a fact of this kind or as a reject, whose `line` is the value's index from 0.

    Many are checked a column at a time, like a file's, and come as a frame.
    """
    if len(items) >= COLUMNS_PAY_MIN:
        checked = check(block_of(items, kind), kind)
        return checked.facts, checked.rejects
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
        return no_object(index, item)
    if not (
        item.keys() <= set(kind.column_names) and all(type(value) is str for value in item.values())
    ):
        record = record_of(index, item, kind)
        if isinstance(record, Reject):
            return record
        item = dict(zip(kind.column_names, record, strict=True))
    fact = kind.parse(item)
    if isinstance(fact, kind.fact):
        return fact
    return Reject(index, tuple(fault for fault in fact if isinstance(fault, Fault)), ())


def doubts_of_items(kind: Kind, items: Sequence[Any], rejects: Sequence[Reject]) -> Doubts:
    """Doubts that the texts of the facts taken in show, and their values do not."""
    refused = {reject.line for reject in rejects}
    moments = [each.name for each in kind.columns if each.recognise is fast_parse.moments]
    taken = (item for index, item in enumerate(items) if index not in refused)
    lacking = [texts for item in taken if (texts := _without_zone(item, moments))]
    examples = (text for texts in lacking for text in texts)
    return only({DoubtName.WITHOUT_ZONE: doubt_of(len(lacking), examples)})


def _without_zone(item: Any, names: Sequence[str]) -> list[str]:  # noqa: ANN401 - whatever JSON holds
    given = (item.get(name) for name in names)
    return [text for text in given if isinstance(text, str) and lacks_zone(text)]

"""Facts from JSON values, one by one, as calls bring them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.json_faults import fault_of_json, fields_once, names_stand_once
from tallystick.core.moments import LAST
from tallystick.intake.checking import check
from tallystick.intake.doubt_kinds import NO_DOUBTS, Doubts
from tallystick.intake.doubts import (
    DoubtfulText,
    doubtful_texts,
    doubts_of_call,
    doubts_of_texts,
)
from tallystick.intake.kinds import KINDS
from tallystick.intake.mappings import ANY
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import Records, block_of, first_that_fits, no_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.facts import SimExpectation
    from tallystick.core.written_values import Conventions
    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping
    from tallystick.store import Facts, Reader

FACTS_MAX = 10_000
"""Facts that one call may bring."""
COLUMNS_PAY_MIN = 64  # fewer values are checked faster one by one

_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines


def read_items(body: bytes, *, lines: bool, mapping: Mapping = ANY) -> list[Any]:
    """The values of a JSON array, or of NDJSON. Raises `InvalidValue` for any other body.

    By a mapping a body may also be one object, or have its array at a path.
    """
    try:
        items = _decode_lines(body) if lines else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the body is not {'NDJSON' if lines else 'JSON'}: {fault_of_json(error)}"
        raise InvalidValue(message) from error
    if not names_stand_once(body, items):
        raise InvalidValue(_name_twice(body, lines=lines))
    if mapping.columns and not lines:
        items = items if isinstance(items, list) else _at(items, mapping.records)
        items = [items] if isinstance(items, dict) else items
    if not isinstance(items, list):
        message = f"the body must be a JSON array of facts, not {shown(items)}"
        raise InvalidValue(message)
    if len(items) > FACTS_MAX:
        message = f"a call may bring {FACTS_MAX:,} facts, not {len(items):,}; send them in several"
        raise InvalidValue(message)
    return items


def _name_twice(body: bytes, *, lines: bool) -> str:
    """Which name stands twice in an object of a body, and in which of its lines."""
    texts = body.split(b"\n") if lines else [body]
    for number, text in enumerate(texts, 1):
        try:
            json.loads(text or b"null", object_pairs_hook=fields_once)
        except (RecursionError, json.JSONDecodeError):  # a value over several lines, or too deep
            continue
        except ValueError as error:
            return f"the body is refused whole: {f'line {number}: ' if lines else ''}{error}"
    return "the body is refused whole: a name stands twice in one of its objects"


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


class CheckedItems(NamedTuple):
    """Facts, the refused values, and the doubts that the texts of the facts show.

    Many facts come as a frame. The `line` of a reject is the value's index from 0.
    """

    facts: Facts
    rejects: list[Reject]
    doubts: Doubts = NO_DOUBTS


def check_items(kind: Kind, items: Sequence[Any], mapping: Mapping = ANY) -> CheckedItems:
    """Each value as a fact of this kind or as a reject.

    Raises `InvalidValue` where objects are of another form, which a mapping fits, and where they
    have too many different names.
    """
    try:
        return _checked_items(kind, items, mapping)
    except FileRefused as refusal:
        raise InvalidValue(refusal.message) from refusal


def _checked_items(kind: Kind, items: Sequence[Any], mapping: Mapping) -> CheckedItems:
    """The same; many are checked a column at a time, like a file's."""
    if mapping is ANY and len(items) < COLUMNS_PAY_MIN:
        plain = _plain_facts(kind, items)
        if plain is not None:
            return CheckedItems(plain, [])
    records = Records("the body", kind, mapping, strict=True)
    if items and not (isinstance(items[0], dict) and items[0].keys() <= set(kind.column_names)):
        first_that_fits("the body", items, records, if_mapped=True)
    if len(items) >= COLUMNS_PAY_MIN or mapping.keep:
        checked = check(block_of(items, records), kind, mapping.conventions)
        return CheckedItems(checked.facts, checked.rejects, checked.doubts)
    conventions = mapping.conventions
    facts: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    doubtful: list[DoubtfulText] = []
    for index, item in enumerate(items):
        fact = _fact_of(records, index, item, conventions, doubtful)
        if isinstance(fact, Reject):
            rejects.append(fact)
        else:
            facts.append(fact)
    return CheckedItems(facts, rejects, doubts_of_texts(doubtful))


def _plain_facts(kind: Kind, items: Sequence[Any]) -> list[tuple[Any, ...]] | None:
    """The values as facts if each is of the plain form; else None."""
    if kind.recognise_item is None:
        return None
    facts: list[tuple[Any, ...]] = []
    for item in items:
        fact = kind.recognise_item(item)
        if fact is None:
            return None
        facts.append(fact)
    return facts


def doubts_of_expectations(reader: Reader, facts: Sequence[SimExpectation]) -> dict[str, Any]:
    """The doubts of expectations that are taken in, for programs: by name, those that there are."""
    return doubts_of_call(reader, KINDS["expectations"], facts, LAST).detailed()


def _fact_of(
    records: Records,
    index: int,
    item: Any,  # noqa: ANN401 - whatever JSON holds
    conventions: Conventions,
    doubtful: list[DoubtfulText],
) -> tuple[Any, ...] | Reject:
    """A value as a fact, its doubtful texts added to the others, or as a reject."""
    if not isinstance(item, dict):
        return no_object(index, item)
    record = records.record_of(index, item)
    if isinstance(record, Reject):
        return record
    kind = records.kind
    texts = dict(zip(kind.column_names, record, strict=True))
    fact = kind.parse(texts, conventions)
    if isinstance(fact, kind.fact):
        doubtful += doubtful_texts(kind, fact, texts, conventions)
        return fact
    return Reject(index, tuple(fault for fault in fact if isinstance(fault, Fault)), ())

"""Copying: a store's content is taken into another one, whatever their engines, and compared.

Facts are keyed, so that taking one in again changes nothing. A copy that was killed is run again:
what is there already is found by reading both sides, range of SIMs by range, and passed over. The
kept answer is not copied but follows in the other store, and is compared too. What waits to be
delivered to callback listeners is taken over, but not compared, for a server may deliver it
meanwhile. The audit's chain and the list of imports go into a store that has none yet. Sessions,
receipts of calls, uploads and the progress of imports stay behind.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.acts import BEFORE_ALL_RECORDS
from tallystick.core.errors import TargetRefused
from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.identities import Subscriber
from tallystick.core.ledger import BEHIND_ALL
from tallystick.operations.copied_kinds import DELIVERIES, FACT_KINDS, KEPT, WHOLE_KINDS
from tallystick.store.walking import SimRange, sim_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.operations.copied_kinds import CopiedKind, Rows
    from tallystick.store import Store


FACTS_A_RANGE_MAX = 200_000  # one transaction of the other store
LAST = 1 << 62  # no SIM's number lies above
# Of a range, in numbers of SIMs; it grows and shrinks to hold about so many facts.
SPAN_FIRST = 1 << 16
SPAN_GROWTH = 4
EVERYTHING = SimRange(BEFORE_ALL, LAST)


@dataclass
class Side:
    """The rows of a kind in one store: their count, and the SHA-256 of them in order, as CSV."""

    count: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, rows: Rows) -> None:
        """The next rows."""
        self.count += len(rows)
        self._digest.update(rows.write_csv(include_header=False).encode())

    @property
    def sha256(self) -> str:
        """The digest."""
        return str(self._digest.hexdigest())


@dataclass
class Comparison:
    """The rows of a kind in both stores, and the key of the first that differs."""

    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)
    first_difference: tuple[Any, ...] | None = None

    @property
    def is_same(self) -> bool:
        """Whether they are the same."""
        return self.first_difference is None and self.source.sha256 == self.target.sha256

    def add(self, kind: CopiedKind, source: Rows, target: Rows) -> None:
        """The next rows of both."""
        self.source.add(source)
        self.target.add(target)
        if self.first_difference is None and not source.equals(target):
            apart = pl.concat([_without(source, target), _without(target, source)]).sort(kind.key)
            self.first_difference = apart.select(kind.key).row(0)


@dataclass(frozen=True)
class Copied:
    """What was taken into the other store, by kind, and how both compare at the end."""

    taken: dict[str, int]
    compared: dict[str, Comparison]

    @property
    def taken_only(self) -> dict[str, int]:
        """What was taken, of the kinds that are not compared."""
        return {name: count for name, count in self.taken.items() if name not in self.compared}

    @property
    def is_same(self) -> bool:
        """Whether both stores hold the same."""
        return all(each.is_same for each in self.compared.values())


def copy(source: Store, target: Store, on_progress: Callable[[int, int], None]) -> Copied:
    """Take everything that a store keeps into another, made where there is none, and compare them.

    Raises `TargetRefused`, before anything is taken, if the other store holds what this one does
    not.
    """
    if source.name == target.name:
        message = f"{target.name} is the store to be copied; name another one"
        raise TargetRefused(message)
    source.finish_work()
    with source.snapshot() as reader:
        zone = reader.wire_zone()
    if target.is_empty():
        target.init(zone)
    ranges = _ranges(source)
    lacking = _lacking(source, target, ranges)
    _take_audit(source, target)
    _take_imports(source, target)
    steps = len(lacking) + len(ranges)
    taken = _take_whole_kinds(source, target, zone)
    target.finish_work()
    for done, part in enumerate(lacking):
        on_progress(done, steps)
        _add(taken, _take(source, target, FACT_KINDS, part))
    compared: dict[str, Comparison] = {}
    _compare(compared, source, target, WHOLE_KINDS, EVERYTHING)
    for done, part in enumerate(ranges, len(lacking)):
        on_progress(done, steps)
        _compare(compared, source, target, (*FACT_KINDS, KEPT), part)
    return Copied(taken, compared)


class _Bounds:
    """Where ranges of SIMs end that hold hardly more facts than a transaction is to hold.

    Counting from the start would make each machine of a cluster count anew for each range. So a
    range begins at a SIM that is there, and is as wide as the ranges before it let expect.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._span = SPAN_FIRST

    def after(self, after: int) -> int | None:
        """Where the range after a SIM ends; None where no SIM follows."""
        with self._store.snapshot() as reader:
            first = reader.first_sim_after(after)
            if first is None:
                return None
            count = reader.count_between(after, first + self._span - 1)
            while count > FACTS_A_RANGE_MAX and self._span > 1:
                self._span = max(1, self._span // SPAN_GROWTH)
                count = reader.count_between(after, first + self._span - 1)
        up_to = min(first + self._span - 1, LAST)
        if count * SPAN_GROWTH <= FACTS_A_RANGE_MAX:
            self._span = min(self._span * SPAN_GROWTH, LAST)
        return up_to


def _ranges(source: Store) -> list[SimRange]:
    """Ranges of SIMs without a gap; the last is behind all SIMs of this store."""
    ranges = list(sim_ranges(_Bounds(source).after))
    last = ranges[-1].up_to if ranges else BEFORE_ALL
    return [*ranges, SimRange(last, LAST)]


def _lacking(source: Store, target: Store, ranges: Sequence[SimRange]) -> list[SimRange]:
    """The ranges of which the other store lacks something.

    Raises `TargetRefused` where it has something else.
    """
    for kind, here, there in _both(source, target, WHOLE_KINDS, EVERYTHING):
        _refuse_others(target, kind, here, there)
    with target.snapshot() as reader:
        if reader.first_sim_after(BEFORE_ALL) is None:
            return list(ranges[:-1])  # the last is behind all SIMs
    lacking = []
    for part in ranges:
        both = list(_both(source, target, FACT_KINDS, part))
        for kind, here, there in both:
            _refuse_others(target, kind, here, there)
        if not all(here.equals(there) for _, here, there in both):
            lacking.append(part)
    return lacking


def _refuse_others(target: Store, kind: CopiedKind, here: Rows, there: Rows) -> None:
    """Refuse a store that has rows whose key this one does not know."""
    others = there.join(here, on=kind.key, how="anti")
    if len(others):
        message = (
            f"{target.name} holds {kind.name} that this store does not, such as "
            f"{described(kind.key, others)}; copy into an empty store, or import there what is to "
            "be added"
        )
        raise TargetRefused(message)


def described(names: Sequence[str], key: Rows | tuple[Any, ...]) -> str:
    """The key of a row, or of the first of some, as people read it."""
    values = key.select(names).row(0) if isinstance(key, pl.DataFrame) else key
    by_name = dict(zip(names, values, strict=True))
    return ", ".join(f"{name} {_described(name, value)}" for name, value in by_name.items())


def _described(name: str, value: object) -> object:
    if name == "iccid" and isinstance(value, int):
        return Iccid(value)
    if name == "subscriber" and isinstance(value, int):
        return Subscriber(value).masked
    return value


def _both(
    source: Store, target: Store, kinds: Sequence[CopiedKind], part: SimRange
) -> Iterator[tuple[CopiedKind, Rows, Rows]]:
    """The rows of a range in both stores, each read in one snapshot."""
    with source.snapshot() as here, target.snapshot() as there:
        for kind in kinds:
            yield kind, kind.rows(here, part), kind.rows(there, part)


def _without(rows: Rows, others: Rows) -> Rows:
    return rows.join(others, on=rows.columns, how="anti", nulls_equal=True, maintain_order="left")


def _take_audit(source: Store, target: Store) -> None:
    """Take the audit's chain into a store that has none yet, before it records anything itself.

    A store that has one keeps it as it is: two chains cannot become one.
    """
    with source.snapshot() as reader, target.transaction() as writer:
        if writer.audit_head() == BEFORE_ALL_RECORDS:
            for record in reader.audit_records():
                writer.put_audit_record(record)


def _take_imports(source: Store, target: Store) -> None:
    """Take the list of imports into a store that has none yet, and so with what they brought.

    A store that has a list has numbers of its own for its imports. Counts are added to those that
    are there, so that a copy that is made again would double them.
    """
    with source.snapshot() as reader, target.transaction() as writer:
        if not writer.imports(BEHIND_ALL, 1):
            writer.put_imports(reader.whole_imports())
        if not writer.imported_facts():
            for facts in reader.imported_facts():
                writer.count_imported(facts)


def _take_whole_kinds(source: Store, target: Store, zone: str) -> dict[str, int]:
    with target.transaction() as writer:
        writer.set_wire_zone(zone)
    return _take(source, target, (*WHOLE_KINDS, DELIVERIES), EVERYTHING)


def _take(
    source: Store, target: Store, kinds: Sequence[CopiedKind], part: SimRange
) -> dict[str, int]:
    """Take what the other store lacks of a range, in one transaction."""
    lacking = [
        (kind, _without(here, there)) for kind, here, there in _both(source, target, kinds, part)
    ]
    with target.transaction() as writer:
        for kind, rows in lacking:
            if len(rows):
                kind.put(writer, rows)
    return {kind.name: len(rows) for kind, rows in lacking}


def _add(taken: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        taken[name] = taken.get(name, 0) + count


def _compare(
    compared: dict[str, Comparison],
    source: Store,
    target: Store,
    kinds: Sequence[CopiedKind],
    part: SimRange,
) -> None:
    for kind, here, there in _both(source, target, kinds, part):
        compared.setdefault(kind.name, Comparison()).add(kind, here, there)

"""The kept answer: how it is made to follow from the facts, and what became of its rows.

`KeptAnswer.settle` runs at the end of each transaction. It is the only writer of the table `mismatches`.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.moments import zone_named
from tallystick.core.pairing import FirstUse
from tallystick.core.reason_json import encode
from tallystick.core.reasons import own_reasons, stays
from tallystick.core.row_events import (
    MIGRATION,
    POLICY,
    RENAME,
    ZONE,
    Cause,
    CauseKind,
    RowChange,
)
from tallystick.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.reasons import Pair, Stay
    from tallystick.store.connection import Connection

SIMS_A_REFRESH = 65_536
KEY_COLUMNS = 5  # the first so many columns of an `AnswerRow` are its key
READ_COLUMNS = 7  # the first so many columns are all that a report without reasons reads


class AnswerRow(NamedTuple):
    """One row of the kept answer, its key first and in the answer's order."""

    account_id: int
    generation: str
    activated_at: int
    iccid: int
    post_imei: int
    pre_imei: int
    wire: bytes
    expected_imei: int | None
    reasons: bytes | None

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells the row from all others."""
        return self[:KEY_COLUMNS]


class RowEvent(NamedTuple):
    """What became of one row: as it reads now, or as it read last where it was closed."""

    change: RowChange
    row: AnswerRow
    cause: Cause


class Refreshed(NamedTuple):
    """How many rows of the kept answer a refresh opened, closed and printed anew."""

    opened: int
    closed: int
    reprinted: int


class _Difference(NamedTuple):
    """How the rows that SIMs have differ from those that they should have, each in the answer's order."""

    closed: list[AnswerRow]
    opened: list[AnswerRow]
    reprinted: list[AnswerRow]
    explained: list[AnswerRow]


class KeptAnswer(Reader):
    """The kept answer within one transaction.

    Whoever changes facts says which SIMs they concern, and why (`touch`, `suspect`). An observer is called with the
    row events of up to 65,536 SIMs at a time, so that no list of all of them is held. An event is what became of a
    row between two settlements; where several causes concerned its SIM meanwhile, it has the latest.
    """

    def __init__(self, connection: Connection, wire_row: Callable[..., bytes]) -> None:
        super().__init__(connection)
        self._wire_row = wire_row
        self._touched: dict[Cause, set[int]] = {}  # SIMs by cause, the latest cause last
        self._suspects: dict[Cause, set[int]] = {}
        self._observer: Callable[[Sequence[RowEvent]], None] | None = None
        self._has_first_use: bool | None = None  # None until it is asked for

    @contextmanager
    def observed_by(self, observer: Callable[[Sequence[RowEvent]], None]) -> Iterator[None]:
        """Within the block, call this observer alone with the row events of the transaction."""
        outer, self._observer = self._observer, observer
        try:
            yield
        finally:
            self._observer = outer

    def touch(self, iccids: Collection[int], cause: Cause) -> None:
        """Facts of these SIMs have changed: whether their rows follow is found out when the answer is settled."""
        _add(self._touched, iccids, cause)

    def suspect(self, iccids: Collection[int], cause: Cause) -> None:
        """These SIMs may have rows that no longer follow from the facts, or lack some."""
        _add(self._suspects, iccids, cause)

    def settle(self) -> Refreshed:
        """Make the kept answer follow from the facts; the end of a transaction does it."""
        touched, self._touched = self._touched, {}
        suspects, self._suspects = self._suspects, {}
        concerned = self._suspects_among(set().union(*touched.values()))
        concerned.update(*suspects.values())
        latest_first = [*reversed(touched.items()), *reversed(suspects.items())]
        return self.refresh(sorted(concerned), lambda iccid: _cause_of(iccid, latest_first))

    def _suspects_among(self, touched: Collection[int]) -> set[int]:
        """Those of the touched SIMs that may have rows, or have some."""
        suspects = set[int]()
        for part in _parts(sorted(touched)):
            suspects.update(self._numbers("suspects", iccids=self._connection.set_of(part)))
            suspects.update(self._held_to_first_use(part))
        return suspects

    def _held_to_first_use(self, iccids: Iterable[int]) -> list[int]:
        """SIMs that may have rows by their account's policy of first use; most stores have no such account."""
        if self._has_first_use is None:
            self._has_first_use = bool(self._value(bool, "has_first_use"))
        if not self._has_first_use:
            return []
        return self._numbers("sims_held_to_first_use", iccids=self._connection.set_of(iccids))

    def _mismatched(self, iccids: pl.Series, *, is_dense: bool) -> list[int]:
        """Those of the SIMs, in order, that have rows kept."""
        if not is_dense:
            return self._numbers("mismatched_sims_among", iccids=self._connection.set_of(iccids))
        between = self._numbers("mismatched_sims_between", first=iccids[0], last=iccids[-1])
        places = iccids.search_sorted(pl.Series(between, dtype=pl.Int64))
        return [
            iccid for iccid, place in zip(between, places, strict=True) if iccids[place] == iccid
        ]

    def refresh(self, iccids: Sequence[int], cause_of: Callable[[int], Cause]) -> Refreshed:
        """Make the kept answer of these SIMs, in order, follow from the facts: the only writer of it.

        `cause_of` gives the cause that a SIM is refreshed for.
        """
        opened = closed = reprinted = 0
        for part in _parts(iccids):
            difference = _difference(self._kept_rows(part), self._right_rows(part))
            self._apply(difference)
            self._tell(difference, cause_of)
            opened += len(difference.opened)
            closed += len(difference.closed)
            reprinted += len(difference.reprinted)
        return Refreshed(opened, closed, reprinted)

    def _apply(self, difference: _Difference) -> None:
        replaced = sorted([*difference.closed, *difference.reprinted])
        put = sorted([*difference.opened, *difference.reprinted])
        self._connection.run_many("close", [row.key for row in replaced])
        self._connection.run_many("open", put)
        reasons = [(row.expected_imei, row.reasons, *row.key) for row in difference.explained]
        self._connection.run_many("explain", reasons)

    def _tell(self, difference: _Difference, cause_of: Callable[[int], Cause]) -> None:
        """Call the observer with what became of rows."""
        if self._observer is None:
            return
        changes = (
            (RowChange.CLOSED, difference.closed),
            (RowChange.OPENED, difference.opened),
            (RowChange.REPRINTED, difference.reprinted),
        )
        events = [
            RowEvent(change, row, cause_of(row.iccid)) for change, rows in changes for row in rows
        ]
        if events:
            self._observer(events)

    def _kept_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs have."""
        rows = self._connection.rows("kept_rows", iccids=self._connection.set_of(iccids))
        return (AnswerRow(*row) for row in rows)

    def _right_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs should have."""
        zone_name, wire_row = self.wire_zone(), self._wire_row
        zone = zone_named(zone_name)
        derived = list(self._connection.rows("derive", iccids=self._connection.set_of(iccids)))
        stay_of_row = self._stays(derived)
        for account, mdn, activation_date, _, *row in derived:
            _, _, activated_at, iccid, post_imei, pre_imei = row
            of_sim = (account, mdn, activation_date, iccid)
            wire = wire_row(*of_sim, pre_imei, post_imei, activated_at, zone_name)
            stay = stay_of_row[iccid, activated_at, post_imei]
            reasons = encode(own_reasons(stay), zone)
            yield AnswerRow._make((*row, wire, stay.expected, reasons))

    def _stays(self, derived: Iterable[tuple[Any, ...]]) -> Mapping[tuple[int, int, int], Stay]:
        """What their own facts say around the derived rows, by SIM, moment and IMEI."""
        rows_of_sim: dict[tuple[int, str], set[Pair]] = defaultdict(set)
        for _, _, _, first_use, _, _, activated_at, iccid, imei, _ in derived:
            rows_of_sim[iccid, first_use].add((activated_at, imei))
        iccids = sorted(iccid for iccid, _ in rows_of_sim)
        facts = self.facts_of_each(iccids) if iccids else {}
        return {
            (iccid, stay.activated_at, stay.found): stay
            for (iccid, first_use), rows in rows_of_sim.items()
            for stay in stays(rows, *facts[iccid], FirstUse(first_use))
        }

    # Changes that concern kept rows of many SIMs

    def explain_rows(self, after: int) -> int | None:
        """Fill in reasons that an older program did not keep, of some SIMs behind `after`.

        Gives the last of these SIMs, None at the end.
        """
        sims = self._numbers("unexplained_sims_after", iccid=after, at_most=SIMS_A_REFRESH)
        self.refresh(sims, lambda _: MIGRATION)
        return sims[-1] if sims else None

    def rename_account(self, account_id: int, name: str) -> None:
        """Give an account another name, which its kept rows read from then on."""
        self._connection.run("rename_account", account_id=account_id, name=name)
        sims = self._numbers("mismatched_sims_of_account", account_id=account_id)
        self.suspect(sims, RENAME)

    def set_wire_zone(self, zone: str) -> bool:
        """Print the kept rows in another zone from now on; give whether that changed anything."""
        if not self._connection.run("set_wire_zone", wire_zone=zone):
            return False
        after = BEFORE_ALL
        while sims := self._mismatched_sims(after):
            self.refresh(sims, lambda _: ZONE)
            after = sims[-1]
        return True

    def set_first_use(self, account_id: int, first_use: FirstUse) -> bool:
        """Hold an account's SIMs to where they were first seen, or no longer; give whether that changed anything."""
        if not self._connection.run("set_first_use", account_id=account_id, first_use=first_use):
            return False
        self._has_first_use = None  # what was asked before this change may hold no longer
        after = BEFORE_ALL
        while sims := self._sims_of_account(account_id, after):
            self.touch(sims, POLICY)
            self.settle()
            after = sims[-1]
        return True

    def _sims_of_account(self, account_id: int, after: int) -> list[int]:
        return self._numbers(
            "sims_of_account_after", account_id=account_id, after=after, at_most=SIMS_A_REFRESH
        )

    def _mismatched_sims(self, after: int) -> list[int]:
        return self._numbers("mismatched_sims_after", iccid=after, at_most=SIMS_A_REFRESH)


def _difference(kept: Iterable[AnswerRow], right: Iterable[AnswerRow]) -> _Difference:
    """Compare the rows that SIMs have with those that they should have."""
    kept_by_key = {row.key: row for row in kept}
    right_by_key = {row.key: row for row in right}
    closed = [row for key, row in kept_by_key.items() if key not in right_by_key]
    opened = [row for key, row in right_by_key.items() if key not in kept_by_key]
    reprinted, explained = [], []
    for key in kept_by_key.keys() & right_by_key.keys():
        before, after = kept_by_key[key], right_by_key[key]
        if before[:READ_COLUMNS] != after[:READ_COLUMNS]:
            reprinted.append(after)
        elif before != after:
            explained.append(after)
    return _Difference(sorted(closed), sorted(opened), sorted(reprinted), sorted(explained))


def _parts(iccids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (
        iccids[start : start + SIMS_A_REFRESH] for start in range(0, len(iccids), SIMS_A_REFRESH)
    )


def _add(iccids_of: dict[Cause, set[int]], iccids: Collection[int], cause: Cause) -> None:
    """Add SIMs to those of a cause, which is the latest one from then on."""
    of_cause = iccids_of.pop(cause, set())
    of_cause.update(iccids)
    iccids_of[cause] = of_cause


def _cause_of(iccid: int, causes: Iterable[tuple[Cause, Collection[int]]]) -> Cause:
    """The first of the causes that concerns a SIM."""
    return next(cause for cause, iccids in causes if iccid in iccids)


def expectation_cause(change_set_id: int) -> Cause:
    """The cause that expectations of a change set are."""
    return Cause(CauseKind.EXPECTATION, change_set_id)

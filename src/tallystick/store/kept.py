"""The kept answer: how it is made to follow from the facts, and what became of its rows.

`KeptAnswer.settle` runs at the end of each transaction. It is the only writer of the table
`mismatches`. What a fact can change is stated in core/local.py; only that is derived anew.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.local import EVER, Span, bounded, span_of_activation, span_of_expectation
from tallystick.core.moments import zone_named
from tallystick.core.reason_json import decode, encode
from tallystick.core.row_events import (
    MIGRATION,
    ZONE,
    Cause,
    CauseKind,
    RowChange,
)
from tallystick.memory import not_collecting
from tallystick.store.reader import Reader
from tallystick.store.refresh import Difference, Refresh
from tallystick.store.walking import sim_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.pairing import FirstUse
    from tallystick.store.connection import Connection
    from tallystick.store.neighbours import AnswerRow, Fact, RowSim

SIMS_A_REFRESH = 65_536
# So many SIMs are looked at span by span; of more, those that cannot have rows are left out first.
FEW_SIMS_MAX = 1_000


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

    def and_also(self, difference: Difference) -> Refreshed:
        """The sum of both."""
        return Refreshed(
            self.opened + len(difference.opened),
            self.closed + len(difference.closed),
            self.reprinted + len(difference.reprinted),
        )


class _Pending:
    """What has changed in a transaction and is not settled yet."""

    def __init__(self) -> None:
        self.causes: dict[Cause, set[int]] = {}  # SIMs by cause, the latest cause last
        self.facts: list[Fact] = []  # activations that may matter
        self.expectations: dict[int, set[int]] = {}  # moments of changed expectations, by SIM
        self.spans: dict[int, list[Span]] = {}  # stretches of time that do matter, by SIM
        self.whole: set[int] = set()  # SIMs of which everything may have changed
        self.reprinted: set[int] = set()  # SIMs whose rows read differently
        self.untracked: set[int] = set()  # SIMs that had sightings, which are found out anew

    def name(self, iccids: Iterable[int], cause: Cause) -> None:
        """Remember why SIMs are looked at; the cause is the latest one from then on."""
        of_cause = self.causes.pop(cause, set())
        of_cause.update(iccids)
        self.causes[cause] = of_cause

    def add_span(self, iccid: int, span: Span) -> None:
        """Remember a stretch of time of a SIM."""
        self.spans.setdefault(iccid, []).append(span)

    def cause_of(self, iccid: int) -> Cause:
        """The latest cause for which a SIM is looked at."""
        return next(cause for cause, iccids in reversed(self.causes.items()) if iccid in iccids)


class KeptAnswer(Reader):
    """The kept answer within one transaction.

    Whoever changes facts says which, and why (the methods `…_changed`). An observer is called with
    the row events of up to 65,536 SIMs at a time, so that no list of all of them is held. An event
    is what became of a row between two settlements; where several causes concerned its SIM
    meanwhile, it has the latest.
    """

    def __init__(self, connection: Connection, wire_row: Callable[..., bytes]) -> None:
        super().__init__(connection)
        self._wire_row = wire_row
        self._pending = _Pending()
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

    # What has changed

    def activations_changed(self, facts: Iterable[Fact], cause: Cause) -> None:
        """These activations were taken in."""
        taken = list(facts)
        self._pending.name((iccid for iccid, _, _ in taken), cause)
        self._pending.facts += taken

    def activations_taken_away(self, facts: Sequence[Fact], cause: Cause) -> None:
        """These activations are no longer the SIMs'.

        When the SIMs were first seen in each hardware follows from all that is left, and with it
        everything that is told of their rows.
        """
        iccids = {iccid for iccid, _, _ in facts}
        tracked = self.tracked_among(iccids)
        self._connection.run("untrack", iccids=self._connection.set_of(tracked))
        self._pending.untracked |= tracked
        self.spans_changed(((iccid, EVER) for iccid in tracked | self.held_sims(iccids)), cause)

    def spans_changed(self, spans: Iterable[tuple[int, Span]], cause: Cause) -> None:
        """In these stretches of time of SIMs activations were taken in that matter."""
        for iccid, span in spans:
            self._pending.name((iccid,), cause)
            self._pending.add_span(iccid, span)

    def expectations_changed(self, keys: Collection[tuple[int, int]], cause: Cause) -> None:
        """The expectations of these SIMs from these moments on were put, corrected or taken away.

        Of many, those are left out at once whose SIMs can have no rows.
        """
        concerned = {iccid for iccid, _ in keys}
        if len(concerned) > FEW_SIMS_MAX:
            concerned = self._suspects_among(concerned)
        self._pending.name(concerned, cause)
        for iccid, effective_from in keys:
            if iccid in concerned:
                self._pending.expectations.setdefault(iccid, set()).add(effective_from)

    def sims_changed(self, iccids: Collection[int], cause: Cause) -> None:
        """These SIMs were loaded, removed, or came to an account with another policy.

        Any of their rows may change.
        """
        self._pending.name(iccids, cause)
        self._pending.whole.update(iccids)

    def rows_changed(self, iccids: Collection[int], cause: Cause) -> None:
        """The rows of these SIMs read differently, or are another account's.

        Which rows there are stays.
        """
        self._pending.name(iccids, cause)
        self._pending.reprinted.update(iccids)

    # How the answer follows

    def settle(self) -> Refreshed:
        """Make the kept answer follow from the facts; the end of a transaction does it."""
        with not_collecting():
            return self._settle()

    def _settle(self) -> Refreshed:
        pending, self._pending = self._pending, _Pending()
        self._add_spans_of_activations(pending)
        self._add_spans_of_expectations(pending)
        for iccid in self._suspects_among(pending.whole):
            pending.spans[iccid] = [EVER]
        reprinted = self._reprint(sorted(pending.reprinted), pending.cause_of)
        refreshed = self._refresh(pending.spans, pending.cause_of, pending.untracked)
        return Refreshed(*map(sum, zip(reprinted, refreshed, strict=True)))

    def _add_spans_of_activations(self, pending: _Pending) -> None:
        if not pending.facts:
            return
        held = self.held_sims({iccid for iccid, _, _ in pending.facts})
        first = self.first_activations(sorted(held))
        for place in self.relevant_activations(pending.facts, held):
            iccid, activated_at, _ = pending.facts[place]
            # The first activation of a SIM that is held to its first use says what is expected of
            # all others.
            is_first = iccid in first and activated_at <= first[iccid][0]
            pending.add_span(iccid, EVER if is_first else span_of_activation(activated_at))

    def _add_spans_of_expectations(self, pending: _Pending) -> None:
        if not pending.expectations:
            return
        keys = [
            (iccid, moment) for iccid, moments in pending.expectations.items() for moment in moments
        ]
        for iccid, effective_from, next_effective_from in self.next_expectations(keys):
            pending.add_span(iccid, span_of_expectation(effective_from, next_effective_from))

    def _suspects_among(self, iccids: Collection[int]) -> set[int]:
        """Those of the SIMs that may have rows, or had some."""
        suspects = set[int]()
        for part in _parts(sorted(iccids)):
            if len(part) > FEW_SIMS_MAX and not self._may_be_seen(part):
                continue
            suspects.update(self._numbers("suspects", iccids=self._connection.set_of(part)))
            if held := self.held_sims(part):
                asked = self._connection.set_of(sorted(held))
                suspects.update(self._numbers("sims_seen_in_several", iccids=asked))
        return suspects

    def _may_be_seen(self, iccids: Sequence[int]) -> bool:
        """Whether any SIM from the first to the last was seen, or has sightings.

        SIMs and expectations are often loaded before activations: that none was seen is two
        look-ups, not several for each.
        """
        if not self.asks_ranges_for(len(iccids)):
            return True
        return bool(self._numbers("any_seen_between", first=iccids[0], last=iccids[-1]))

    def held_sims(self, iccids: Iterable[int]) -> set[int]:
        """Those of the SIMs, which may come more than once, that are held to their first use.

        Most stores have no account that does so.
        """
        if self._has_first_use is None:
            self._has_first_use = bool(self._value(bool, "has_first_use"))
        if not self._has_first_use:
            return set()
        asked = self._connection.set_of(sorted(set(iccids)))
        return set(self._numbers("held_sims", iccids=asked))

    def _refresh(
        self,
        spans: Mapping[int, list[Span]],
        cause_of: Callable[[int], Cause],
        untracked: Collection[int] = (),
    ) -> Refreshed:
        """Derive anew what spans of SIMs can change, and apply the difference."""
        return self._follow(self._differences(spans, untracked), cause_of)

    def _differences(
        self, spans: Mapping[int, list[Span]], untracked: Collection[int]
    ) -> Iterator[Difference]:
        for part in _parts(sorted(spans)):
            of_part = [(iccid, span) for iccid in part for span in bounded(spans[iccid])]
            refresh = Refresh(self, self._connection, self._wire_row, self.wire_zone())
            yield from refresh.differences(of_part, untracked)

    def _follow(
        self, differences: Iterable[Difference], cause_of: Callable[[int], Cause]
    ) -> Refreshed:
        """Apply each difference before the next is asked for, and tell of it."""
        refreshed = Refreshed(0, 0, 0)
        for difference in differences:
            self._apply(difference)
            self._tell(difference, cause_of)
            refreshed = refreshed.and_also(difference)
        return refreshed

    def _apply(self, difference: Difference) -> None:
        replaced = sorted(row.key for row in (*difference.closed, *difference.reprinted))
        self._connection.run_many("close", replaced)
        put = sorted((*difference.opened, *difference.reprinted))
        self._connection.run_many("open", put)
        explained = [
            (row.expected_imei, row.reasons, row.left_at, row.is_back, *row.key)
            for row in difference.explained
        ]
        self._connection.run_many("explain", explained)

    def _tell(self, difference: Difference, cause_of: Callable[[int], Cause]) -> None:
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

    # Rows that only read differently

    def _reprint(self, iccids: Sequence[int], cause_of: Callable[[int], Cause]) -> Refreshed:
        """Print the rows of SIMs anew; which rows there are does not change."""
        return self._follow(map(self._reprinting, _parts(iccids)), cause_of)

    def _reprinting(self, iccids: Sequence[int]) -> Difference:
        """What printing the rows of these SIMs anew changes."""
        sims, zone_name = self.sims_of_rows(iccids), self.wire_zone()
        kept = self.kept_rows(iccids)
        right = [self._printed(row, sims[row.iccid], zone_name) for row in kept]
        return Difference.between(kept, right)

    def _printed(self, row: AnswerRow, sim: RowSim, zone_name: str) -> AnswerRow:
        """A row as it reads now."""
        of_sim = (sim.account, sim.mdn, sim.activation_date, row.iccid)
        of_row = (row.pre_imei, row.post_imei, row.activated_at)
        wire = self._wire_row(*of_sim, *of_row, zone_name)
        reasons = row.reasons and encode(decode(row.reasons), zone_named(zone_name))
        return row._replace(
            account_id=sim.account_id, generation=sim.generation, wire=wire, reasons=reasons
        )

    # Changes that concern the rows of many SIMs

    def explain_rows(self, after: int) -> int | None:
        """Fill in reasons that an older program did not keep, of some SIMs behind `after`.

        Gives the last of these SIMs, None at the end.
        """
        sims = self._numbers("unexplained_sims_after", iccid=after, at_most=SIMS_A_REFRESH)
        self._refresh({iccid: [EVER] for iccid in sims}, lambda _: MIGRATION)
        return sims[-1] if sims else None

    def set_wire_zone(self, zone: str) -> bool:
        """Print the kept rows in another zone from now on; give whether that changed anything."""
        if not self._connection.run("set_wire_zone", wire_zone=zone):
            return False
        for sims in sim_pages(self._mismatched_sims):
            self._reprint(sims, lambda _: ZONE)
        return True

    def put_first_use(self, account_id: int, first_use: FirstUse) -> bool:
        """Say whether an account's SIMs are held to their first use.

        Give whether that changed anything.
        """
        if not self._connection.run("set_first_use", account_id=account_id, first_use=first_use):
            return False
        self._has_first_use = None  # what was asked before this change may hold no longer
        return True

    def _mismatched_sims(self, after: int) -> list[int]:
        return self._numbers("mismatched_sims_after", iccid=after, at_most=SIMS_A_REFRESH)


def _parts(iccids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (
        iccids[start : start + SIMS_A_REFRESH] for start in range(0, len(iccids), SIMS_A_REFRESH)
    )


def identity_cause(change_set_id: int) -> Cause:
    """The cause that identities of a change set are."""
    return Cause(CauseKind.IDENTITY, change_set_id)


def expectation_cause(change_set_id: int) -> Cause:
    """The cause that expectations of a change set are."""
    return Cause(CauseKind.EXPECTATION, change_set_id)

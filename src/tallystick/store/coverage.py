"""What a report covers: its SIMs, and how much is known of them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.allowed import HARDWARE, LIST_MAX, Allowed
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.moments import Moment
from tallystick.store.report import ReportQuestions
from tallystick.store.walking import sim_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.window import Window
    from tallystick.store.report import Scope

SIMS_A_PAGE = 65_536


class Coverage(NamedTuple):
    """Counts of SIMs: in scope, expected, seen in the window; and when one was seen last."""

    sims: int = 0
    expected: int = 0
    seen: int = 0
    newest: Moment | None = None

    def and_also(self, other: Coverage) -> Coverage:
        """Both together, of different SIMs."""
        moments = [moment for moment in (self.newest, other.newest) if moment is not None]
        return Coverage(
            self.sims + other.sims,
            self.expected + other.expected,
            self.seen + other.seen,
            max(moments, default=None),
        )


class Uncovered(NamedTuple):
    """A SIM of which something lacks, and the expectation that this is told of, if it is of one."""

    iccid: Iccid
    mdn: Mdn | None
    account: str
    imei: Allowed | None
    effective_from: Moment | None


class CoverageQuestions(ReportQuestions):
    """SIMs in scope, and what of them lacks."""

    def coverage(self, scope: Scope, window: Window) -> Coverage:
        """How many SIMs are in scope, and of how many of them something is known."""
        total = Coverage()
        for iccids in self._covered(scope):
            total = total.and_also(self._coverage_of(iccids, window))
        return total

    def count_covered(self, scope: Scope) -> int:
        """How many SIMs are in scope."""
        return sum(map(len, self._covered(scope)))

    def unseen(self, scope: Scope, window: Window) -> Iterator[Uncovered]:
        """The SIMs in scope that were not seen in the window."""
        return self._uncovered(
            "unseen_among", scope, earliest=window.earliest, latest=window.latest
        )

    def without_expectation(self, scope: Scope) -> Iterator[Uncovered]:
        """The SIMs in scope that are expected nowhere."""
        return self._uncovered("expected_nowhere_among", scope)

    def unconfirmed(self, scope: Scope) -> Iterator[Uncovered]:
        """Give the expectations of SIMs in scope that no later activation ever confirmed."""
        for uncovered in self._uncovered("unconfirmed_among", scope):
            if not self._is_confirmed(uncovered):
                yield uncovered

    def _is_confirmed(self, uncovered: Uncovered) -> bool:
        """Whether a SIM was seen in a member of an expectation with several.

        SQL has looked at the others.
        """
        value, since = uncovered.imei, uncovered.effective_from
        if value is None or value > LIST_MAX:
            return False
        hardware = self._numbers("hardware_seen_since", iccid=uncovered.iccid, since=since)
        return any(value.fits(number * HARDWARE) for number in hardware)

    def _coverage_of(self, iccids: Sequence[int], window: Window) -> Coverage:
        asked = self._connection.set_of(iccids)
        expected = self._value(int, "count_of_expected", iccids=asked) or 0
        bounds = {"earliest": window.earliest, "latest": window.latest}
        seen, newest = self._connection.row("count_of_seen", iccids=asked, **bounds) or (0, None)
        return Coverage(len(iccids), expected, seen, newest)

    def _uncovered(self, query: str, scope: Scope, **bounds: Moment) -> Iterator[Uncovered]:
        for iccids in self._covered(scope):
            for row in self._connection.rows(
                query, iccids=self._connection.set_of(iccids), **bounds
            ):
                yield _uncovered_of(row)

    def _covered(self, scope: Scope) -> Iterator[Sequence[int]]:
        """The SIMs in scope, a page at a time, in order within each account."""
        if scope.iccids is not None:
            return self._covered_of_listed(scope)
        return chain.from_iterable(
            sim_pages(partial(self._covered_after, scope, account_id))
            for account_id in scope.account_ids
        )

    def _covered_of_listed(self, scope: Scope) -> Iterator[Sequence[int]]:
        account_ids = self._connection.set_of(scope.account_ids)
        generations = self._connection.set_of(scope.generations)
        listed = self.listed_in(scope)
        for start in range(0, len(listed), SIMS_A_PAGE):
            page = self._connection.set_of(listed[start : start + SIMS_A_PAGE])
            yield self._numbers(
                "covered_among", iccids=page, account_ids=account_ids, generations=generations
            )

    def _covered_after(self, scope: Scope, account_id: int, after: int) -> list[int]:
        query, group = _page_query(scope)
        return self._numbers(
            query,
            account_id=account_id,
            generations=self._connection.set_of(scope.generations),
            after=after,
            at_most=SIMS_A_PAGE,
            **group,
        )


def _page_query(scope: Scope) -> tuple[str, dict[str, int]]:
    """What gives the next SIMs of an account, of one of its groups, or of none of them."""
    if not scope.grouped:
        return "covered_of_account", {}
    if scope.group_id is None:
        return "covered_unassigned", {}
    return "covered_of_group", {"group_id": scope.group_id}


def _uncovered_of(row: tuple[Any, ...]) -> Uncovered:
    iccid, mdn, account, value, effective_from, members = row
    return Uncovered(
        Iccid(iccid),
        None if mdn is None else Mdn(mdn),
        account,
        None if value is None else Allowed.read(value, members),
        None if effective_from is None else Moment(effective_from),
    )

"""The report's question: one query for each kind of scope (docs/decisions/0005)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from tallystick.core.moments import Moment
from tallystick.store.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.window import Window

ROWS_A_SLICE = 1000  # what a sorted slice of the window aims at: small enough to stay in the processor's cache
SLICES_FIRST = 64
ROWS_A_VALUE_MAX = 16_000  # rows that are joined by the store at once, some 4 MiB
SLICE_GROWTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a report may have: accounts by number, generations, and within them a group or listed SIMs.

    `group_id` None with `grouped` set means the SIMs of the one account that are in none of its groups.
    """

    account_ids: tuple[int, ...]
    generations: tuple[str, ...]
    iccids: tuple[int, ...] | None = None
    grouped: bool = False
    group_id: int | None = None


ExplainedRow = tuple[bytes, bytes, int, int, int, int]
"""A row as it goes over the wire, its own reasons, and the SIM, the IMEI found, the one expected and the moment."""


def joined(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Rows as they go over the wire, many at a time with commas between."""
    while value := b",".join(islice(rows, ROWS_A_SLICE)):
        yield value


class ReportQuestions(Asking):
    """Rows of the kept answer, as they go over the wire."""

    def wire_zone(self) -> str:
        """The name of the zone in which the kept rows print their times."""
        return str(self._value(str, "wire_zone"))

    def report(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """Rows as they go over the wire, ordered by the activation's time, then ICCID."""
        return (wire for (wire,) in self._rows(scope, window, form=""))

    def report_explained(self, scope: Scope, window: Window) -> Iterator[ExplainedRow]:
        """The same rows with what the store keeps of their reasons, as plain tuples."""
        return self._rows(scope, window, form="_explained")

    def _rows(self, scope: Scope, window: Window, form: str) -> Iterator[Any]:
        """The rows in one of the two forms that each query has."""
        bounds = {"earliest": window.earliest, "latest": window.latest}
        if scope.iccids is not None:
            return self._report_of_sims(scope, bounds, form)
        if scope.grouped:
            return self._report_of_group(scope, bounds, form)
        if len(scope.account_ids) == 1 and len(scope.generations) == 1:
            account_id, generation = scope.account_ids[0], scope.generations[0]
            query = "report_of_account" + form
            return self._connection.stream(query, account_id=account_id, generation=generation, **bounds)
        return self._report_of_accounts(scope, window, form)

    def report_joined(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """The same rows, many at a time with commas between."""
        if scope.iccids is None and not scope.grouped and len(scope.account_ids) == len(scope.generations) == 1:
            count, value = self._report_in_one_value(scope.account_ids[0], scope.generations[0], window)
            if count <= ROWS_A_VALUE_MAX:
                return iter((value,) if count else ())
        return joined(self.report(scope, window))

    def _report_in_one_value(self, account_id: int, generation: str, window: Window) -> tuple[int, bytes]:
        count, value = self._connection.row(
            "report_of_account_joined",
            account_id=account_id,
            generation=generation,
            earliest=window.earliest,
            latest=window.latest,
            at_most=ROWS_A_VALUE_MAX + 1,
        ) or (0, b"")
        return count, value

    def _report_of_accounts(self, scope: Scope, window: Window, form: str) -> Iterator[Any]:
        """Walk the window in slices, so that each sort stays small whatever the answer's size."""
        accounts = self._connection.set_of(scope.account_ids)
        generations = self._connection.set_of(scope.generations)
        query = "report_of_accounts" + form
        after, span = window.earliest, max(1, (window.latest - window.earliest) // SLICES_FIRST)
        while after + 1 < window.latest:
            before = min(after + 1 + span, window.latest)  # a slice is (after, before): `span` moments
            found = 0
            for row in self._connection.stream(
                query, account_ids=accounts, generations=generations, earliest=after, latest=before
            ):
                found += 1
                yield row
            after = Moment(before - 1)
            growth = ROWS_A_SLICE / max(found, 1)
            span = max(1, int(span * min(max(growth, 1 / SLICE_GROWTH_MAX), SLICE_GROWTH_MAX)))

    def _report_of_group(self, scope: Scope, bounds: dict[str, Moment], form: str) -> Iterator[Any]:
        query, group = (
            ("report_of_unassigned", {})
            if scope.group_id is None
            else ("report_of_group", {"group_id": scope.group_id})
        )
        generations = self._connection.set_of(scope.generations)
        account_id = scope.account_ids[0]
        return self._connection.stream(query + form, account_id=account_id, generations=generations, **group, **bounds)

    def _report_of_sims(self, scope: Scope, bounds: dict[str, Moment], form: str) -> Iterator[Any]:
        iccids: Iterable[int] = scope.iccids or ()
        if scope.grouped:
            iccids = self._in_group(scope, iccids)
        query = "report_of_sims"
        return self._connection.stream(
            query + form,
            iccids=self._connection.set_of(sorted(set(iccids))),
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            **bounds,
        )

    def _in_group(self, scope: Scope, iccids: Iterable[int]) -> set[int]:
        """Those of some SIMs that are in the group, or in none of the account."""
        listed = set(iccids)
        asked = {"account_id": scope.account_ids[0], "iccids": self._connection.set_of(sorted(listed))}
        if scope.group_id is None:
            return listed.difference(self._numbers("sims_in_any_group", **asked))
        return set(self._numbers("sims_in_group", group_id=scope.group_id, **asked))

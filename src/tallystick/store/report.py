"""The report's question: one query for each kind of scope (docs/decisions/0005)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallystick.core.moments import Moment
from tallystick.store.connection import Asking, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.window import Window

ROWS_A_SLICE = (
    1000  # what a sorted slice of the window aims at: small enough to stay in the processor's cache
)
SLICES_FIRST = 64
SLICE_GROWTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a report may have.

    They are of accounts, by number, and generations, and within these of a group or of listed SIMs.
    `group_id` None with `grouped` set means the SIMs of the one account that are in none of its
    groups. `hardware`, if not None, is what the SIMs, which are listed then, were found in.
    """

    account_ids: tuple[int, ...]
    generations: tuple[str, ...]
    iccids: tuple[int, ...] | None = None
    grouped: bool = False
    group_id: int | None = None
    hardware: tuple[int, ...] | None = None

    @property
    def is_one_range(self) -> bool:
        """Whether it is one range of the kept answer's key: one account in one generation."""
        return (
            self.iccids is None
            and not self.grouped
            and len(self.account_ids) == len(self.generations) == 1
        )


ExplainedRow = tuple[bytes, bytes, int, int, int, int]
"""A row on the wire, its own reasons, and its SIM, IMEIs and moment."""


class ReportQuestions(Asking):
    """Rows of the kept answer, as they go over the wire."""

    def wire_zone(self) -> str:
        """The name of the zone in which the kept rows print their times."""
        return str(self._value(str, "wire_zone"))

    def report(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """Rows as they go over the wire, ordered by the activation's time, then ICCID."""
        return (wire for (wire,) in self._rows(scope, window, explained=False))

    def report_explained(self, scope: Scope, window: Window) -> Iterator[ExplainedRow]:
        """The same rows with what the store keeps of their reasons, as plain tuples."""
        return self._rows(scope, window, explained=True)

    def _rows(self, scope: Scope, window: Window, *, explained: bool) -> Iterator[Any]:
        """The rows on the wire alone, or with what the store keeps of their reasons."""
        if scope.is_one_range:
            return self._connection.stream(
                "report_of_account_explained" if explained else "report_of_account",
                **_range(scope, window),
            )
        bounds = {"earliest": window.earliest, "latest": window.latest}
        if scope.iccids is not None:
            return self._report_of_sims(scope, bounds, explained=explained)
        if scope.grouped:
            return self._report_of_group(scope, bounds, explained=explained)
        return self._report_of_accounts(scope, window, explained=explained)

    def report_joined(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """The same rows, many at a time with commas between."""
        if scope.is_one_range:
            return self._connection.joined("report_of_account", **_range(scope, window))
        return joined(self.report(scope, window))

    def _report_of_accounts(
        self, scope: Scope, window: Window, *, explained: bool
    ) -> Iterator[Any]:
        """Walk the window in slices, so that each sort stays small whatever the answer's size."""
        accounts = self._connection.set_of(scope.account_ids)
        generations = self._connection.set_of(scope.generations)
        after, span = window.earliest, max(1, (window.latest - window.earliest) // SLICES_FIRST)
        while after + 1 < window.latest:
            before = min(
                after + 1 + span, window.latest
            )  # a slice is (after, before): `span` moments
            rows_read = 0
            for row in self._connection.stream(
                "report_of_accounts_explained" if explained else "report_of_accounts",
                account_ids=accounts,
                generations=generations,
                earliest=after,
                latest=before,
            ):
                rows_read += 1
                yield row
            after = Moment(before - 1)
            growth = ROWS_A_SLICE / max(rows_read, 1)
            span = max(1, int(span * min(max(growth, 1 / SLICE_GROWTH_MAX), SLICE_GROWTH_MAX)))

    def _report_of_group(
        self, scope: Scope, bounds: dict[str, Moment], *, explained: bool
    ) -> Iterator[Any]:
        asked = {
            "account_id": scope.account_ids[0],
            "generations": self._connection.set_of(scope.generations),
            **bounds,
        }
        if scope.group_id is None:
            return self._connection.stream(
                "report_of_unassigned_explained" if explained else "report_of_unassigned", **asked
            )
        return self._connection.stream(
            "report_of_group_explained" if explained else "report_of_group",
            group_id=scope.group_id,
            **asked,
        )

    def _report_of_sims(
        self, scope: Scope, bounds: dict[str, Moment], *, explained: bool
    ) -> Iterator[Any]:
        return self._connection.stream(
            "report_of_sims_explained" if explained else "report_of_sims",
            iccids=self._connection.set_of(self.listed_in(scope)),
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            has_hardware=int(scope.hardware is not None),
            hardware=self._connection.set_of(scope.hardware or ()),
            **bounds,
        )

    def listed_in(self, scope: Scope) -> list[int]:
        """The SIMs that a scope lists, in order, those of its group alone where it has one."""
        listed = set(scope.iccids or ())
        return sorted(self._in_group(scope, listed) if scope.grouped else listed)

    def _in_group(self, scope: Scope, listed: set[int]) -> set[int]:
        """Those of some SIMs that are in the group, or in none of the account."""
        asked = {
            "account_id": scope.account_ids[0],
            "iccids": self._connection.set_of(sorted(listed)),
        }
        if scope.group_id is None:
            return listed.difference(self._numbers("sims_in_any_group", **asked))
        return set(self._numbers("sims_in_group", group_id=scope.group_id, **asked))


def _range(scope: Scope, window: Window) -> dict[str, object]:
    bounds = {"earliest": window.earliest, "latest": window.latest}
    return {"account_id": scope.account_ids[0], "generation": scope.generations[0], **bounds}

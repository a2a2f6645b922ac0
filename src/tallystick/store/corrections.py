"""Rows of the kept answer by the types of hardware, and the facts that they can be corrected by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.identifiers import Imei
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.store.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tallystick.core.window import Window
    from tallystick.store.report import Scope


class MismatchedTypes(NamedTuple):
    """How many rows a SIM has, seen in hardware of one type and expected in hardware of another, or of the same."""

    iccid: int
    seen_tac: int
    expected_tac: int
    rows: int


class CorrectionQuestions(Asking):
    """Which SIMs have rows, and what is known of where they were and should be."""

    def mismatched_types(self, scope: Scope, window: Window) -> Iterator[MismatchedTypes]:
        """Rows of some accounts by SIM and types, in order of SIM."""
        rows = self._connection.stream(
            "mismatched_types",
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            earliest=window.earliest,
            latest=window.latest,
        )
        return (MismatchedTypes(*row) for row in rows)

    def expected_among(self, iccids: Collection[int]) -> dict[int, list[Expectation]]:
        """Where each of some SIMs was expected, in order."""
        found: dict[int, list[Expectation]] = {iccid: [] for iccid in iccids}
        for iccid, effective_from, imei in self._among("expected_among", iccids):
            found[iccid].append(Expectation(Moment(effective_from), Imei(imei)))
        return found

    def seen_among(self, iccids: Collection[int]) -> dict[int, list[Activation]]:
        """Where each of some SIMs was seen, in order."""
        found: dict[int, list[Activation]] = {iccid: [] for iccid in iccids}
        for iccid, activated_at, imei in self._among("seen_among", iccids):
            found[iccid].append(Activation(Moment(activated_at), Imei(imei)))
        return found

    def _among(self, query: str, iccids: Collection[int]) -> Iterator[tuple[int, int, int]]:
        return self._connection.rows(query, iccids=self._connection.set_of(iccids))

"""Rows of the kept answer by the types of hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.window import Window
    from tallystick.store.report import Scope


class MismatchedTypes(NamedTuple):
    """How many rows a SIM has, seen in hardware of one type and expected in that of a type.

    `members` is the text of what was expected where that has several members; `expected_tac` is
    None then, and where no hardware was expected.
    """

    iccid: int
    seen_tac: int
    expected_tac: int | None
    members: str | None
    rows: int


class CorrectionQuestions(Asking):
    """Which SIMs have rows in hardware of which types."""

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

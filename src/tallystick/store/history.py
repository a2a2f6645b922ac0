"""Where one SIM has been, the newest first, and how much is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation, Run
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from tallystick.core.identifiers import Iccid


class SimCounts(NamedTuple):
    """How much is known of one SIM."""

    expectations: int
    activations: int
    mismatches: int


class HistoryQuestions(Asking):
    """One SIM's history, a part of it at a time."""

    def runs_before(
        self, iccid: Iccid, before: Activation, runs_max: int, activations_max: int
    ) -> list[Run]:
        """The newest runs of activations before one, the newest first.

        There are `runs_max` at most, and they are found in the last `activations_max` activations:
        a longer run comes in parts.
        """
        rows = self._connection.rows(
            "runs_before",
            iccid=iccid,
            **_place(before),
            runs_max=runs_max,
            activations_max=activations_max,
            beginning=BEGINNING,
        )
        return [
            Run(Imei(imei), Moment(first_at), Moment(last_at), activations)
            for last_at, first_at, imei, activations in rows
        ]

    def last_activation_before(self, iccid: Iccid, before: Activation) -> Activation | None:
        """The newest activation before another."""
        row = self._connection.row("last_activation_before", iccid=iccid, **_place(before))
        return None if row is None else Activation(Moment(row[0]), Imei(row[1]))

    def first_activation(self, iccid: Iccid) -> Activation | None:
        """The oldest activation."""
        row = self._connection.row("first_activation", iccid=iccid)
        return None if row is None else Activation(Moment(row[0]), Imei(row[1]))

    def in_force_between(
        self, iccid: Iccid, first_at: Moment, last_at: Moment
    ) -> list[Expectation]:
        """The expectations that were in force between two moments, both within, in order."""
        rows = self._connection.rows(
            "in_force_between", iccid=iccid, first_at=first_at, last_at=last_at
        )
        return [
            Expectation(Moment(since), Allowed.read(value, members))
            for since, value, members in rows
        ]

    def is_expected_undated(self, iccid: Iccid) -> bool:
        """Whether an expectation is in force from the beginning."""
        return bool(self._value(bool, "is_expected_undated", iccid=iccid, beginning=BEGINNING))

    def counts_of_sim(self, iccid: Iccid) -> SimCounts:
        """How many expectations, activations and rows a SIM has."""
        return SimCounts(*(self._connection.row("counts_of_sim", iccid=iccid) or ()))


def _place(activation: Activation) -> dict[str, int]:
    return {"activated_at": activation.activated_at, "imei": activation.imei}

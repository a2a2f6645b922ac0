"""Activations that wait until it is known whose IMSI or MSISDN they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.identities import Subscriber
from tallystick.core.moments import Moment
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Sequence


class Unattributed(NamedTuple):
    """Activations of one source that name a SIM by a number that no identity tells of."""

    subscriber: Subscriber
    source: str
    activations: int
    first_at: Moment
    last_at: Moment


class IdentityQuestions(Asking):
    """Whose the numbers are that activations name, and which of these wait until that is known."""

    def owners(self, activations: Sequence[tuple[int, int, int]]) -> list[int | None]:
        """The SIMs that had the numbers of named activations at their moments."""
        if not activations:
            return []
        asked = [(place, *activation[:2]) for place, activation in enumerate(activations)]
        owner_at = dict(self._connection.rows_of_many("owners", asked))
        return [owner_at[place] for place in range(len(activations))]

    def named_since(
        self, keys: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int, int, int | None]]:
        """The activations that name a number from a moment on until its next identity is in force.

        Each with the SIM that it is attributed to.
        """
        return self._connection.rows_of_many("named_since", keys) if keys else []

    def sims_named_since(self, keys: Sequence[tuple[int, int]]) -> set[int]:
        """The SIMs that the same activations are attributed to."""
        rows = self._connection.rows_of_many("sims_named_since", keys) if keys else []
        return {iccid for (iccid,) in rows}

    def unattributed_by_source(self) -> dict[str, int]:
        """How many activations of each source wait."""
        return dict(self._connection.rows("count_of_unattributed"))

    def unattributed_after(self, after: int, at_most: int) -> list[Unattributed]:
        """Those that wait, by number and source, of about so many numbers behind one, in order."""
        rows = self._connection.rows("unattributed_after", after=after, at_most=at_most)
        return [
            Unattributed(Subscriber(subscriber), source, count, Moment(first), Moment(last))
            for subscriber, source, count, first, last in rows
        ]

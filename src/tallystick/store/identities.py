"""Activations that wait until it is known whose IMSI or MSISDN they name."""

from __future__ import annotations

from typing import NamedTuple

from tallystick.core.identities import Subscriber
from tallystick.core.moments import Moment
from tallystick.store.connection import Asking


class Unattributed(NamedTuple):
    """Activations of one source that name a SIM by a number that no identity tells of."""

    subscriber: Subscriber
    source: str
    activations: int
    first_at: Moment
    last_at: Moment


class IdentityQuestions(Asking):
    """Which activations wait until it is known whose number they name."""

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

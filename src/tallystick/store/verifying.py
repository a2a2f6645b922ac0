"""The kept answer and the facts it follows from, range by range of SIMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.moments import BEGINNING, LAST
from tallystick.store.connection import Asking
from tallystick.store.facts import sim_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from tallystick.core.facts import Sim


class KeptRow(NamedTuple):
    """A row of the kept answer; `reasons` is None before `init` has filled it in."""

    iccid: int
    account: str
    generation: str
    activated_at: int
    pre_imei: int | None
    post_imei: int
    wire: bytes
    reasons: bytes | None


class Impossible(NamedTuple):
    """Rows of one kind with values that no such row can have: how many, and the first one's SIM."""

    kind: str
    rows: int
    iccid: int


IMPOSSIBLE = {
    "SIMs": "impossible_sims",
    "expectations": "impossible_expectations",
    "activations": "impossible_activations",
    "kept rows": "impossible_rows",
    "group members": "impossible_members",
}
"""What counts the impossible rows of each kind."""


class VerifyQuestions(Asking):
    """Ranges of SIMs, for comparison with the rule, and whether the store is sound."""

    def integrity_checks(self) -> list[str]:
        """Name the checks that the database has of its own."""
        return [name for (name,) in self._connection.rows("integrity_checks")]

    def damage_found(self, check: str) -> list[str]:
        """Give what one of these checks finds, in the database's words.

        Nothing where all is well.
        """
        return [text for (text,) in self._connection.rows("damage_found", name=check) if text]

    def impossible(self, kind: str) -> Impossible | None:
        """Give the rows of a kind with values that no such row can have.

        None where there are none.
        """
        row = self._connection.row(IMPOSSIBLE[kind], beginning=BEGINNING, last=LAST)
        return Impossible(kind, *row) if row and row[0] else None

    def verify_bound(self, after: int, at_most: int) -> int | None:
        """Where the next range of SIMs ends, after this one; None at the end."""
        return self._value(int, "verify_next_bound", after=after, at_most=at_most)

    def subscriber_bound(self, after: int, at_most: int) -> int | None:
        """Where the next range of subscribers ends that activations name; None at the end."""
        return self._value(int, "verify_subscribers", after=after, at_most=at_most)

    def attributions_between(
        self, after: int, up_to: int
    ) -> Iterator[tuple[int, int, int, int | None]]:
        """Activations of a range of subscribers, and the SIM of each."""
        return self._connection.stream("verify_named", after=after, up_to=up_to)

    def activations_there(
        self, activations: Sequence[tuple[int, int, int]]
    ) -> set[tuple[int, int, int]]:
        """Those of some activations, by ICCID, that are there."""
        if not activations:
            return set()
        rows = self._connection.rows_of_many("activations_there", activations)
        return {(iccid, activated_at, imei) for iccid, activated_at, imei in rows}

    def statements_between(self, after: int, up_to: int) -> Iterator[tuple[int, int, int]]:
        """Subscriber, moment and SIM of the identities of a range."""
        return self._connection.stream("verify_identities", after=after, up_to=up_to)

    def count_of_all_sims(self) -> int:
        """How many SIMs are loaded."""
        return self._value(int, "verify_sims_in_all") or 0

    def loaded_between(self, after: int, up_to: int) -> pl.Series:
        """The SIMs of a range that are loaded."""
        return self._connection.frame("verify_sims", after=after, up_to=up_to)["iccid"]

    def expected_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `least` and `largest` value of the expectations of each SIM of a range."""
        return self._connection.frame("verify_expectations", after=after, up_to=up_to)

    def activations_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `least` and `largest` IMEI of the activations of each SIM of a range."""
        return self._connection.frame("verify_activations", after=after, up_to=up_to)

    def sims_among(self, iccids: Iterable[int]) -> dict[int, Sim]:
        """Those of some SIMs that are loaded."""
        asked = self._connection.set_of(iccids)
        sims = map(sim_of, self._connection.rows("verify_sims_among", iccids=asked))
        return {sim.iccid: sim for sim in sims}

    def kept_between(self, after: int, up_to: int) -> Iterator[KeptRow]:
        """The kept rows of a range."""
        return (
            KeptRow(*row)
            for row in self._connection.stream("verify_mismatches", after=after, up_to=up_to)
        )

"""What lies around facts in time.

The questions that the refresh of the kept answer asks, each for many SIMs at once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.allowed import LIST_MAX, NONE, Allowed
from tallystick.core.moments import Moment
from tallystick.core.pairing import Expectation, FirstUse
from tallystick.store.facts import FactQuestions
from tallystick.store.hardware import HardwareQuestions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tallystick.core.local import Span

FIRST_USES = {each.value: each for each in FirstUse}  # a look-up takes a third of `FirstUse(…)`
KEY_COLUMNS = 5  # the first so many columns of an `AnswerRow` are its key

Fact = tuple[int, int, int]
"""An activation: its SIM, moment and IMEI."""


class AnswerRow(NamedTuple):
    """One row of the kept answer, its key first and in the answer's order.

    `left_at` is when the SIM was next seen in other hardware, `is_back` is 1 where it was as
    expected then.
    """

    account_id: int
    generation: str
    activated_at: int
    iccid: int
    post_imei: int
    pre_imei: int | None
    wire: bytes
    expected_imei: int | None
    reasons: bytes | None
    left_at: int | None
    is_back: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells the row from all others."""
        return self[:KEY_COLUMNS]

    @property
    def reading(self) -> tuple[Any, ...]:
        """All that a report without reasons reads."""
        return self.pre_imei, self.wire


class RowSim(NamedTuple):
    """What the rows of a SIM read of it, and what its account expects of first use."""

    account_id: int
    generation: str
    account: str
    mdn: int | None
    activation_date: int | None
    first_use: FirstUse


class InForce(NamedTuple):
    """An expectation that was in force: since when, its value, and the change set that put it."""

    since: int
    value: int
    change_set_id: int


class NeighbourQuestions(HardwareQuestions, FactQuestions):
    """Neighbours in time of facts, and what is kept of SIMs with rows."""

    def relevant_activations(self, facts: Sequence[Fact], held: Collection[int]) -> list[int]:
        """The places of those facts that can change anything.

        `held` are SIMs that are held to their first use.
        """
        asked = [(place, *fact, int(fact[0] in held)) for place, fact in enumerate(facts)]
        return [place for (place,) in self._rows_of_many("relevant_activations", asked)]

    def neighbourhoods(
        self, spans: Sequence[tuple[int, Span]]
    ) -> dict[int, list[tuple[int, int, int]]]:
        """Moment, IMEI and expected value of what was seen in and around spans, by their place."""
        asked = [(place, iccid, *span) for place, (iccid, span) in enumerate(spans)]
        seen = defaultdict(list)
        for place, activated_at, imei, value in self._rows_of_many("neighbourhood", asked):
            seen[place].append((activated_at, imei, value))
        return seen

    def next_expectations(self, keys: Collection[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """SIM, moment, and the moment of the next expectation behind it, if there is one."""
        return self._rows_of_many("next_expectations", list(keys))

    def rows_between(self, asked: Sequence[tuple[int, int, int]]) -> list[AnswerRow]:
        """The rows that SIMs have from a first to a last moment."""
        return [AnswerRow(*row) for row in self._rows_of_many("kept_rows_between", asked)]

    def last_rows_before(self, asked: Sequence[tuple[int, int]]) -> list[AnswerRow]:
        """The last rows that SIMs have before moments: several where they are of one moment."""
        return [AnswerRow(*row) for row in self._rows_of_many("last_rows_before", asked)]

    def kept_rows(self, iccids: Sequence[int]) -> list[AnswerRow]:
        """All rows that SIMs have."""
        rows = self._connection.rows("kept_rows", iccids=self._connection.set_of(iccids))
        return [AnswerRow(*row) for row in rows]

    def in_force_at(self, asked: Collection[tuple[int, int]]) -> dict[tuple[int, int], InForce]:
        """The expectation in force of SIMs at moments; those lack of which nothing was expected."""
        return {
            (iccid, moment): InForce(*expectation)
            for iccid, moment, *expectation in self._rows_of_many("in_force_at", list(asked))
        }

    def in_force_since(self, iccids: Iterable[int], moment: Moment) -> dict[int, Expectation]:
        """The expectation of each SIM that is in force at a moment; SIMs that have none lack."""
        asked = sorted(iccids)
        lists = self.lists_of(asked)
        in_force = self.in_force_at([(iccid, moment) for iccid in asked])
        return {
            iccid: Expectation(Moment(since), Allowed.read(value, lists.get((iccid, value))))
            for (iccid, _), (since, value, _) in in_force.items()
        }

    def first_elsewhere(self, rows: Sequence[Fact]) -> dict[Fact, tuple[int, int, int]]:
        """When SIMs were next seen in other hardware: moment, IMEI and expected value, by row."""
        return {
            (iccid, activated_at, imei): (left_at, left_imei, value)
            for iccid, activated_at, imei, left_at, left_imei, value in self._rows_of_many(
                "first_elsewhere", rows
            )
        }

    def first_sightings(self, asked: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """When SIMs were first seen in hardware, of those that have sightings."""
        rows = self._rows_of_many("first_sightings", list(asked))
        return {(iccid, hardware): moment for iccid, hardware, moment in rows}

    def first_sightings_of_model(
        self, asked: Collection[tuple[int, int]]
    ) -> dict[tuple[int, int], int]:
        """When SIMs were first seen in hardware of a model, of those that have sightings."""
        rows = self._rows_of_many("first_sightings_of_model", list(asked))
        return {(iccid, model): moment for iccid, model, moment in rows}

    def first_activations(self, iccids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Moment and IMEI of the first activation of each SIM that has one."""
        first: dict[int, tuple[int, int]] = {}
        for place, *activation in self._rows_of_many("first_activations", list(enumerate(iccids))):
            moment, imei = activation
            iccid = iccids[place]
            first[iccid] = min(first.get(iccid, (moment, imei)), (moment, imei))
        return first

    def tracked_among(self, iccids: Iterable[int]) -> set[int]:
        """Those of the SIMs that have sightings."""
        return set(self._numbers("tracked_among", iccids=self._connection.set_of(iccids)))

    def sims_of_rows(self, iccids: Iterable[int]) -> dict[int, RowSim]:
        """What rows read of the SIMs that are loaded."""
        rows = self._connection.rows("sims_of_rows", iccids=self._connection.set_of(iccids))
        return {
            row[0]: RowSim(row[1], row[2], row[3], row[4], row[5], FIRST_USES[row[6]])
            for row in rows
        }

    def sims_as_kept(self, iccids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """The rows of the SIMs that are loaded."""
        # Many are often the first between them: that there is no other SIM is one look-up, not one
        # for each.
        if not iccids or not self.may_have_sims(iccids):
            return {}
        rows = self._connection.rows("sims_as_kept", iccids=self._connection.set_of(iccids))
        return {row[0]: row for row in rows}

    def policies(self) -> dict[int, FirstUse]:
        """What each account expects of first use, by its number."""
        rows = self._connection.rows("policies")
        return {account_id: FirstUse(first_use) for account_id, first_use in rows}

    def _rows_of_many(self, query: str, asked: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return self._connection.rows_of_many(query, asked) if asked else []


def value_of(iccid: int, value: int, lists: Mapping[tuple[int, int], str]) -> Allowed | None:
    """What an expectation's value says; None for the one that says that nothing is expected."""
    if value == NONE:
        return None
    return Allowed.read(value, lists[iccid, value] if value <= LIST_MAX else None)

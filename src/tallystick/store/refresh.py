"""One refresh: the rows that stretches of time should have, beside those that they have.

Everything is asked for in sets, for one SIM and for many thousands alike, and of the SIMs at hand
alone. A SIM that has a row, or had one, has *sightings*: when it was first seen in each hardware.
What is told of a row follows from its neighbours in time and from the sightings; when the SIM left
the hardware is kept with the row.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import HARDWARE, MODEL, NO_VALUE, allowed, is_model
from tallystick.core.ledger import BEFORE_THE_LEDGER
from tallystick.core.local import AFTER_ALL_TIMES, Expected, Seen, departure_in, rows_from
from tallystick.core.moments import BEGINNING, zone_named
from tallystick.core.pairing import FirstUse, is_fit
from tallystick.core.reason_json import encode
from tallystick.core.reasons import Departure, RowFacts, own_reasons
from tallystick.store.neighbours import AnswerRow, RowSim, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.local import LocalRow, Span
    from tallystick.store.connection import Connection
    from tallystick.store.neighbours import Fact, InForce, NeighbourQuestions

SimKey = tuple[int, int]
"""A SIM, and a moment, a hardware or a value of its own."""


class Difference(NamedTuple):
    """How rows that are kept differ from those that should be, each in the answer's order.

    Rows begin with their key, which no two share, so that they sort as they are.
    """

    closed: list[AnswerRow]
    opened: list[AnswerRow]
    reprinted: list[AnswerRow]
    explained: list[AnswerRow]

    @classmethod
    def between(cls, kept: Iterable[AnswerRow], right: Iterable[AnswerRow]) -> Difference:
        """Compare the rows that there are with those that there should be."""
        kept_by_key = {row.key: row for row in kept}
        right_by_key = {row.key: row for row in right}
        closed = [row for key, row in kept_by_key.items() if key not in right_by_key]
        opened = [row for key, row in right_by_key.items() if key not in kept_by_key]
        reprinted, explained = [], []
        for key in kept_by_key.keys() & right_by_key.keys():
            before, after = kept_by_key[key], right_by_key[key]
            if before.reading != after.reading:
                reprinted.append(after)
            elif before != after:
                explained.append(after)
        return cls(*map(sorted, (closed, opened, reprinted, explained)))


@dataclass(slots=True)
class Block:
    """A part of a SIM's history.

    What was seen from `first_at` to `to_at`, and the activation before.
    """

    iccid: int
    first_at: int
    to_at: int
    seen: list[Seen] = field(default_factory=list)

    @property
    def is_concerned(self) -> bool:
        """Whether anything was unexpected in it."""
        return any(activation.is_unexpected for activation in self.seen)

    def holds(self, moment: int) -> bool:
        """Whether a moment lies in it."""
        return self.first_at <= moment <= self.to_at


class _Draft(NamedTuple):
    """A row to be printed: where it is, what was expected, and when the SIM left."""

    iccid: int
    activated_at: int
    post_imei: int
    pre_imei: int | None
    departure: Departure | None

    @property
    def place(self) -> Fact:
        return self.iccid, self.activated_at, self.post_imei


class Refresh:
    """Derives rows anew in stretches of time of many SIMs, within one transaction."""

    def __init__(
        self,
        questions: NeighbourQuestions,
        connection: Connection,
        wire_row: Callable[..., bytes],
        zone_name: str,
    ) -> None:
        self._questions = questions
        self._connection = connection
        self._wire_row = wire_row
        self._zone_name = zone_name
        self._zone = zone_named(zone_name)
        self._lists: Mapping[SimKey, str] = {}
        self._sims: Mapping[int, RowSim] = {}
        self._first: Mapping[int, tuple[int, int]] = {}
        self._tracked: set[int] = set()
        self._to_come: defaultdict[int, deque[Block]] = defaultdict(deque)

    def differences(
        self, spans: Sequence[tuple[int, Span]], untracked: Collection[int] = ()
    ) -> Iterator[Difference]:
        """What has to change in the kept answer where `spans` lie, in order of SIM and time.

        Of SIMs that are `untracked` all sightings were forgotten: they are found out anew.

        Each difference has to be applied before the next is asked for. Stretches of one SIM that
        have activations in common are taken as one; others come one after the other.
        """
        blocks = self._blocks(spans)
        iccids = {block.iccid for block in blocks}
        self._tracked = self._questions.tracked_among(iccids) | iccids.intersection(untracked)
        concerned = [
            block for block in blocks if block.iccid in self._tracked or block.is_concerned
        ]
        for block in concerned:
            self._to_come[block.iccid].append(block)
        for turn in _turns(concerned):
            for block in turn:
                self._to_come[block.iccid].popleft()
            yield self._difference(turn)

    # What was seen

    def _blocks(self, spans: Sequence[tuple[int, Span]]) -> list[Block]:
        """The parts of histories that the spans can change, in order of SIM and time."""
        iccids = sorted({iccid for iccid, _ in spans})
        seen_at = self._questions.neighbourhoods(spans)
        self._learn(iccids)
        blocks: list[Block] = []
        for place, (iccid, span) in enumerate(spans):
            seen = [
                Seen(moment, imei, self._expected(iccid, value))
                for moment, imei, value in sorted(seen_at.get(place, ()))
            ]
            to_at = max(span.last_at, seen[-1].activated_at) if seen else span.last_at
            _join(blocks, Block(iccid, span.first_at, to_at, seen))
        return blocks

    def _learn(self, iccids: Sequence[int]) -> None:
        """Learn what expectations with several members and policies of first use need."""
        self._lists = self._questions.lists_of(iccids)
        self._sims = self._questions.sims_of_rows(iccids)
        held = [iccid for iccid, sim in self._sims.items() if sim.first_use is not FirstUse.OFF]
        self._first = self._questions.first_activations(held) if held else {}

    def _expected(self, iccid: int, value: int) -> Expected | None:
        """What a value of an expectation says, or the policy of first use where there is none."""
        if value >= 0:
            return _of_one(value)
        if value != NO_VALUE:
            says = value_of(iccid, value, self._lists)
            return None if says is None else Expected(says)
        if iccid not in self._first:
            return None
        return Expected(allowed(self._first[iccid][1]), self._sims[iccid].first_use)

    # What follows

    def _difference(self, blocks: Sequence[Block]) -> Difference:
        """Compare what blocks should have with what they have; each is of another SIM."""
        asked = [(block.iccid, block.first_at, block.to_at) for block in blocks]
        kept = self._questions.rows_between(asked)
        rows_of = {block.iccid: self._rows(block) for block in blocks}
        retold = self._note_sightings(blocks, rows_of)
        to_the_end = {block.iccid for block in blocks if block.to_at >= AFTER_ALL_TIMES}
        drafts, unknown = self._drafts(rows_of, kept, to_the_end)
        for place, departure in self._departures_behind(unknown, blocks).items():
            drafts[place] = drafts[place]._replace(departure=departure)
        in_blocks = {place_of(row) for row in kept}
        before = {place_of(row): (row, draft) for row, draft in self._departed(blocks)}
        for row in retold:
            place = place_of(row)
            if place in in_blocks or place in before or not self._may_be_printed(row):
                continue
            before[place] = row, _draft_of(row)
        kept += [row for row, _ in before.values()]
        to_print = [*drafts.values(), *(draft for _, draft in before.values())]
        return Difference.between(kept, self._printed(to_print))

    def _may_be_printed(self, row: AnswerRow) -> bool:
        """Whether what a kept row says may be worked out anew.

        A row in a stretch that comes later may be one that is not to be there any more: that
        stretch's turn decides.
        """
        later = self._to_come[row.iccid]
        return row.iccid in self._sims and not any(block.holds(row.activated_at) for block in later)

    def _rows(self, block: Block) -> list[LocalRow]:
        """The rows of a block; a SIM that is not loaded has none."""
        return rows_from(block.first_at, block.seen) if block.iccid in self._sims else []

    def _drafts(
        self,
        rows_of: Mapping[int, list[LocalRow]],
        kept: Iterable[AnswerRow],
        to_the_end: Collection[int],
    ) -> tuple[dict[Fact, _Draft], list[Fact]]:
        """The rows that blocks should have, each with when the SIM left.

        Give those too of which neither the block nor its rows say that. `to_the_end` are the SIMs
        whose block has all that was seen later.
        """
        kept_of = defaultdict(list)
        for row in kept:
            kept_of[row.iccid].append(row)
        drafts: dict[Fact, _Draft] = {}
        unknown: list[Fact] = []
        for iccid, rows in rows_of.items():
            for local in rows:
                departure, is_known = _departure_of(local, kept_of[iccid])
                if iccid in to_the_end:
                    departure, is_known = local.departure, True
                place = iccid, local.activated_at, local.post_imei
                drafts[place] = _Draft(*place, local.pre_imei, departure)
                if not is_known:
                    unknown.append(place)
        return drafts, unknown

    def _departures_behind(
        self, places: Sequence[Fact], blocks: Iterable[Block]
    ) -> dict[Fact, Departure | None]:
        """When SIMs left after rows, where that lies behind the blocks that have them.

        Often the last row before a block tells. Otherwise the activations behind are gone through
        until one is in other hardware, however long the SIM stayed.
        """
        departures = self._departures_kept_before(places, blocks)
        asked = [place for place in places if place not in departures]
        for place, (left_at, imei, value) in self._questions.first_elsewhere(asked).items():
            seen = Seen(left_at, imei, self._expected(place[0], value))
            departures[place] = Departure(left_at, seen.is_at_home)
        return departures

    def _departures_kept_before(
        self, places: Sequence[Fact], blocks: Iterable[Block]
    ) -> dict[Fact, Departure | None]:
        """What the last rows before blocks tell of rows in the same hardware.

        Where a SIM was there without a break from such a row until behind the block, it holds.
        """
        block_of = {block.iccid: block for block in blocks}
        asked = {(iccid, block_of[iccid].first_at) for iccid, _, _ in places}
        departures: dict[tuple[int, int], Departure | None] = {}
        for row in self._questions.last_rows_before(sorted(asked)):
            stayed = row.left_at is None or row.left_at > block_of[row.iccid].to_at
            if stayed and row.reasons is not None:
                departures[row.iccid, row.post_imei // HARDWARE] = _kept_departure(row)
        return {
            place: departures[place[0], place[2] // HARDWARE]
            for place in places
            if (place[0], place[2] // HARDWARE) in departures
        }

    def _departed(self, blocks: Sequence[Block]) -> Iterator[tuple[AnswerRow, _Draft]]:
        """The last rows before blocks that were left otherwise than is kept."""
        asked = {block.iccid: (block.first_at, block) for block in blocks}
        while asked:
            before = [(iccid, moment) for iccid, (moment, _) in asked.items()]
            last_rows = self._questions.last_rows_before(before)
            blocks_of, asked = asked, {}
            for row in last_rows:
                _, block = blocks_of[row.iccid]
                departure = _departure_after(row, block)
                if departure is None or departure == _kept_departure(row):
                    continue
                yield row, _draft_of(row)._replace(departure=departure)
                asked[row.iccid] = row.activated_at, block

    # What is told of rows

    def _note_sightings(
        self, blocks: Sequence[Block], rows_of: Mapping[int, list[LocalRow]]
    ) -> list[AnswerRow]:
        """Keep when SIMs were first seen in hardware.

        Give the rows of which something else is told for that.
        """
        tracked = set(self._tracked)
        self._track(iccid for iccid, rows in rows_of.items() if rows and iccid not in tracked)
        earliest = {
            (block.iccid, seen.hardware): seen.activated_at
            for block in blocks
            if block.iccid in tracked
            for seen in reversed(block.seen)
        }
        known = self._questions.first_sightings(list(earliest))
        lowered = {
            key: moment
            for key, moment in earliest.items()
            if key not in known or moment < known[key]
        }
        if not lowered:
            return []
        several_before = self._tracked_in_several({iccid for iccid, _ in lowered})
        noted = [(*key, moment) for key, moment in sorted(lowered.items())]
        self._connection.run_many("note_sighting", noted)
        wandered = self._tracked_in_several({iccid for iccid, _ in lowered}) - several_before
        ranges = [
            (iccid, moment + 1, known.get((iccid, hardware), AFTER_ALL_TIMES))
            for (iccid, hardware), moment in self._expected_sightings(lowered).items()
        ]
        rows = self._questions.kept_rows(sorted(wandered)) if wandered else []
        return rows + self._questions.rows_between(ranges)

    def _track(self, iccids: Iterable[int]) -> None:
        """Keep from now on when SIMs were first seen in each hardware."""
        new = sorted(iccids)
        if new:
            self._connection.run("track", iccids=self._connection.set_of(new))
            self._tracked.update(new)

    def _tracked_in_several(self, iccids: Iterable[int]) -> set[int]:
        """Those of the SIMs that have sightings in more than one hardware."""
        asked = self._connection.set_of(sorted(iccids))
        return {iccid for (iccid,) in self._connection.rows("tracked_in_several", iccids=asked)}

    def _expected_sightings(self, lowered: Mapping[SimKey, int]) -> dict[SimKey, int]:
        """The sightings in hardware that an expectation of the SIM allows, at whatever time."""
        asked = self._connection.set_of(sorted({iccid for iccid, _ in lowered}))
        values = defaultdict(list)
        for iccid, _, value, _ in self._connection.rows("values_among", iccids=asked):
            says = value_of(iccid, value, self._lists)
            if says is not None:
                values[iccid].append(Expected(says))
        for iccid, (_, imei) in self._first.items():
            values[iccid].append(Expected(allowed(imei), self._sims[iccid].first_use))
        return {
            (iccid, hardware): moment
            for (iccid, hardware), moment in lowered.items()
            if any(is_fit(*expected, hardware * HARDWARE) for expected in values[iccid])
        }

    def _printed(self, drafts: Iterable[_Draft]) -> list[AnswerRow]:
        """Rows as they are kept, with what is told of them."""
        to_print = list(drafts)
        if not to_print:
            return []
        moments = sorted({(draft.iccid, draft.activated_at) for draft in to_print})
        in_force = self._questions.in_force_at(moments)
        rules = [self._rule(draft, in_force) for draft in to_print]
        several = self._tracked_in_several({draft.iccid for draft in to_print})
        # A SIM that was only seen in the hardware of its row was not seen where it is expected.
        homes = self._homes_seen(
            {
                draft.place: rule[1]
                for draft, rule in zip(to_print, rules, strict=True)
                if draft.iccid in several
            }
        )
        return [
            self._row(
                draft,
                rule,
                was_where_expected=bool(homes) and draft.place in homes,
                was_elsewhere=draft.iccid in several,
            )
            for draft, rule in zip(to_print, rules, strict=True)
        ]

    def _rule(self, draft: _Draft, in_force: Mapping[SimKey, InForce]) -> tuple[int, Expected, int]:
        """Since when what was expected at a row, and by which change set."""
        expectation = in_force.get((draft.iccid, draft.activated_at))
        if expectation is not None:
            expected = self._expected(draft.iccid, expectation.value)
            assert expected is not None  # noqa: S101 - a row is never where nothing is expected
            return expectation.since, expected, expectation.change_set_id
        expected = self._expected(draft.iccid, NO_VALUE)
        assert expected is not None  # noqa: S101 - the same
        return BEGINNING, expected, BEFORE_THE_LEDGER

    def _homes_seen(self, expected_at: Mapping[Fact, Expected]) -> set[Fact]:
        """The rows before which the SIM was seen where it is expected."""
        units = {
            (place, *_unit(member, expected.first_use))
            for place, expected in expected_at.items()
            for member in expected.value.members
        }
        hardware = {(place[0], number) for place, is_type, number in units if not is_type}
        models = {(place[0], number) for place, is_type, number in units if is_type}
        first_in = self._questions.first_sightings(sorted(hardware))
        first_of = self._questions.first_sightings_of_model(sorted(models))
        seen = set()
        for place, is_type, number in units:
            iccid, activated_at, _ = place
            first = (first_of if is_type else first_in).get((iccid, number), AFTER_ALL_TIMES)
            if first < activated_at:
                seen.add(place)
        return seen

    def _row(
        self,
        draft: _Draft,
        rule: tuple[int, Expected, int],
        *,
        was_where_expected: bool,
        was_elsewhere: bool,
    ) -> AnswerRow:
        sim = self._sims[draft.iccid]
        since, expected, change_set_id = rule
        facts = RowFacts(
            draft.activated_at,
            draft.post_imei,
            since,
            expected.value,
            change_set_id,
            expected.first_use is not FirstUse.OFF,
            was_where_expected,
            was_elsewhere,
            draft.departure,
        )
        of_sim = (sim.account, sim.mdn, sim.activation_date, draft.iccid)
        of_row = (draft.pre_imei, draft.post_imei, draft.activated_at)
        left_at, is_back = draft.departure or (None, False)
        return AnswerRow(
            sim.account_id,
            sim.generation,
            draft.activated_at,
            draft.iccid,
            draft.post_imei,
            None if draft.pre_imei is None else int(draft.pre_imei),
            self._wire_row(*of_sim, *of_row, self._zone_name),
            int(expected.value),
            encode(own_reasons(facts), self._zone),
            left_at,
            int(is_back),
        )


@lru_cache(65_536)
def _of_one(value: int) -> Expected:
    """What a value of one member says; a SIM's activations mostly share theirs."""
    return Expected(allowed(value))


def place_of(row: AnswerRow) -> Fact:
    """The SIM, the moment and the IMEI of a row."""
    return row.iccid, row.activated_at, row.post_imei


def _unit(member: int, first_use: FirstUse) -> tuple[bool, int]:
    """Whether a member is compared by its model, and the number of its model or of its hardware."""
    is_type = is_model(member) or first_use is FirstUse.MODEL
    return is_type, member // (MODEL if is_type else HARDWARE)


def _join(blocks: list[Block], block: Block) -> None:
    """Add a block to others in order.

    One that begins within the last one's reach becomes a part of it.
    """
    last = blocks[-1] if blocks else None
    if last is None or last.iccid != block.iccid or block.first_at > last.to_at:
        blocks.append(block)
        return
    last.seen = sorted({*last.seen, *block.seen}, key=lambda seen: seen[:2])
    last.to_at = max(last.to_at, block.to_at)


def _turns(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks in parts with one of each SIM at most, those of a SIM in order of time."""
    turns: list[list[Block]] = []
    places: defaultdict[int, int] = defaultdict(int)
    for block in blocks:
        place = places[block.iccid]
        places[block.iccid] += 1
        if place == len(turns):
            turns.append([])
        turns[place].append(block)
    yield from turns


def _kept_departure(row: AnswerRow) -> Departure | None:
    return None if row.left_at is None else Departure(row.left_at, bool(row.is_back))


def _draft_of(row: AnswerRow) -> _Draft:
    """A kept row, to be printed anew."""
    return _Draft(row.iccid, row.activated_at, row.post_imei, row.pre_imei, _kept_departure(row))


def _departure_of(row: LocalRow, kept: Iterable[AnswerRow]) -> tuple[Departure | None, bool]:
    """When the SIM left after a row of a block, and whether that is known.

    Behind the block nothing has changed: what is kept of this row, or of a later one in the same
    hardware, holds.
    """
    if row.departure is not None:
        return row.departure, True
    for other in kept:
        is_alike = other.post_imei // HARDWARE == row.hardware and other.reasons is not None
        if is_alike and (other.activated_at, other.post_imei) >= (row.activated_at, row.post_imei):
            return _kept_departure(other), True
    return None, False


def _departure_after(row: AnswerRow, block: Block) -> Departure | None:
    """When the SIM left the hardware of a row before a block, where that is within the block."""
    if row.left_at is not None and row.left_at < block.first_at:
        return None
    later = (seen for seen in block.seen if seen.activated_at >= block.first_at)
    return departure_in(row.post_imei // HARDWARE, later)

"""A file's activations in lanes, which are taken in over as many connections at once.

Each lane has all facts of its SIMs, in the order in which they would be applied anyway, and is a
way of its own into the store: it has its own transactions, and its own note of how far it has come.
Activations that name the SIM by IMSI or MSISDN are of the first lane, in slices of their own.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tallystick.intake.prefetch import Belt
from tallystick.store import Batch, Lane, Touched
from tallystick.store.touched import part_of
from tallystick.tracing import here, linked_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import polars as pl

    from tallystick.intake.doubt_kinds import Doubts
    from tallystick.tracing.collector import Place

CONNECTIONS_MAX = 8
SLICES_WAITING_MAX = 8  # of a lane, before who cuts them waits for it


class Slice(NamedTuple):
    """Facts to be applied together, their doubts, and which fact of their lane they end with.

    `touched` is what the transaction that takes them in touches; None where it may be any SIM. Of a
    slice with few facts for a cluster, `sims` are those that it changes anything of.
    """

    batch: Batch
    doubts: Doubts
    end: int
    touched: Touched | None = None
    sims: frozenset[int] | None = None

    @property
    def concerns(self) -> tuple[Touched | None, frozenset[int] | None]:
        """What has to be the same of slices that are taken in by one transaction."""
        return self.touched, self.sims


Round = list[list[Slice]]
"""The slices of a part of a file, by their lane."""


class Slices(Protocol):
    """Slices of one lane as they become ready."""

    def __iter__(self) -> Iterator[Slice]:
        """Itself."""

    def __next__(self) -> Slice:
        """Wait for the next one."""

    def is_ready(self) -> bool:
        """Whether nobody has to wait for the next one."""


class Taker(Protocol):
    """One lane's way into the store."""

    def take_all(self, slices: Slices) -> Iterator[int]:
        """Take slices in; after each transaction, give how many facts are in the store."""


def digest_of_lane(digest: bytes, lane: Lane) -> bytes:
    """What tells a lane of a file from all others; the only lane of a file is the file."""
    if lane.lanes == 1:
        return digest
    return hashlib.sha256(digest + f"lane {lane.number} of {lane.lanes}".encode()).digest()


def facts_of_lanes(facts: pl.DataFrame, lanes: int) -> list[list[pl.DataFrame]]:
    """Facts of each lane in their order: those that name no ICCID, and then all others."""
    iccids = facts["iccid"]
    named, direct = facts.filter(iccids < 0), facts.filter(iccids >= 0)
    lane_of = part_of(direct["iccid"]) % lanes
    of_lanes = [[direct.filter(lane_of == number)] for number in range(lanes)]
    of_lanes[0].insert(0, named)
    return [[part for part in parts if len(part)] for parts in of_lanes]


def batch_of_lane(facts: pl.DataFrame, lane: Lane, whole: Batch) -> Batch:
    """Facts of a lane, with that part of a shortlist of more lanes' facts that is theirs."""
    shortlist = whole.shortlist
    if shortlist is None or lane.lanes == 1:
        return Batch(facts, shortlist)
    spans = shortlist.spans
    of_lane = spans.filter(part_of(spans["iccid"]) % lane.lanes == lane.number)
    return Batch(facts, shortlist._replace(spans=of_lane))


def take_side_by_side(
    takers: Sequence[Taker], rounds: Iterable[Round], tell: Callable[[int], None]
) -> None:
    """Take slices in, each lane over a connection of its own; `tell` how many facts are in.

    This thread takes the first round in by itself: an act under way is recorded with it, and a
    small file needs no other threads. What a lane raises ends all, after the transactions under
    way.
    """
    seen, telling, coming = [0] * len(takers), threading.Lock(), iter(rounds)

    def take(number: int, slices: Slices) -> None:
        for facts in takers[number].take_all(slices):
            with telling:
                seen[number] = facts
                tell(sum(seen))

    for number, parts in enumerate(next(coming, [])):
        take(number, Belt.of(parts))
    second = next(coming, None)
    if second is None:
        return
    belts, place = [Belt[Slice](SLICES_WAITING_MAX) for _ in takers], here()
    with ThreadPoolExecutor(len(takers), "lane") as threads:
        taking = [
            threads.submit(_to_the_end, partial(take, number, belt), belts, place)
            for number, belt in enumerate(belts)
        ]
        try:
            _hand_over(chain([second], coming), belts)
        except BaseException:
            _drop_all(belts)
            raise
        for belt in belts:
            belt.end()
    for each in taking:
        each.result()


def _to_the_end(
    take: Callable[[], None], belts: Sequence[Belt[Slice]], place: Place | None
) -> None:
    """Take one lane in; where that fails, nothing more is begun in any. `place` is the import's."""
    try:
        with linked_span("lane of an import", [place]):
            take()
    except BaseException:
        _drop_all(belts)
        raise


def _hand_over(rounds: Iterable[Round], belts: Sequence[Belt[Slice]]) -> None:
    """Hand the slices of each lane to its thread, until nobody takes them any more."""
    for each in rounds:
        for belt, parts in zip(belts, each, strict=True):
            for part in parts:
                if not belt.put(part):
                    return


def _drop_all(belts: Iterable[Belt[Slice]]) -> None:
    for belt in belts:
        belt.drop()

"""A SIM with a long history beside one with a short one: live activations, and pages to read."""

from __future__ import annotations

import statistics
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from benchmarks.figures import Figure, figure, in_turn
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.fleet import histories
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.stores import Given
    from tallystick.store import Store

HOME, FOREIGN = Imei.parse("352099001761481"), Imei.parse("357152091234562")
SHORT, LONG = 10, 100_000
EXPECTATIONS = 1_000
ROUNDS = 41
PAGES = 11
BEGAN_AT = 1_770_000_000_000_000
STEP_US = 60_000_000
MANNERS = ("expected", "elsewhere", "alternating")
BREAKING = "alternating"  # every second activation is where the SIM is expected


def history(given: Given) -> list[Figure]:
    """Live activations at the end of histories and in the middle, and pages of them.

    For each manner of history a SIM with many facts is measured in turn with one that has few.
    """
    figures: list[Figure] = []
    empty = given.stores.made("empty", _init)
    with given.stores.copied(empty) as address, open_store(address, wire_row) as store:
        sims = _Sims()
        few = _Measured(f"with {SHORT:,}", sims.made(store, SHORT, "expected"), SHORT)
        for manner in MANNERS:
            short, long = (
                _Measured(f"with {size:,}, {manner}", sims.made(store, size, manner), size)
                for size in (SHORT, LONG)
            )
            figures += _live(store, (short, long), manner, 1, "at the end")
            figures += _live(store, (short, long), manner, 1 / 2, "in the middle")
            if manner == "elsewhere":
                figures += _live(store, (short, long), BREAKING, 1 / 3, "breaking the stay")
            figures += _pages(store, (short, long))
        many = sims.made(store, SHORT, "expected", EXPECTATIONS)
        expected = _Measured(f"with {SHORT:,} and {EXPECTATIONS:,} expectations", many, SHORT)
        figures += _live(store, (few, expected), "expected", 1, "at the end")
        figures += _pages(store, (few, expected))
    return figures


class _Measured(NamedTuple):
    """A SIM, what tells it from the one that it is measured with, and how often it was seen."""

    what: str
    iccid: Iccid
    size: int


def _init(address: str) -> None:
    with open_store(address, wire_row) as store:
        store.init("UTC")


class _Sims:
    """SIMs with histories, one after the other."""

    def __init__(self) -> None:
        self._made = 0

    def made(self, store: Store, size: int, manner: str, expectations: int = 1) -> Iccid:
        """A SIM that was seen so often, and expected at home by so many expectations."""
        self._made += 1
        iccid = Iccid.parse(f"8914800000080{self._made:07d}")
        seen = [(iccid, BEGAN_AT + place * STEP_US, _imei(manner, place)) for place in range(size)]
        frame = pl.DataFrame(seen, schema=SimActivation._fields, orient="row")
        with store.transaction() as writer:
            writer.take(Sim, [Sim(iccid, None, "a", Moment(1), "4G")])
            moments = [BEGINNING, *(Moment(BEGAN_AT - place) for place in range(1, expectations))]
            writer.take(SimExpectation, [SimExpectation(iccid, moment, HOME) for moment in moments])
            writer.take(SimActivation, frame)
        return iccid


def _imei(manner: str, place: int) -> Imei:
    if manner == "alternating":
        return FOREIGN if place % 2 else HOME
    return HOME if manner == "expected" else FOREIGN


def _live(
    store: Store, measured: tuple[_Measured, _Measured], manner: str, part: float, where: str
) -> list[Figure]:
    """Transactions with one activation each, behind a part of the history."""

    def work_of(sim: _Measured) -> Callable[[], None]:
        start_us = BEGAN_AT + int(sim.size * part) * STEP_US
        places = count()

        def take() -> None:
            place = next(places)
            moment = Moment(start_us + (place + 1) * 1_000_000)
            with store.transaction() as writer:
                activation = SimActivation(sim.iccid, moment, _imei(manner, place))
                writer.take(SimActivation, [activation])

        return take

    whats = [f"live activation of a SIM {sim.what}, {where}" for sim in measured]
    return _beside(whats, in_turn(ROUNDS, *map(work_of, measured)))


def _pages(store: Store, measured: tuple[_Measured, _Measured]) -> list[Figure]:
    """The newest pages of histories."""

    def work_of(sim: _Measured) -> Callable[[], None]:
        def read() -> None:
            with store.snapshot() as reader:
                histories.history(reader, str(sim.iccid))

        return read

    whats = [f"newest page of the history of a SIM {sim.what}" for sim in measured]
    return _beside(whats, in_turn(PAGES, *map(work_of, measured)))


def _beside(whats: list[str], seconds: list[list[float]]) -> list[Figure]:
    """Figures in milliseconds; the second has the ratio of the medians."""
    first, second = ([each * 1e3 for each in runs] for runs in seconds)
    ratio = statistics.median(second) / statistics.median(first)
    return [
        figure(whats[0], "ms", first),
        figure(whats[1], "ms", second, f"{ratio:.2f} x that with few"),
    ]

"""A SIM with a long history beside one with a short one: live activations, and pages to read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.figures import Figure, figure, in_turn
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.fleet import histories
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
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
    """Live activations at the end of histories and in the middle, for each manner of history."""
    figures = []
    empty = given.stores.made("empty", _init)
    with given.stores.copied(empty) as address, open_store(address, wire_row) as store:
        sims = _Sims()
        for manner in MANNERS:
            for size in (SHORT, LONG):
                iccid = sims.made(store, size, manner)
                for place, start in (("end", size), ("middle", size // 2)):
                    what = f"live activation of a SIM with {size:,}, {manner}, at the {place}"
                    figures.append(figure(what, "ms", _timed(store, iccid, start, manner)))
                if manner == "elsewhere":
                    what = f"live activation that breaks the one stay of a SIM with {size:,}"
                    figures.append(figure(what, "ms", _timed(store, iccid, size // 3, BREAKING)))
                what = f"newest page of the history of a SIM with {size:,}, {manner}"
                figures.append(figure(what, "ms", _pages(store, iccid)))
        iccid = sims.made(store, SHORT, "expected", EXPECTATIONS)
        what = f"live activation of a SIM with {SHORT:,} and {EXPECTATIONS:,} expectations"
        figures.append(figure(what, "ms", _timed(store, iccid, SHORT, "expected")))
        what = (
            f"newest page of the history of a SIM with {SHORT:,} and {EXPECTATIONS:,} expectations"
        )
        figures.append(figure(what, "ms", _pages(store, iccid)))
    return figures


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


def _timed(store: Store, iccid: Iccid, start: int, manner: str) -> list[float]:
    """Milliseconds of transactions with one activation each."""
    times = []
    for place in range(ROUNDS):
        moment = Moment(BEGAN_AT + start * STEP_US + (place + 1) * 1_000_000)
        began = time.perf_counter()
        with store.transaction() as writer:
            writer.take(SimActivation, [SimActivation(iccid, moment, _imei(manner, place))])
        times.append((time.perf_counter() - began) * 1e3)
    return times


def _pages(store: Store, iccid: Iccid) -> list[float]:
    """Milliseconds of reading the newest page of a history."""

    def read() -> None:
        with store.snapshot() as reader:
            histories.history(reader, str(iccid))

    (seconds,) = in_turn(PAGES, read)
    return [each * 1e3 for each in seconds]

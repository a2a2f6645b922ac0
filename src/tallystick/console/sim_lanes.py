"""The picture of hardware's time: a lane for each SIM, behind it when it was expected there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.lanes import (
    BOTTOM,
    LANE_HEIGHT,
    LANES_MAX,
    LENGTH_MIN,
    TOP,
    WIDTH,
    Label,
    Scale,
    Stretch,
    labels_of,
    stretch_of,
)
from tallystick.core.moments import BEGINNING, MICROSECONDS_A_DAY, Moment
from tallystick.core.window import Window

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.identifiers import Iccid
    from tallystick.fleet.hardware import HardwareSim

DRAWN_US_MAX = 20 * 365 * MICROSECONDS_A_DAY


class SimLane(NamedTuple):
    """One SIM: when it was expected in the hardware, and from first to last seen in it."""

    iccid: Iccid
    y: int
    expected: list[Stretch]
    seen: Stretch | None
    activations: int


class SimLanes(NamedTuple):
    """The lanes, the days below them, and how many SIMs have no lane of their own."""

    width: int
    height: int
    base: int
    lanes: list[SimLane]
    labels: list[Label]
    left_out: int


def sim_lanes(sims: list[HardwareSim], now: Moment, zone: tzinfo) -> SimLanes:
    """Draw the SIMs of hardware in their order, from what is known first of them until now."""
    scale = Scale(_window(sims, now))
    lanes = [
        _lane(sim, TOP + place * LANE_HEIGHT, scale) for place, sim in enumerate(sims[:LANES_MAX])
    ]
    base = TOP + max(1, len(lanes)) * LANE_HEIGHT
    labels = labels_of(scale.window, zone, scale)
    return SimLanes(WIDTH, base + BOTTOM, base, lanes, labels, max(0, len(sims) - LANES_MAX))


def _window(sims: list[HardwareSim], now: Moment) -> Window:
    """From the first to the last moment that is drawn, some years at most."""
    drawn = sims[:LANES_MAX]
    seen = [sim.times for sim in drawn if sim.times]
    begun = [claim.effective_from for sim in drawn for claim in sim.claims]
    firsts = [times.first_seen_at for times in seen]
    firsts += [moment for moment in begun if moment != BEGINNING]
    latest = max([now, *(times.last_seen_at for times in seen)])
    earliest = max(min([latest - MICROSECONDS_A_DAY, *firsts]), latest - DRAWN_US_MAX)
    return Window(Moment(earliest), Moment(latest))


def _lane(sim: HardwareSim, y: int, scale: Scale) -> SimLane:
    latest = scale.window.latest
    expected = [
        stretch_of(scale, claim.effective_from, latest if claim.until is None else claim.until, 0)
        for claim in sim.claims
        if claim.effective_from < latest
    ]
    if sim.times is None:
        return SimLane(sim.iccid, y, expected, None, 0)
    seen = stretch_of(scale, sim.times.first_seen_at, sim.times.last_seen_at, LENGTH_MIN)
    return SimLane(sim.iccid, y, expected, seen, sim.times.activations)

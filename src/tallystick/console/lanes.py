"""The picture of a SIM's time: a lane for each hardware, with where it was expected behind it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import NONE, allowed
from tallystick.core.days import beginnings, days_of

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from tallystick.core.identifiers import Imei
    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.core.window import Window
    from tallystick.fleet.timeline import Timeline

WIDTH, LEFT, RIGHT = 960, 150, 6
LANE_HEIGHT, TOP, BOTTOM = 30, 10, 26
LANES_MAX = 12
LABELS_MAX = 7
LABEL_WIDTH = 44
LENGTH_MIN = 5.0  # of a stay with one activation, so that it can be seen
EXPECTED, UNEXPECTED, UNJUDGED = "expected", "unexpected", "unjudged"


class Scale(NamedTuple):
    """Where moments of a window lie."""

    window: Window

    def x(self, moment: int) -> float:
        """The place of a moment; of one outside the window, the window's nearer end."""
        earliest, latest = self.window.earliest, self.window.latest
        inside = min(max(moment, earliest), latest)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (inside - earliest) / (latest - earliest), 2)


class Stretch(NamedTuple):
    """A piece of a lane."""

    x: float
    width: float


class DrawnStay(NamedTuple):
    """A stay with its place, and how it was judged."""

    stretch: Stretch
    verdict: str
    stay: Pairing


class Lane(NamedTuple):
    """One hardware: when it was expected, and when the SIM was seen in it."""

    imei: Imei
    y: int
    expected: list[Stretch]
    stays: list[DrawnStay]


class Label(NamedTuple):
    """What a day is called, and where it begins; `is_before` of one with no room behind that."""

    x: float
    text: str
    is_before: bool


class Lanes(NamedTuple):
    """The lanes, the days below them, and how much hardware has no lane of its own."""

    width: int
    height: int
    left: int
    base: int
    lanes: list[Lane]
    labels: list[Label]
    left_out: int


def verdict_of(stay: Pairing) -> str:
    """How a stay was judged, in one word."""
    if stay.expected is None:
        return UNJUDGED
    return UNEXPECTED if stay.unexpected else EXPECTED


def lanes_of(seen: Timeline, window: Window, zone: tzinfo) -> Lanes | None:
    """Draw a timeline, the hardware it was last seen in first; None of an empty window."""
    if window.latest <= window.earliest:
        return None
    scale = Scale(window)
    units = _hardware(seen, window)
    lanes = [
        _lane(imei, TOP + place * LANE_HEIGHT, seen, scale)
        for place, imei in enumerate(units[:LANES_MAX])
    ]
    base = TOP + max(1, len(lanes)) * LANE_HEIGHT
    left_out = max(0, len(units) - LANES_MAX)
    return Lanes(WIDTH, base + BOTTOM, LEFT, base, lanes, labels_of(window, zone, scale), left_out)


def _hardware(seen: Timeline, window: Window) -> list[Imei]:
    """The hardware to draw: that which the SIM was seen in, then that where it was expected."""
    units = {stay.imei.identity: stay.imei for stay in reversed(seen.stays)}
    for put, until in _in_force(seen.expectations, window):
        home = allowed(put.imei).first_imei
        if home is not None and until > window.earliest:
            units.setdefault(home.identity, home)
    return list(units.values())


def _in_force(expectations: list[Expectation], window: Window) -> list[tuple[Expectation, int]]:
    """Each expectation, and until when it is in force."""
    ends = [*(later.effective_from for _, later in pairwise(expectations)), window.latest]
    return [(put, until) for put, until in zip(expectations, ends, strict=False)]


def _lane(imei: Imei, y: int, seen: Timeline, scale: Scale) -> Lane:
    expected = [
        stretch_of(scale, put.effective_from, until, 0)
        for put, until in _in_force(seen.expectations, scale.window)
        if put.imei != NONE and put.fits(imei) and until > scale.window.earliest
    ]
    stays = [
        DrawnStay(
            stretch_of(scale, stay.opened_at, stay.last_seen_at, LENGTH_MIN), verdict_of(stay), stay
        )
        for stay in seen.stays
        if stay.imei.identity == imei.identity
    ]
    return Lane(imei, y, expected, stays)


def stretch_of(scale: Scale, start: int, end: int, length_min: float) -> Stretch:
    """The piece of a lane from one moment to another, at least so long."""
    x = scale.x(start)
    width = round(max(scale.x(end) - x, length_min), 2)
    return Stretch(min(x, WIDTH - RIGHT - width), width)


def labels_of(window: Window, zone: tzinfo, scale: Scale) -> list[Label]:
    """Where some days of a window begin, and what they are called.

    The first day has no name where only its end is in the window, and has no room for one.
    """
    days = days_of(window, zone)
    every = max(1, -(-len(days) // LABELS_MAX))
    marked = list(zip(days, beginnings(days, zone), strict=True))[::every]
    labels = [_label(day, scale.x(begins)) for day, begins in marked]
    is_narrow = len(labels) > 1 and labels[1].x - labels[0].x < LABEL_WIDTH
    return labels[1:] if is_narrow else labels


def _label(day: date, x: float) -> Label:
    return Label(x, f"{day.day} {day:%b}", x > WIDTH - LABEL_WIDTH)

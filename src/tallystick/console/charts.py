"""Where the parts of a picture lie: plain numbers, which templates draw as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.words import CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from tallystick.core.reasons import Cause

WIDTH, HEIGHT = 960, 220
LEFT, BOTTOM, TOP = 46, 26, 8
GAP_SHARE = 0.22  # of a bar's place
LABELS_MAX = 7
TICKS_MAX = 5
NICE = (1, 2, 5)


class Part(NamedTuple):
    """One colour of a bar."""

    cause: Cause
    rows: int
    y: float
    height: float


class Bar(NamedTuple):
    """A day: its place, its parts from the bottom up, and a label where there is room for one."""

    day: date
    x: float
    width: float
    rows: int
    parts: list[Part]
    label: str


class BarChart(NamedTuple):
    """Bars, and the lines behind them with their counts."""

    width: int
    height: int
    left: int
    base: int
    bars: list[Bar]
    ticks: list[tuple[int, float]]


def bar_chart(days: Sequence[tuple[date, Mapping[Cause, int]]]) -> BarChart:
    """One bar for each day, its causes stacked."""
    base = HEIGHT - BOTTOM
    steps = nice_steps(max((sum(counts.values()) for _, counts in days), default=0))
    scale = (base - TOP) / steps[-1]
    place = (WIDTH - LEFT) / max(1, len(days))
    label_every = max(1, -(-len(days) // LABELS_MAX))
    bars = [
        Bar(
            day,
            round(LEFT + place * (number + GAP_SHARE / 2), 2),
            round(place * (1 - GAP_SHARE), 2),
            sum(counts.values()),
            _parts(counts, base, scale),
            f"{day.day} {day:%b}" if number % label_every == 0 else "",
        )
        for number, (day, counts) in enumerate(days)
    ]
    ticks = [(count, round(base - count * scale, 2)) for count in steps]
    return BarChart(WIDTH, HEIGHT, LEFT, base, bars, ticks)


def _parts(counts: Mapping[Cause, int], base: float, scale: float) -> list[Part]:
    parts, y = [], base
    for cause in CAUSES:
        count = counts.get(cause, 0)
        if count:
            height = count * scale
            y -= height
            parts.append(Part(cause, count, round(y, 2), round(height, 2)))
    return parts


def nice_steps(count: int) -> list[int]:
    """Counts from 0 to one that is not exceeded, in the least steps of 1, 2, 5, 10, 20 and so on.

    There are five steps at most.
    """
    unit = 1
    while True:
        for nice in NICE:
            step = nice * unit
            if step * TICKS_MAX >= count:
                steps = max(1, -(-count // step))
                return [step * number for number in range(steps + 1)]
        unit *= 10

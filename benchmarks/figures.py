"""Figures: medians with their spread, and the ratios between them."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Figure(NamedTuple):
    """One thing measured: the median, least and most of its runs, and what it is beside another."""

    what: str
    unit: str
    median: float
    least: float
    most: float
    ratio: str = ""


def figure(what: str, unit: str, runs: Sequence[float], ratio: str = "") -> Figure:
    """The figure of some runs."""
    return Figure(what, unit, statistics.median(runs), min(runs), max(runs), ratio)


def in_turn(rounds: int, *works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each work, run in turn; the first round is not counted."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for number, work in enumerate(works):
            started = time.perf_counter()
            work()
            seconds[number].append(time.perf_counter() - started)
    return [runs[1:] for runs in seconds]


TABLE_HEAD = "| what | median | min-max | ratio |\n|---|---|---|---|"


def table_row(each: Figure) -> str:
    """A figure as a row of a Markdown table."""
    spread = f"{each.least:,.2f}-{each.most:,.2f}"
    return f"| {each.what} | {each.median:,.2f} {each.unit} | {spread} | {each.ratio} |"

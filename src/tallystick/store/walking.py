"""Walks over SIMs in order of ICCID, in parts that memory, or a transaction, can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.identifiers import BEFORE_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class SimRange(NamedTuple):
    """The SIMs after one number, up to another."""

    after: int
    up_to: int


def sim_ranges(next_bound: Callable[[int], int | None]) -> Iterator[SimRange]:
    """Give ranges that follow one another without a gap.

    `next_bound` says where the range after a SIM ends; None where there is nothing more.
    """
    after = BEFORE_ALL
    while (up_to := next_bound(after)) is not None:
        yield SimRange(after, up_to)
        after = up_to


def sim_pages(next_page: Callable[[int], Sequence[int]]) -> Iterator[Sequence[int]]:
    """Give pages of SIMs; `next_page` lists those after a SIM, in order, and none at the end."""
    after = BEFORE_ALL
    while page := next_page(after):
        yield page
        after = page[-1]

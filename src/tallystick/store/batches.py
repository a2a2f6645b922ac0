"""Facts as they come to the store: a few as tuples, many as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

Facts: TypeAlias = "Sequence[tuple[Any, ...]] | pl.DataFrame"


def by_iccid(activations: Facts) -> Facts:
    """Those of some activations that name the SIM by its ICCID, which is nearly always all.

    The others name a subscriber, which is a negative number.
    """
    if isinstance(activations, pl.DataFrame):
        are_all = len(activations) == 0 or activations["iccid"].min() >= 0  # type: ignore[operator] # an integer
        return activations if are_all else activations.filter(pl.col("iccid") >= 0)
    return [fact for fact in activations if fact[0] >= 0]


def by_subscriber(activations: Facts) -> Sequence[tuple[Any, ...]]:
    """Those of some activations that name the SIM by its IMSI or MSISDN."""
    if isinstance(activations, pl.DataFrame):
        return activations.filter(pl.col("iccid") < 0).rows()
    return [fact for fact in activations if fact[0] < 0]


def iccids_of(activations: Facts) -> pl.Series | list[int]:
    """What names the SIM of each of some activations."""
    if isinstance(activations, pl.DataFrame):
        return activations["iccid"]
    return [fact[0] for fact in activations]


def rows_of(facts: Facts) -> Sequence[tuple[Any, ...]]:
    """Facts as tuples."""
    return facts.rows() if isinstance(facts, pl.DataFrame) else facts

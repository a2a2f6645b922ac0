"""Many facts in the order of their SIMs or other key, a stretch at a time.

The first are in order while the last are not yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLES_A_STRETCH = 64  # of each stretch's facts, to find where it ends


def in_order(facts: pl.DataFrame, key: str) -> pl.DataFrame:
    """Facts sorted by a column; those of one SIM, or other key, stay in the order they came in."""
    return facts.sort(key, maintain_order=True)


def stretches(
    parts: Sequence[pl.DataFrame], key: str, stretch_facts: int
) -> Iterator[pl.DataFrame]:
    """The facts of parts that are in order, as stretches of about so many facts in order."""
    bounds = _bounds(parts, key, stretch_facts)
    ends = [
        [0, *part[key].search_sorted(bounds, side="left").to_list(), len(part)] for part in parts
    ]
    for place in range(len(bounds) + 1):
        stretch = pl.concat(
            [part[end[place] : end[place + 1]] for part, end in zip(parts, ends, strict=True)]
        )
        yield in_order(stretch, key)


def _bounds(parts: Sequence[pl.DataFrame], key: str, stretch_facts: int) -> pl.Series:
    """The keys that stretches begin at, without the first.

    Every so many-th of all, by a sample of each part.
    """
    step = max(1, stretch_facts // SAMPLES_A_STRETCH)
    sample = pl.concat([part[key].gather_every(step) for part in parts]).sort()
    return sample.gather_every(SAMPLES_A_STRETCH)[1:].unique(maintain_order=True)

"""Facts as they come to the store: a few as tuples, many as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

Facts: TypeAlias = "Sequence[tuple[Any, ...]] | pl.DataFrame"


def rows_of(facts: Facts) -> Sequence[tuple[Any, ...]]:
    """Facts as tuples."""
    return facts.rows() if isinstance(facts, pl.DataFrame) else facts

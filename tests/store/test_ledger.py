"""Changes of a few expectations, row by row, and of many, by the column, are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.store.ledger import ROW, Changes, changes_of_few, changes_of_many

if TYPE_CHECKING:
    from tallystick.store import Facts

rows = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3), st.integers(1, 4))


def as_rows(facts: Facts) -> list[tuple[Any, ...]]:
    """In order."""
    return sorted(facts.rows() if isinstance(facts, pl.DataFrame) else facts)


def told(changes: Changes) -> tuple[Any, ...]:
    """Whichever form they have."""
    ended, added, corrected, counts = changes
    return as_rows(ended), as_rows(added), as_rows(corrected), counts


@settings(deadline=None)
@given(st.lists(rows, max_size=12), st.lists(rows, max_size=4, unique_by=lambda row: row[:2]))
def test_few_and_many_facts_change_the_same(
    facts: list[tuple[int, ...]], known: list[tuple[int, ...]]
) -> None:
    facts = sorted(facts, key=lambda row: row[3])  # change sets follow one another
    known = [(*row[:3], 0) for row in known]
    schema = dict.fromkeys(ROW, pl.Int64)
    many = changes_of_many(
        pl.DataFrame(facts, schema=schema, orient="row"),
        pl.DataFrame(known, schema=schema, orient="row"),
    )
    few = changes_of_few(facts, known)  # type: ignore[arg-type] # rows of four
    assert told(few) == told(many)
    assert few.keys_of_change_sets() == many.keys_of_change_sets()


def test_what_is_changed_and_changed_back_is_counted_and_traced() -> None:
    changes = changes_of_few([(1, 1, 7, 5), (1, 1, 6, 5)], [(1, 1, 6, 0)])
    assert changes.counts == {5: (0, 2)}
    assert changes.ended == [(5, 1, 1, 0, 6)]
    assert changes.corrected == [(1, 1, 6, 5)]

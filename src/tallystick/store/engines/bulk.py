"""Many rows by the column.

What an engine needs that takes them in as arrays or as a stream of text.
"""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

INTO = re.compile(r"\bINTO (\w+) \(([^)]*)\)")
CONFLICT = re.compile(r"ON CONFLICT \(([^)]*)\)")
CORRECTS = re.compile(r"\bDO UPDATE\b")
ARRAY_HEADER_BYTES = 20  # of one with a single dimension
ARRAY_FLAGS = slice(4, 8)  # where its header says whether any element is null


class Insert(NamedTuple):
    """What a statement puts in.

    The table, the columns, those that tell rows apart, whether one corrects another. Without such
    columns, all that it puts in is known to be new.
    """

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    corrects: bool


@lru_cache
def insert_of(sql: str) -> Insert | None:
    """What a statement puts in, its key as `ON CONFLICT (…)` has it.

    None where it puts nothing in.
    """
    into, conflict = INTO.search(sql), CONFLICT.search(sql)
    if into is None:
        return None
    key = () if conflict is None else _names(conflict[1])
    return Insert(into[1], _names(into[2]), key, CORRECTS.search(sql) is not None)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def rounds(
    rows: Sequence[tuple[Any, ...]], insert: Insert | None
) -> list[Sequence[tuple[Any, ...]]]:
    """Rows in parts that have a key once each, the n-th row of a key in the n-th.

    One statement corrects a row once.
    """
    if insert is None or not insert.corrects:
        return [rows]
    places = [insert.columns.index(name) for name in insert.key]
    parts: list[Sequence[tuple[Any, ...]]] = []
    growing: list[list[tuple[Any, ...]]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[place] for place in places)
        turn = seen[key] = seen.get(key, -1) + 1
        if turn == len(growing):
            growing.append([])
        growing[turn].append(row)
    parts.extend(growing)
    return parts


def fresh_of(frame: pl.DataFrame, insert: Insert, known: pl.DataFrame) -> pl.DataFrame:
    """The rows of a frame whose key is new, each key once."""
    key = list(insert.key)
    fresh = frame.unique(key, keep="first", maintain_order=True)
    return (
        fresh if known.is_empty() else fresh.join(known, on=key, how="anti", maintain_order="left")
    )


def copied(frame: pl.DataFrame) -> tuple[str, memoryview]:
    """The rows as COPY reads them: the format to name, and all of them.

    Integers go as text with tabs between, which the server reads a tenth faster than CSV.
    """
    rows = io.BytesIO()
    if all(kind == pl.Int64 for kind in frame.dtypes):
        frame.write_csv(rows, include_header=False, separator="\t", null_value=r"\N")
        return "text", rows.getbuffer()
    frame.write_csv(rows, include_header=False)
    return "csv", rows.getbuffer()


def integers(name: str, value: bytes | None) -> pl.Series:
    """A column of integers from their eight bytes each, the highest first."""
    if not value:
        return pl.Series(name, [], dtype=pl.Int64)
    numbers = pl.Array(pl.Int64, len(value) // 8)
    return pl.Series(name, [value]).bin.reinterpret(dtype=numbers, endianness="big").explode()


def integers_of_array(name: str, value: bytes | None) -> pl.Series:
    """A column of integers from an array of them, none of them null, as PostgreSQL sends it.

    Behind the header each comes with its length, in four bytes before its own eight. A null would
    have none of these eight, and shift all that comes behind it.
    """
    if not value:
        return pl.Series(name, [], dtype=pl.Int64)
    if any(value[ARRAY_FLAGS]):
        message = f"column {name} has nulls, which a frame of integers may not have"
        raise RuntimeError(message)  # a mistake of ours, in a query
    body = value[ARRAY_HEADER_BYTES:]
    quarters = pl.Array(pl.UInt32, len(body) // 4)
    parts = pl.Series(name, [body]).bin.reinterpret(dtype=quarters, endianness="big").explode()
    high, low = (parts.gather_every(3, place).cast(pl.Int64) for place in (1, 2))
    return high * (1 << 32) + low  # where it is negative it wraps around, as it is to

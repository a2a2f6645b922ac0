"""Parquet: files that have columns already.

A few bytes of such a file may stand for a billion rows. So it is read so many rows at a time,
whatever its row groups are, and rows are handed on in blocks of bounded text.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import time
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import SEPARATOR
from tallystick.core.errors import FileRefused
from tallystick.intake.mappings.mapping import STEP
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import LINE, Block, Source, kept
from tallystick.intake.sources.layout import Layout, check_layout, layout_of
from tallystick.intake.sources.lines import too_long
from tallystick.intake.sources.refusals import refusing, refusing_each

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from collections.abc import Mapping as ByName

    from polars.datatypes import DataTypeClass

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping

TEXTS = (pl.String, pl.Categorical, pl.Enum)
TYPES = (*TEXTS, pl.Date, pl.Datetime, pl.Null)
EXACT_BELOW = 1 << 53
"""Below this, each whole number is one of 64-bit floats."""
KEEPS_7_DIGITS = ", which keeps 7 digits: write the column as texts"
ALLOWED = "imei"  # where a kind may list, the column whose values have several members
STANDARD_ERROR = 2
PART = "part"
NO_TEXT = "\x00 (bytes that are no text)"  # with what no value may have, so that all refuse it


def parquet_source(name: str, file: IO[bytes], kind: Kind, mapping: Mapping) -> Source:
    """A Parquet file as a source."""
    what = "cannot be read as Parquet"
    with refusing(name, what), _without_panic_texts():
        lazy = pl.scan_parquet(file)
        schema = lazy.collect_schema()
    columns = [*_columns(schema)]
    layout = layout_of(kind, tuple(name for name, _ in columns), mapping)
    check_layout(name, layout, kind, mapping)
    listed = {ALLOWED} if kind.may_list else set()
    lazy = lazy.select(
        _joined([columns[place][1] for place in places], column, listed).alias(column)
        for column, places in layout.places.items()
    )
    with refusing(name, what), _without_panic_texts():
        schema = lazy.collect_schema()
    for column, dtype in schema.items():
        if not isinstance(dtype, TYPES) and not dtype.is_integer():
            message = f"{name}: column {column} must be of texts, numbers or dates, not of {dtype}"
            message += KEEPS_7_DIGITS if isinstance(dtype, pl.Float32) else ""
            raise FileRefused(message)
    with refusing(name, what), _without_panic_texts():
        rows = lazy.select(pl.len()).collect().item()  # the file's own count: no row is read for it
    reading = _Reading(lazy, rows)
    blocks = (partial(_kept, block, layout) for block in reading.blocks())
    return Source(
        name,
        reading.read_share,
        layout.columns,
        1,
        refusing_each(name, what, blocks),
        notes=layout.notes(),
    )


class _Values(NamedTuple):
    """The values of a column, and their type."""

    expr: pl.Expr
    dtype: pl.DataType | DataTypeClass


def _columns(schema: ByName[str, pl.DataType]) -> Iterator[tuple[str, _Values]]:
    """The columns by name; those within another by its name, a dot, and theirs."""
    for name, dtype in schema.items():
        yield from _within(name, _Values(pl.col(name), dtype))


def _within(name: str, column: _Values) -> Iterator[tuple[str, _Values]]:
    if not isinstance(column.dtype, pl.Struct):
        yield name, column
        return
    for field in column.dtype.fields:
        inner = _Values(column.expr.struct.field(field.name), field.dtype)
        yield from _within(f"{name}{STEP}{field.name}", inner)


def _joined(columns: Sequence[_Values], name: str, listed: Collection[str]) -> pl.Expr:
    """The values of a column, or of several with a blank between."""
    texts = [_plain(column, may_list=name in listed) for column in columns]
    if len(texts) == 1:
        return texts[0]
    return pl.concat_str(map(_part_of_moment, texts, columns), separator=" ")


def _part_of_moment(text: pl.Expr, column: _Values) -> pl.Expr:
    """A part of a moment as it is joined with the others; of midnight on a day, the day alone."""
    if not isinstance(column.dtype, pl.Datetime):
        return text
    is_day = column.expr.dt.time() == time(0)
    return (
        pl.when(is_day).then(column.expr.dt.date().cast(pl.String)).otherwise(text.cast(pl.String))
    )


def _plain(column: _Values, *, may_list: bool) -> pl.Expr:
    """Values as the same texts, whole numbers or dates; of a type that has none, as they are.

    A number with a fraction becomes a text. So does one that may have lost digits, with a dot or an
    exponent in it, by which it is refused where digits belong.
    """
    values, dtype = column
    if isinstance(dtype, pl.Binary):
        return values.map_batches(_texts_of_bytes, return_dtype=pl.String)
    if isinstance(dtype, pl.Decimal):
        return values.cast(pl.String).str.replace(r"\.0+$", "")
    if isinstance(dtype, pl.Float64):
        return _text_of_floats(values)
    if may_list and isinstance(dtype, pl.List) and _are_values(dtype.inner):
        return values.cast(pl.List(pl.String)).list.join(SEPARATOR, ignore_nulls=False)
    return values


def _are_values(dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether the members of a list are texts, or numbers that are exact."""
    return isinstance(dtype, TEXTS) or dtype.is_integer()


def _texts_of_bytes(values: pl.Series) -> pl.Series:
    """Bytes as the texts that they are; where they are none, a text that says so."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:
        texts = [None if each is None else _text_of_bytes(each) for each in values]
        return pl.Series(values.name, texts, dtype=pl.String)


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NO_TEXT


def _text_of_floats(values: pl.Expr) -> pl.Expr:
    is_exact = values.abs() < EXACT_BELOW
    whole = values.cast(pl.Int64, strict=False)
    text = (
        pl.when(is_exact & (values == whole))
        .then(whole.cast(pl.String))
        .when(is_exact)
        .then(values.cast(pl.Decimal(38, 6), strict=False).cast(pl.String))
        .otherwise(values.cast(pl.String))
    )
    return pl.when(values.is_nan()).then(None).otherwise(text)


def _kept(block: Callable[[], Block], layout: Layout) -> Block:
    return kept(block(), layout.filters)


class _Reading:
    """The rows of a Parquet file as they are read."""

    def __init__(self, lazy: pl.LazyFrame, rows: int) -> None:
        self._lazy = lazy
        self._rows = rows
        self._rows_read = 0

    def read_share(self) -> float:
        """How many of the rows are read, of 1."""
        return self._rows_read / self._rows if self._rows else 1.0

    def blocks(self) -> Iterator[Callable[[], Block]]:
        """What gives each block."""
        while self._rows_read < self._rows:
            frame = self._next_rows()
            self._rows_read += len(frame)
            yield from (partial(_block, *part) for part in _parts(frame))

    def _next_rows(self) -> pl.DataFrame:
        """The next rows as a frame. Raises `EOFError` where the file has fewer than it says."""
        rows = self._lazy.slice(self._rows_read, limits.PARQUET_ROWS)
        with _without_panic_texts():
            frame = rows.collect(engine="streaming")
        if frame.is_empty():
            raise EOFError
        return frame


def _parts(frame: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Rows in parts of bounded text, each with how many bytes the texts of its rows have.

    Columns may repeat one long text a million times.
    """
    texts_bytes = _texts_bytes(frame)
    if texts_bytes.sum() <= limits.BLOCK_BYTES:
        yield frame, texts_bytes
        return
    part = (texts_bytes.cum_sum() // limits.BLOCK_BYTES).alias(PART)
    start = 0
    for rows in part.rle().struct.field("len"):
        end = start + rows
        yield frame[start:end], texts_bytes[start:end]
        start = end


def _block(frame: pl.DataFrame, texts_bytes: pl.Series) -> Block:
    """Rows as a block; one that is longer than a line may be is a reject."""
    numbered = frame.with_row_index(LINE)
    is_too_long = texts_bytes > limits.LINE_BYTES_MAX
    if not is_too_long.any():
        return Block(numbered, len(frame))
    lines = numbered.filter(is_too_long)[LINE]
    rejects = [too_long(line, b"") for line in lines]
    return Block(numbered.filter(~is_too_long), len(frame), rejects)


def _texts_bytes(frame: pl.DataFrame) -> pl.Series:
    """How many bytes the texts of each row have."""
    columns = [name for name, dtype in frame.schema.items() if isinstance(dtype, TEXTS)]
    if not columns:
        return pl.Series([0], dtype=pl.UInt64).new_from_index(0, len(frame))
    texts = [pl.col(name).cast(pl.String).str.len_bytes().fill_null(0) for name in columns]
    return frame.select(pl.sum_horizontal(texts).cast(pl.UInt64)).to_series()


@contextmanager
def _without_panic_texts() -> Iterator[None]:
    """Keep what Polars itself writes to standard error from people.

    Where a damaged file makes it panic, that is a page about its own code. The error follows.
    """
    if sys.__stderr__ is None:  # there is no standard error, and its number may be another file's
        yield
        return
    kept = os.dup(STANDARD_ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STANDARD_ERROR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)

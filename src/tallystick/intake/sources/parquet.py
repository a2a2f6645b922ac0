"""Parquet: files that have columns already."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.intake.sources.blocks import LINE, Block, Source, check_columns
from tallystick.intake.sources.refusals import refusing, refusing_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.intake.kinds import Kind

PARQUET_TYPES = (pl.String, pl.Categorical, pl.Enum, pl.Decimal, pl.Date, pl.Datetime, pl.Null)


def parquet_source(name: str, file: IO[bytes], kind: Kind) -> Source:
    """A Parquet file as a source."""
    what = "cannot be read as Parquet"
    with refusing(name, what):
        lazy = pl.scan_parquet(file)
        schema = lazy.collect_schema()
    columns = kind.named(schema.names())
    check_columns(name, columns, kind)
    if kind.is_from_elsewhere:  # what is passed over may be of any type
        renamed = lazy.rename(dict(zip(schema.names(), columns, strict=True)))
        columns = tuple(column for column in columns if column in kind.column_names)
        lazy = renamed.select(columns)
        schema = lazy.collect_schema()
    for column, dtype in schema.items():
        if not isinstance(dtype, PARQUET_TYPES) and not dtype.is_integer():
            message = (
                f"{name}: column {column} must be of texts, whole numbers or dates, not of {dtype}"
            )
            raise FileRefused(message)
    with refusing(name, what):
        rows = lazy.select(pl.len()).collect().item()  # the file's own count: no row is read for it
    batches = _Batches(lazy, rows)
    return Source(name, batches.read_share, columns, 1, refusing_each(name, what, batches.blocks()))


class _Batches:
    """The rows of a Parquet file as they are read."""

    def __init__(self, lazy: pl.LazyFrame, rows: int) -> None:
        self._lazy = lazy
        self._rows = rows
        self._rows_read = 0

    def read_share(self) -> float:
        """How many of the rows are read, of 1."""
        return self._rows_read / self._rows if self._rows else 1.0

    def blocks(self) -> Iterator[Callable[[], Block]]:
        """What gives each batch."""
        for frame in self._lazy.collect_batches(maintain_order=True):
            self._rows_read += len(frame)
            yield partial(Block, frame.with_row_index(LINE), len(frame))

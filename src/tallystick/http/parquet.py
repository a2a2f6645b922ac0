"""Rows as a Parquet file, made on the disk part by part: memory does not grow with it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

ROWS_A_PART = 50_000
PIECE_BYTES = 1 << 20


def parquet(
    header: Sequence[str], rows: Iterator[Sequence[str | None]]
) -> Generator[bytes, None, None]:
    """The bytes of a Parquet file, whose columns are texts with these names."""
    schema = dict.fromkeys(header, pl.String)
    with TemporaryDirectory(prefix="tallystick-export-") as folder:
        parts: list[Path] = []
        values = list(islice(rows, ROWS_A_PART))
        while values or not parts:
            parts.append(Path(folder, f"part-{len(parts)}.parquet"))
            pl.DataFrame(values, schema=schema, orient="row").write_parquet(parts[-1])
            values = list(islice(rows, ROWS_A_PART))
        whole = parts[0] if len(parts) == 1 else _joined(parts)
        with whole.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def _joined(parts: Sequence[Path]) -> Path:
    whole = parts[0].with_name("whole.parquet")
    pl.scan_parquet(list(parts)).sink_parquet(whole)
    return whole

"""`python -m benchmarks`: measure, and print the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import duckdb
import polars as pl

from benchmarks.cdr import cdr
from benchmarks.console import console
from benchmarks.correction import correction
from benchmarks.dense import dense
from benchmarks.doubts import doubts
from benchmarks.figures import TABLE_HEAD, Figure, table_row
from benchmarks.history import history
from benchmarks.hostile import hostile
from benchmarks.imports import imports
from benchmarks.live import during, live
from benchmarks.report import report
from benchmarks.stores import Given, PostgresqlStores, SqliteStores
from benchmarks.uploads import uploads
from benchmarks.wire import memory, wire
from benchmarks.writers import writers

if TYPE_CHECKING:
    from collections.abc import Iterable

BENCHMARKS = {
    "wire": wire,
    "memory": memory,
    "report": report,
    "import": imports,
    "doubts": doubts,
    "cdr": cdr,
    "live": live,
    "during": during,
    "writers": writers,
    "correction": correction,
    "history": history,
    "dense": dense,
    "console": console,
    "uploads": uploads,
    "hostile": hostile,
}


def main() -> None:
    """Run the benchmarks that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sims", type=int, default=1_000_000, help="size of the larger store")
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="activations of a load, at most"
    )
    parser.add_argument(
        "--only", choices=BENCHMARKS, action="append", help="may be given several times"
    )
    parser.add_argument(
        "--data", type=Path, default=Path(tempfile.gettempdir()) / "tallystick-benchmarks"
    )
    parser.add_argument(
        "--database",
        help="postgresql://... of a server whose databases are the stores, made as needed",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    told = parser.parse_args()
    told.data.mkdir(parents=True, exist_ok=True)
    stores = PostgresqlStores(told.database) if told.database else SqliteStores(told.data)
    given = Given(told.data, stores, told.sims, told.rows)
    figures = (each for name in told.only or BENCHMARKS for each in BENCHMARKS[name](given))
    if told.json:
        print(json.dumps([each._asdict() for each in figures]))
    else:
        _print_table(figures)


def _print_table(figures: Iterable[Figure]) -> None:
    """Row by row as they come, for a run of large stores takes long."""
    libraries = (
        f"SQLite {apsw.sqlite_lib_version()}, DuckDB {duckdb.__version__}, Polars {pl.__version__}"
    )
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {libraries}\n\n{TABLE_HEAD}",
        flush=True,
    )
    for each in figures:
        print(table_row(each), flush=True)


if __name__ == "__main__":
    main()

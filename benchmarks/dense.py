"""The same number of activations, of few SIMs with many each and of many SIMs with few each."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.figures import Figure, figure
from benchmarks.fleets import FOREIGN, made, some_pairs
from benchmarks.live import FEW, SECONDS
from benchmarks.load import Load, generator, pairs_file, send
from benchmarks.processes import import_of
from benchmarks.served import serving
from benchmarks.stores import Given, waiting_store

if TYPE_CHECKING:
    from pathlib import Path

ROWS_MAX = 3_000_000
FEWER = 100
"""The fewer SIMs are one in so many of the larger fleet: of 1,000,000 they are 10,000."""
ROUNDS = 3
FACTS_A_CALL = 1_000
BEGIN = datetime(2026, 3, 2)  # noqa: DTZ001 - printed as UTC
SPAN = timedelta(days=80)


def dense(given: Given) -> list[Figure]:
    """Imports of both files into stores without activations, and calls on what they have made."""
    rows = min(given.rows, ROWS_MAX)
    fleets = (given.sims, max(given.sims // FEWER, 1))
    imported = [list[float](), list[float]()]
    called = [list[float](), list[float]()]
    for _ in range(ROUNDS):
        for place, sims in enumerate(fleets):
            with given.stores.copied(waiting_store(given, sims)) as address:
                file = activations_of(given.folder, sims, rows)
                run = import_of(address, "activations", file)
                assert json.loads(run.printed)["accepted"] == rows, run.printed
                imported[place].append(rows / run.seconds / 1e6)
                called[place].append(_calls(given, address, sims))
    return [
        *_beside(f"import of {rows:,} activations, CSV", "M/s", fleets, imported),
        *_beside(f"{generator()}, calls of {FACTS_A_CALL:,}", "activations/s", fleets, called),
    ]


def _calls(given: Given, address: str, sims: int) -> float:
    """Activations a second that calls of a thousand bring."""
    load = Load(pairs_file(given.folder, sims), FACTS_A_CALL, FEW)
    with serving(address) as server:
        sent = send(server, load, SECONDS)
    return sent.calls * FACTS_A_CALL / sent.seconds


def activations_of(folder: Path, sims: int, rows: int) -> Path:
    """A file of so many activations of so many SIMs in turn, in order of time."""
    return made(
        folder / f"activations-{sims}-in-turn-{rows}.csv",
        lambda part: _write(folder, sims, rows, part),
    )


def _write(folder: Path, sims: int, rows: int, path: Path) -> None:
    pairs = some_pairs(folder, sims, sims, seed=1)
    number = pl.int_range(rows, eager=True).alias("number")
    step_us = SPAN // timedelta(microseconds=1) // rows
    moment = pl.lit(BEGIN) + pl.duration(microseconds=pl.col("number") * step_us)
    round_and_place = pl.col("number") + pl.col("number") // len(pairs)
    is_foreign = round_and_place % FEW == 0  # of one SIM now and then, not always of the same SIMs
    pl.DataFrame(number).lazy().select(
        iccid=pairs["iccid"].gather(number % len(pairs)),
        imei=pl.when(is_foreign)
        .then(pl.lit(FOREIGN))
        .otherwise(pairs["imei"].gather(number % len(pairs))),
        activated_at=moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
    ).sink_csv(path)


def _beside(
    what: str, unit: str, fleets: tuple[int, int], rates: list[list[float]]
) -> list[Figure]:
    """The figures of both fleets, that of the smaller one with its ratio."""
    many, few = (
        figure(f"{what}, {sims:,} SIMs", unit, runs)
        for sims, runs in zip(fleets, rates, strict=True)
    )
    return [many, few._replace(ratio=f"{few.median / many.median:.2f} x {fleets[0]:,} SIMs")]

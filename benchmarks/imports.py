"""`tallystick import activations`, with detection, beside what the engine loads into a bare table, without."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import Figure, figure
from benchmarks.fleets import activations_in_all, first_activations, next_activations
from benchmarks.processes import import_of
from benchmarks.stores import Given, Stores, waiting_store, whole_store
from tallystick.operations.synth import FleetFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROUNDS = 3
CROWD = 10_000


class Load(NamedTuple):
    """One load of a file: activations a second in millions, and where it is ours, peak memory and bytes on disk."""

    rate: float
    peak_mib: float = 0
    bytes_each: float = 0


def imports(given: Given) -> list[Figure]:
    """The same rows into a store without activations, from CSV and Parquet, and others into one that has a quarter."""
    known = activations_in_all(given.folder, given.sims)
    rows = min(given.rows, known)
    csv, parquet = (
        first_activations(given.folder, given.sims, rows, output)
        for output in (FleetFormat.CSV, FleetFormat.PARQUET)
    )
    later = next_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    waiting, whole = waiting_store(given, given.sims), whole_store(given, given.sims, CROWD)
    works: dict[str, Callable[[], Load]] = {
        f"import of {rows:,} activations, CSV": lambda: _ours(given.stores, waiting, csv, rows),
        "the same, Parquet": lambda: _ours(given.stores, waiting, parquet, rows),
        f"as many into a store of {known:,}, CSV": lambda: _ours(given.stores, whole, later, rows),
        f"{given.stores.floor}, bare table, CSV": lambda: _theirs(given.stores, csv, rows),
    }
    rounds = [[work() for work in works.values()] for _ in range(ROUNDS + 1)][1:]
    loads = {what: list(each) for what, each in zip(works, zip(*rounds, strict=True), strict=True)}
    return [*_rates(loads, given.stores.floor), *_costs(loads)]


def _rates(loads: dict[str, list[Load]], floor: str) -> list[Figure]:
    figures = [figure(what, "M/s", [load.rate for load in each]) for what, each in loads.items()]
    *ours, theirs = figures
    return [
        *(each._replace(ratio=f"{each.median / theirs.median:.2f} x {floor}") for each in ours),
        theirs,
    ]


def _costs(loads: dict[str, list[Load]]) -> list[Figure]:
    *ours, _ = loads.items()
    return [
        cost
        for what, each in ours
        for cost in (
            figure(f"{what}: peak memory", "MiB", [load.peak_mib for load in each]),
            figure(
                f"{what}: disk for each, index and answer included",
                "bytes",
                [load.bytes_each for load in each],
            ),
        )
    ]


def _ours(stores: Stores, start: str, file: Path, rows: int) -> Load:
    with stores.copied(start) as address:
        before = stores.size(address)
        run = import_of(address, "activations", file)
        receipt = json.loads(run.printed)
        assert receipt["read"] == rows == receipt["accepted"] + receipt["duplicate"], receipt
        return Load(rows / run.seconds / 1e6, run.peak_mib, (stores.size(address) - before) / rows)


def _theirs(stores: Stores, file: Path, rows: int) -> Load:
    with stores.bare() as load:
        started = time.perf_counter()
        load(file)
        return Load(rows / (time.perf_counter() - started) / 1e6)

"""Writers of one store on PostgreSQL: side by side where they touch different SIMs, or in turn."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.figures import Figure, figure
from benchmarks.fleets import (
    FOREIGN,
    activations_in_all,
    first_activations,
    made,
)
from benchmarks.load import pairs_file
from benchmarks.processes import import_of
from benchmarks.stores import Given, PostgresqlStores, waiting_store
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.operations.synth import FleetFormat
from tallystick.store import Touched, open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
PROCESSES = 4
SECONDS = 4.0
CONNECTIONS = (1, 2, 4)
FOREIGN_ONE_IN = 50
BEGAN_AT, SPREAD_US = 1_780_272_000_000_000, 7_000_000_000_000


def writers(given: Given) -> list[Figure]:
    """Transactions of several processes, and imports over several connections and beside another.

    There are no figures on SQLite, where one transaction writes at a time.
    """
    if not isinstance(given.stores, PostgresqlStores):
        return []
    return [*_transactions(given), *_imports(given), *_two_imports(given)]


# Transactions


def _transactions(given: Given) -> list[Figure]:
    """Rates of transactions that write alone, and of others that say what they touch."""
    figures = []
    pairs = pairs_file(given.folder, given.sims)
    for facts in (1, 1_000):
        rates: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(ROUNDS):
            for beside, taken in rates.items():
                with given.stores.copied(waiting_store(given, given.sims)) as address:
                    taken.append(_rate(address, pairs, facts, beside=beside))
        what = f"transactions of {facts:,} activations, {PROCESSES} processes"
        in_turn, at_once = (figure(what, "/s", taken) for taken in rates.values())
        ratio = f"{at_once.median / in_turn.median:.2f} x in turn"
        figures += [
            in_turn._replace(what=f"{what}: in turn"),
            at_once._replace(what=f"{what}: side by side", ratio=ratio),
        ]
    return figures


def _rate(address: str, pairs: Path, facts: int, *, beside: bool) -> float:
    with get_context("spawn").Pool(PROCESSES) as processes:
        given = [(address, pairs, facts, beside, seed) for seed in range(PROCESSES)]
        return sum(processes.starmap(_write, given)) * facts / SECONDS


def _write(address: str, pairs: Path, facts: int, beside: bool, seed: int) -> int:  # noqa: FBT001 - by starmap
    """How many transactions one process commits."""
    dice, count = random.Random(f"{time.time_ns()} {seed}"), 0
    sims = [
        (Iccid.parse(iccid), Imei.parse(imei))
        for iccid, imei in pl.read_csv(
            pairs, has_header=False, schema_overrides=[pl.String, pl.String]
        ).rows()
    ]
    foreign = Imei.parse(FOREIGN)
    with open_store(address, wire_row) as store:
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            activations = [
                SimActivation(
                    iccid,
                    Moment(BEGAN_AT + dice.randrange(SPREAD_US)),
                    foreign if dice.randrange(FOREIGN_ONE_IN) == 0 else imei,
                )
                for iccid, imei in dice.sample(sims, facts)
            ]
            touched = Touched(frozenset(fact.iccid for fact in activations)) if beside else None
            with store.transaction(touched=touched) as writer:
                writer.take(SimActivation, activations)
            count += 1
    return count


# Imports


def _imports(given: Given) -> list[Figure]:
    """One file over several connections, and into a bare table."""
    rows = min(given.rows, activations_in_all(given.folder, given.sims))
    csv = first_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    seconds: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
    bare: list[float] = []
    for _ in range(ROUNDS):
        for connections, taken in seconds.items():
            with given.stores.copied(waiting_store(given, given.sims)) as address:
                taken.append(_seconds(address, csv, connections))
        with given.stores.bare() as load:
            started = time.perf_counter()
            load(csv)
            bare.append(time.perf_counter() - started)
    floor = figure("COPY, bare table", "M/s", [rows / each / 1e6 for each in bare])
    figures = [
        figure(
            f"import of {rows:,} activations over {connections} connections",
            "M/s",
            [rows / each / 1e6 for each in taken],
        )
        for connections, taken in seconds.items()
    ]
    return [
        *(each._replace(ratio=f"{each.median / floor.median:.2f} x COPY") for each in figures),
        floor,
    ]


def _two_imports(given: Given) -> list[Figure]:
    """Two files of different SIMs, one after the other and both at once."""
    rows = min(given.rows, activations_in_all(given.folder, given.sims))
    halves = _halves(given, rows)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for at_once, taken in seconds.items():
            with ExitStack() as held:
                address = held.enter_context(given.stores.copied(waiting_store(given, given.sims)))
                threads = held.enter_context(ThreadPoolExecutor(at_once))
                started = time.perf_counter()
                list(threads.map(lambda half: import_of(address, "activations", half), halves))  # noqa: B023 - used at once
                taken.append(time.perf_counter() - started)
    what = f"two imports of {rows:,} activations in all, different SIMs"
    after, both = (figure(what, "s", taken) for taken in seconds.values())
    return [
        after._replace(what=f"{what}: one after the other"),
        both._replace(
            what=f"{what}: at once",
            ratio=f"{both.median / after.median:.2f} x one after the other",
        ),
    ]


def _halves(given: Given, rows: int) -> list[Path]:
    csv = first_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    log = pl.scan_csv(csv, infer_schema=False)
    bound = log.select(pl.col("iccid").sort()).collect()["iccid"][rows // 2]
    parts = {"first": pl.col("iccid") < bound, "second": pl.col("iccid") >= bound}
    return [
        made(csv.with_name(f"{csv.stem}-{name}-half.csv"), log.filter(is_in).sink_csv)
        for name, is_in in parts.items()
    ]


def _seconds(address: str, csv: Path, connections: int) -> float:
    run = import_of(address, "activations", csv, "--connections", str(connections))
    receipt = json.loads(run.printed)
    assert receipt["rejected"] == 0, receipt
    return run.seconds

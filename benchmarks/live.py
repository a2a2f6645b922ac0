"""Activations over HTTP, durable before each answer: alone, and while a file is being imported."""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.client import Connection
from benchmarks.figures import Figure, figure
from benchmarks.fleets import activations_in_all, next_activations
from benchmarks.load import Load, Measured, generator, pairs_file, send
from benchmarks.processes import command, environment
from benchmarks.served import Served, serving
from benchmarks.stores import Given, whole_store
from tallystick.operations.synth import FleetFormat

if TYPE_CHECKING:
    from pathlib import Path

CROWD = 10_000
ROUNDS = 3
SECONDS = 8.0
SLICE_S = 3.0
REPORT_EVERY_S = 0.1
FEW, ALL = (
    50,
    1,
)  # one in how many activations is in foreign hardware: about as in the fleet, and the worst


def live(given: Given) -> list[Figure]:
    """Calls of one activation and of a thousand, on stores of two sizes; in the larger one, of mismatches only too.

    Each kind of call has a copy of the store to itself: what the others brought would be in its way.
    """
    figures = []
    for sims in (max(given.sims // 100, 1), given.sims):
        pairs = pairs_file(given.folder, sims)
        loads = [Load(pairs, 1, FEW), Load(pairs, 1000, FEW)]
        if sims == given.sims:
            loads += [Load(pairs, 1, ALL), Load(pairs, 1000, ALL)]
        for load in loads:
            with (
                given.stores.copied(whole_store(given, sims, CROWD)) as address,
                serving(address) as server,
            ):
                what = f"{generator()}, calls of {load.facts:,}, {sims:,} SIMs, {100 / load.foreign_one_in:.0f} % foreign"
                figures += _figures(
                    what, load, [send(server, load, SECONDS) for _ in range(ROUNDS)]
                )
    return figures


def _figures(what: str, load: Load, rounds: list[Measured]) -> list[Figure]:
    rates = [each.calls / each.seconds for each in rounds]
    return [
        figure(f"{what}: activations", "/s", [rate * load.facts for rate in rates]),
        figure(f"{what}: p50", "ms", [each.p50_ms for each in rounds]),
        figure(f"{what}: p99", "ms", [each.p99_ms for each in rounds]),
    ]


def during(given: Given) -> list[Figure]:
    """Single calls and reports while a file is imported into the same store by another process."""
    rows = min(given.rows, activations_in_all(given.folder, given.sims))
    file = next_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    load = Load(pairs_file(given.folder, given.sims), 1, FEW)
    with (
        given.stores.copied(whole_store(given, given.sims, CROWD)) as address,
        serving(address) as server,
    ):
        slices, reports, seconds = _beside_import(server, address, file, load)
    what = f"during an import of {rows:,} activations"
    reports.sort()
    return [
        *_figures(f"{what}: single calls", load, slices),
        figure(f"{what}: reports of {CROWD:,} rows", "ms", reports),
        figure(f"{what}: reports, p99", "ms", [reports[int(len(reports) * 0.99)]]),
        figure(f"{what}: its own rate", "M/s", [rows / seconds / 1e6]),
    ]


def _beside_import(
    server: Served, address: str, file: Path, load: Load
) -> tuple[list[Measured], list[float], float]:
    """Slices of calls and milliseconds of reports until the import ends, and how many seconds it took."""
    over, started, slices = threading.Event(), time.perf_counter(), list[Measured]()
    words = command("import", "activations", str(file), "--json")
    with (
        ThreadPoolExecutor(2) as beside,
        subprocess.Popen(words, env=environment(address), stdout=subprocess.DEVNULL) as importing,
    ):
        reports = beside.submit(_reports, server, over)
        ended = beside.submit(lambda: (importing.wait(), time.perf_counter() - started))
        try:
            while not slices or not ended.done():
                slices.append(send(server, load, SLICE_S))
        finally:
            over.set()
        status, seconds = ended.result()
        assert status == 0, "the import failed"
    return slices, reports.result(), seconds


def _reports(server: Served, over: threading.Event) -> list[float]:
    connection, request, taken = Connection(server.port), server.report(), list[float]()
    while not over.wait(REPORT_EVERY_S):
        started = time.perf_counter()
        assert connection.ask(request).status == b"200"
        taken.append((time.perf_counter() - started) * 1e3)
    return taken

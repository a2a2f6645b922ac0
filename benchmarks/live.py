"""Activations over HTTP from sixteen connections, durable before each answer."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from benchmarks.client import Connection
from benchmarks.figures import Figure, figure
from benchmarks.served import Served, make_store, serving
from tallystick.core.identifiers import Iccid
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS, CLIENTS = 16, 2
SECONDS = 8.0
CALLS_MADE = 200
IMEIS = ("352099001761481", "3520990017614899")


def live(folder: Path, sims: int) -> list[Figure]:
    """Calls of one activation and of a thousand, on stores of two sizes."""
    figures = []
    for size in (max(sims // 10, 1), sims):
        address = make_store(folder, size, 10_000)
        iccids = _some_iccids(address)
        with serving(address) as server:
            for facts in (1, 1000):
                seconds = _load(server, iccids, facts)
                seconds.sort()
                what = f"calls of {facts:,}, store of {size:,} SIMs"
                figures.append(figure(f"{what}: activations", "/s", [len(seconds) * facts / SECONDS]))
                figures.append(figure(f"{what}: p99", "ms", [seconds[int(len(seconds) * 0.99)] * 1e3]))
    return figures


def _some_iccids(address: str) -> list[str]:
    with open_store(address, wire_row) as store, store.snapshot() as reader:
        bound, found, step = 0, list[str](), 1000
        while bound_next := reader.verify_bound(bound, step):
            found.append(str(Iccid(bound_next)))
            bound = bound_next
    return found


def _load(server: Served, iccids: list[str], facts: int) -> list[float]:
    context = get_context("spawn")
    with context.Pool(CLIENTS) as clients:
        works = [(server, iccids, facts, seed) for seed in range(CLIENTS)]
        return [seconds for some in clients.starmap(_send, works) for seconds in some]


def _send(server: Served, iccids: list[str], facts: int, seed: int) -> list[float]:
    """One client's share of the connections; gives the seconds of each call."""
    dice = random.Random(time.time_ns() + seed)
    calls = [server.request("/api/v1/activations", _body(dice, iccids, facts)) for _ in range(CALLS_MADE)]
    until = time.perf_counter() + SECONDS

    def run(number: int) -> list[float]:
        connection, seconds = Connection(server.port), list[float]()
        while (started := time.perf_counter()) < until:
            answer = connection.ask(calls[(len(seconds) + number) % len(calls)])
            assert answer.status == b"200", answer
            seconds.append(time.perf_counter() - started)
        return seconds

    with ThreadPoolExecutor(CONNECTIONS // CLIENTS) as connections:
        runs = connections.map(run, range(0, CALLS_MADE, CALLS_MADE * CLIENTS // CONNECTIONS))
        return [seconds for some in runs for seconds in some]


def _body(dice: random.Random, iccids: list[str], facts: int) -> bytes:
    moment = time.strftime("2026-06-%dT%H:%M:%SZ", time.gmtime(dice.randrange(1_700_000_000, 1_702_000_000)))
    return json.dumps(
        [{"iccid": dice.choice(iccids), "imei": dice.choice(IMEIS), "activated_at": moment} for _ in range(facts)]
    ).encode()

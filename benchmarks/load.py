"""Activations from sixteen connections: by wrk where it is installed, else by a client in Python.

The Python client takes as much of the processor as the server, and so finds about half of the rate.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.client import Connection
from benchmarks.fleets import FOREIGN, made, some_pairs

if TYPE_CHECKING:
    from benchmarks.served import Served

CONNECTIONS, CLIENTS = 16, 2
PAIRS = 200_000
SCRIPT = Path(__file__).with_name("live.lua")
PATH = "/api/v1/activations"
DAYS, DAY_S = 84, 86_400


class Load(NamedTuple):
    """What is sent: a file of SIMs with hardware, facts a call, one in how many is foreign."""

    pairs: Path
    facts: int
    foreign_one_in: int


class Measured(NamedTuple):
    """Calls of some seconds, all of them answered with 200, and how long they took."""

    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float


def pairs_file(folder: Path, sims: int) -> Path:
    """Random SIMs of the whole fleet with their hardware, as lines."""
    path = folder / f"pairs-{sims}-random-{PAIRS}.csv"
    return made(
        path,
        lambda part: some_pairs(folder, sims, PAIRS, seed=1).write_csv(part, include_header=False),
    )


def send(server: Served, load: Load, seconds: float) -> Measured:
    """Send calls for some seconds, each once the one before it is answered."""
    return _wrk(server, load, seconds) if shutil.which("wrk") else _python(server, load, seconds)


def generator() -> str:
    """What sends."""
    return "wrk" if shutil.which("wrk") else "a client in Python"


def _wrk(server: Served, load: Load, seconds: float) -> Measured:
    headers = [word for line in server.headers.splitlines() for word in ("-H", line)]
    options = [
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "--timeout",
        "30s",
        "-s",
        str(SCRIPT),
        *headers,
    ]
    given = [
        str(load.pairs),
        str(load.facts),
        str(load.foreign_one_in),
        str(time.time_ns() % 2**31),
    ]
    words = ["wrk", *options, f"http://127.0.0.1:{server.port}{PATH}", "--", *given]
    told = json.loads(
        subprocess.run(words, capture_output=True, check=True).stdout.splitlines()[-1]
    )
    assert not told.pop("failed"), "calls were refused"
    return Measured(**told)


def _python(server: Served, load: Load, seconds: float) -> Measured:
    with get_context("spawn").Pool(CLIENTS) as clients:
        runs = clients.starmap(_client, [(server, load, seconds, seed) for seed in range(CLIENTS)])
    taken = sorted(each for some in runs for each in some)
    return Measured(
        len(taken), seconds, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3
    )


def _client(server: Served, load: Load, seconds: float, seed: int) -> list[float]:
    """One process's share of the connections; gives the seconds of each call."""
    pairs = [line.split(",") for line in load.pairs.read_text("ascii").split()]
    until = time.perf_counter() + seconds

    def run(number: int) -> list[float]:
        dice = random.Random(f"{time.time_ns()} {seed} {number}")
        connection, taken = Connection(server.port), list[float]()
        while time.perf_counter() < until:
            request = server.request(PATH, body(dice, pairs, load))
            started = time.perf_counter()
            answer = connection.ask(request)
            assert answer.status == b"200", answer
            taken.append(time.perf_counter() - started)
        return taken

    with ThreadPoolExecutor(CONNECTIONS // CLIENTS) as connections:
        return [
            each for some in connections.map(run, range(CONNECTIONS // CLIENTS)) for each in some
        ]


def body(dice: random.Random, pairs: list[list[str]], load: Load) -> bytes:
    """One call, as `live.lua` makes them."""
    facts = []
    for _ in range(load.facts):
        iccid, imei = dice.choice(pairs)
        foreign = dice.randrange(load.foreign_one_in) == 0
        moment = time.gmtime(1_780_272_000 + dice.randrange(DAYS * DAY_S))
        facts.append(
            {
                "iccid": iccid,
                "imei": FOREIGN if foreign else imei,
                "activated_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
            }
        )
    return json.dumps(facts).encode()

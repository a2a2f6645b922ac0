"""The largest upload: seconds until it is acknowledged, in force, and in the report."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from benchmarks.client import Connection
from benchmarks.figures import figure
from benchmarks.fleets import CROWD, FOREIGN, HOME
from benchmarks.served import serving
from benchmarks.stores import whole_store
from tallystick.thingspace.routes import M2M

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.served import Served
    from benchmarks.stores import Given

PAIRS = 10_000
ROUNDS = 6  # an even number: the report is empty after one, and whole again after the next
LOOK_EVERY_S = 0.005


def uploads(given: Given) -> list[Figure]:
    """All SIMs of the crowd belong where they were seen, then where they were delivered."""
    with (
        given.stores.copied(whole_store(given, given.sims, PAIRS)) as address,
        serving(address) as server,
    ):
        rounds = [
            _round(server, (FOREIGN, HOME)[number % 2], (0, PAIRS)[number % 2])
            for number in range(ROUNDS)
        ]
    what = f"{PAIRS:,} pairs uploaded among {given.sims:,} SIMs"
    ends = ("acknowledged", "in force", "shown by the report")
    return [
        figure(f"{what}: {end}", "s", runs)
        for end, runs in zip(ends, zip(*rounds, strict=True), strict=True)
    ]


def _round(server: Served, imei: str, rows: int) -> tuple[float, float, float]:
    """Seconds from the upload's first byte to each of its ends; the last is a report of rows."""
    upload = server.request(f"{M2M}/devices/actions/upload", _body(imei))
    connection = Connection(server.port)
    started = time.perf_counter()
    request_id = json.loads(connection.ask(upload).body)["requestId"]
    acknowledged_s = time.perf_counter() - started
    status = server.question(f"{M2M}/accounts/{CROWD}/requests/{request_id}/status")
    while (told := json.loads(connection.ask(status).body))["status"] == "Pending":
        time.sleep(LOOK_EVERY_S)
    in_force_s = time.perf_counter() - started
    shown = json.loads(connection.ask(server.report()).body)["devices"]
    shown_s = time.perf_counter() - started
    assert (told["outcome"]["accepted"], len(shown)) == (PAIRS, rows), told
    return acknowledged_s, in_force_s, shown_s


def _body(imei: str) -> bytes:
    pairs = ((("ICCID", f"8999{number:016}"), ("IMEI", imei)) for number in range(PAIRS))
    devices = [{"deviceIds": [{"kind": kind, "id": text} for kind, text in pair]} for pair in pairs]
    return json.dumps(
        {"accountName": CROWD, "uploadType": "IMEI ICCID Pair", "devices": devices}
    ).encode()

"""Ten thousand expectations corrected: seconds until the report shows what follows."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.client import Connection, whole_answer
from benchmarks.figures import Figure, figure
from benchmarks.fleets import FOREIGN, WINDOW, some_pairs
from benchmarks.processes import import_of
from benchmarks.served import Served, serving
from benchmarks.stores import Given, whole_store
from tallystick.thingspace.routes import REPORT

if TYPE_CHECKING:
    from collections.abc import Callable

CROWD = 10_000
CORRECTED = 10_000
# Of the corrected SIMs; others are of another generation, or were not seen within the window.
SHOWN_MIN = 0.9
ROUNDS = 5


def correction(given: Given) -> list[Figure]:
    """Random SIMs that belong in other hardware from the beginning, by a file and by a call."""
    size = min(CORRECTED, given.sims // (3 * ROUNDS))
    sims = some_pairs(given.folder, given.sims, 2 * ROUNDS * size, seed=2)["iccid"]
    lots = [sims[start : start + size].to_list() for start in range(0, 2 * ROUNDS * size, size)]
    with (
        tempfile.TemporaryDirectory(dir=given.folder) as place,
        given.stores.copied(whole_store(given, given.sims, CROWD)) as address,
        serving(address) as server,
    ):
        file = Path(place) / "corrected.csv"
        by_call = [_seconds(server, lot, partial(_call, server, lot)) for lot in lots[::2]]
        by_file = [_seconds(server, lot, partial(_file, address, file, lot)) for lot in lots[1::2]]
    what = f"{size:,} expectations corrected among {given.sims:,} SIMs, until the report shows it"
    return [
        figure(f"{what}: one call", "s", by_call),
        figure(f"{what}: the command with a file", "s", by_file),
    ]


def _seconds(server: Served, iccids: list[str], correct: Callable[[], None]) -> float:
    """From the first byte of the correction to the last one of the report of those SIMs."""
    ids = [{"kind": "ICCID", "id": iccid} for iccid in iccids]
    asked = {
        "devices": [{"deviceIds": ids}],
        "filter": {"earliest": WINDOW[0], "latest": WINDOW[1]},
    }
    request = server.request(REPORT, json.dumps(asked).encode())
    before = _sims_shown(whole_answer(server.port, request).body)
    started = time.perf_counter()
    correct()
    body = whole_answer(server.port, request).body
    seconds = time.perf_counter() - started
    assert _sims_shown(body) > SHOWN_MIN * len(iccids) > before, (
        "the report does not show the correction"
    )
    return seconds


def _sims_shown(body: bytes) -> int:
    return len({row["iccid"] for row in json.loads(body)["devices"]})


def _call(server: Served, iccids: list[str]) -> None:
    facts = [{"iccid": iccid, "imei": FOREIGN} for iccid in iccids]
    answer = Connection(server.port).ask(
        server.request("/api/v1/expectations", json.dumps(facts).encode())
    )
    assert json.loads(answer.body)["accepted"] == len(iccids), answer


def _file(address: str, file: Path, iccids: list[str]) -> None:
    pl.DataFrame({"iccid": iccids}).with_columns(imei=pl.lit(FOREIGN)).write_csv(file)
    import_of(address, "expectations", file)

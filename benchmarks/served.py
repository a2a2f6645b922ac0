"""A store of a given size, a server on it, and one request as bytes."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access import Access, system_clock
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, moment_of
from tallystick.intake import KINDS, import_file
from tallystick.store import Store, open_store
from tallystick.synth import Fleet, Format, write_fleet
from tallystick.thingspace.routes import REPORT
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNTIL = moment_of(datetime(2026, 6, 1, tzinfo=UTC))
SEED = 1
CROWD = "crowd"  # the account whose rows are asked for: the same rows in a store of any size
CROWD_FROM = moment_of(datetime(2026, 3, 2, tzinfo=UTC))
SECOND = 1_000_000
HOME, FOREIGN = Imei.parse("352099001761481"), Imei.parse("357152091234562")
WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}
START_S_MAX = 30
PASSWORD = "benchmark"  # noqa: S105 - of a store that is thrown away


class Served(NamedTuple):
    """A running server: its port, its processes' group, and the headers of a call."""

    port: int
    process: int
    headers: str

    def request(self, path: str, body: bytes) -> bytes:
        """A whole POST request."""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def report(self, account: str = CROWD) -> bytes:
        """The request for the report of one account."""
        body = json.dumps({"accountName": account, "filter": WINDOW}).encode()
        return self.request(REPORT, body)


def make_fleet(folder: Path, sims: int, output: Format) -> dict[str, Path]:
    """Files of a synthetic fleet, made once."""
    place = folder / f"fleet-{sims}-{output}"
    if not place.exists():
        write_fleet(Fleet(sims, 3, SEED, UNTIL), place, output, lambda *_: None)
    return {kind: place / f"{kind}.{output}" for kind in KINDS}


def make_store(folder: Path, sims: int, rows: int) -> str:
    """A store of a synthetic fleet and of an account with so many mismatches, made once; gives its address."""
    path = folder / f"store-{sims}-{rows}.db"
    address = f"sqlite:///{path}"
    if path.exists():
        return address
    files = make_fleet(folder, sims, Format.PARQUET)
    with open_store(address, wire_row) as store:
        store.init("UTC")
        for kind in KINDS:
            import_file(store, kind, str(files[kind]))
        add_crowd(store, rows)
    return address


def add_crowd(store: Store, rows: int) -> None:
    """SIMs of one account, each found once in foreign hardware."""
    step = 50_000
    for start in range(0, rows, step):
        numbers = range(start, min(start + step, rows))
        iccids = [Iccid.parse(f"8999{number:016}") for number in numbers]
        with store.transaction() as writer:
            writer.take_sims([Sim(iccid, None, CROWD, CROWD_FROM, "4G") for iccid in iccids])
            writer.take_expectations([SimExpectation(iccid, CROWD_FROM, HOME) for iccid in iccids])
            writer.take_activations(
                [
                    SimActivation(iccid, Moment(CROWD_FROM + number * SECOND), FOREIGN)
                    for iccid, number in zip(iccids, numbers, strict=True)
                ]
            )


@contextmanager
def serving(address: str) -> Iterator[Served]:
    """`tallystick serve` with one worker, and a session on it."""
    headers = _headers(address)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = os.environ | {"TALLYSTICK_DATABASE": address, "TALLYSTICK_PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", "tallystick", "serve"], env=environment) as process:
        try:
            _wait_for(port)
            yield Served(port, process.pid, headers)
        finally:
            process.terminate()


def _headers(address: str) -> str:
    with open_store(address, wire_row) as store:
        access = Access(store, system_clock, secrets.token_bytes)
        name = secrets.token_hex(8)
        app = access.add_app(name, ["m2m", "intake"])
        access.add_user(name, PASSWORD, [], all_accounts=True)
        token = access.issue_token(app.key, app.secret).access_token
        session = access.login(name, PASSWORD)
        access.close()
    return f"Authorization: Bearer {token}\r\nVZ-M2M-Token: {session}\r\nContent-Type: application/json\r\n"


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_S_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.05)
        else:
            return

"""Mixed load on a server for as long as told, with kills and faults; `make soak` runs it.

Facts come in by calls, by uploads and from files, and reports are read. The facts repeat, so that
the store stops growing. Every half a minute something befalls the server: it is killed, one of its
workers is, it is stopped in order, or the store's file is away for a second. Memory and descriptors
of each worker are told at the beginning and at the end of its life. At last everything that was
acknowledged is looked for, and `tallystick verify --integrity` is run.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access
from tests.sending import FOREIGN, SIMS, Sender, assert_nothing_is_lost, headers_of_sender, iccid_of
from tests.sending import load_fleet as load
from tests.serving import PASSWORD, REPORT, SERVE, call, free_port, signed_in, told
from tests.serving import wait_until_alive as wait
from tests.test_server import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.access import Credentials

LIFE_S = 30
SETTLED_S = 10  # until a worker has loaded what it needs, and made its threads
SENDERS = 2
UPLOAD = "/api/m2m/v1/devices/actions/upload"
PAIR = json.dumps(
    {
        "accountName": "A-1",
        "deviceSku": "x",
        "devices": [
            {"deviceIds": [{"kind": "iccid", "id": iccid_of(1)}, {"kind": "imei", "id": FOREIGN}]}
        ],
        "emailAddress": "ann@example.com",
        "uploadType": "IMEI ICCID Pair",
    }
)
QUESTION = json.dumps(
    {
        "accountName": "A-1",
        "devices": [],
        "filter": {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-04-01T00:00:00Z"},
    }
)


def say(line: str) -> None:
    """Tell a figure of the soak."""
    print(line, flush=True)  # noqa: T201 - whoever runs it reads them


class Usage(NamedTuple):
    """What a process has: memory in MiB, and open descriptors."""

    memory_mib: int
    descriptors: int


def usage_of(process: int) -> Usage:
    """What a process has now."""
    pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    descriptors = len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208 - their number alone
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") >> 20, descriptors)


class Load:
    """Everything that is done to one server while it lives."""

    def __init__(self, port: int, database: str, app: Credentials, activations: Path) -> None:
        self._port, self._database, self._app = port, database, app
        self._activations = activations
        self._over = threading.Event()
        self.calls = 0
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._ask, self._import)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Do nothing more."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        """Read reports and put uploads in the queue."""
        headers: dict[str, str] = {}
        while not self._over.is_set():
            with suppress(OSError, AssertionError):
                headers = headers or signed_in(self._port, self._app, "user")
                status = call(self._port, "POST", REPORT, QUESTION, headers).status
                assert status in {200, 503}, status
                call(self._port, "POST", UPLOAD, PAIR, headers)
                call(self._port, "GET", "/readyz")
                self.calls += 3

    def _import(self) -> None:
        """Import the same file again and again; some imports are killed."""
        command = [sys.executable, "-m", "tallystick", "import", "activations"]
        environment = os.environ | told(DATABASE=self._database)
        while not self._over.is_set():
            with subprocess.Popen(
                [*command, str(self._activations)], env=environment, stdout=subprocess.DEVNULL
            ) as importing:
                with suppress(subprocess.TimeoutExpired):
                    importing.wait(random.uniform(1, 6))
                importing.kill()


def kill_all(server: subprocess.Popen[bytes], _store: Path) -> None:
    """Kill the server and its workers."""
    os.killpg(server.pid, signal.SIGKILL)


def stop(server: subprocess.Popen[bytes], _store: Path) -> None:
    """Stop it in order."""
    server.terminate()
    server.wait(60)


def kill_worker(server: subprocess.Popen[bytes], _store: Path) -> None:
    """Kill a worker, have it replaced, and stop."""
    os.kill(workers_of(server)[0], signal.SIGKILL)
    time.sleep(8)
    stop(server, _store)


def hide_store(server: subprocess.Popen[bytes], store: Path) -> None:
    """Have the store's file away for a second, and stop."""
    hidden = store.with_name("hidden")
    store.rename(hidden)
    time.sleep(1)
    hidden.rename(store)
    time.sleep(5)
    stop(server, store)


FAULTS: tuple[Callable[[subprocess.Popen[bytes], Path], None], ...] = (
    kill_all,
    stop,
    kill_worker,
    hide_store,
)


def live(number: int, path: Path, app: Credentials, headers: dict[str, str]) -> list[Sender]:
    """One life of a server under load; gives who sent facts to it."""
    port, database = free_port(), f"sqlite:///{path}"
    environment = os.environ | told(DATABASE=database, PORT=str(port))
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment, start_new_session=True
    ) as server:
        wait(port, server)
        senders = [Sender(each, port, headers, number * 300, (503,)) for each in range(SENDERS)]
        for sender in senders:
            sender.start()
        load_on_it = Load(port, database, app, path.with_name("activations.csv"))
        time.sleep(SETTLED_S)
        (worker,) = workers_of(server)
        begin = usage_of(worker)
        time.sleep(LIFE_S)
        end = usage_of(worker)
        fault = FAULTS[number % len(FAULTS)]
        fault(server, path)
        load_on_it.end()
        for sender in senders:
            sender.enough.set()
            sender.join(60)
        sent = sum(len(sender.acknowledged) for sender in senders)
        say(
            f"life {number}: memory {begin.memory_mib} to {end.memory_mib} MiB, descriptors"
            f" {begin.descriptors} to {end.descriptors}; {sent} calls with facts,"
            f" {load_on_it.calls} others; then {fault.__name__}"
        )
    return senders


def soak(minutes: float, folder: Path) -> int:
    """Life after life for so many minutes; gives the exit code."""
    path = folder / "store.db"
    senders: list[Sender] = []
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        load(store)
        headers = headers_of_sender(store)
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("user", PASSWORD, [], all_accounts=True)
        app = access.add_app("soak", ["m2m"])
        access.close()
    lines = [
        f"{iccid_of(n % SIMS)},{FOREIGN},2026-03-06T10:{n // 60:02}:{n % 60:02}Z"
        for n in range(3600)
    ]
    path.with_name("activations.csv").write_text(
        "iccid,imei,activated_at\n" + "\n".join(lines) + "\n", "utf-8"
    )
    until = time.monotonic() + minutes * 60
    number = 0
    while time.monotonic() < until:
        senders += live(number, path, app, headers)
        number += 1
    with open_store(f"sqlite:///{path}", wire_row) as store:
        assert_nothing_is_lost(store, senders)
    say(f"{sum(len(sender.acknowledged) for sender in senders)} acknowledged calls are there")
    verify = [sys.executable, "-m", "tallystick", "verify", "--integrity"]
    environment = os.environ | told(DATABASE=f"sqlite:///{path}")
    return subprocess.run(verify, env=environment, check=False).returncode


@pytest.mark.soak
def test_nothing_is_lost_under_load_kills_and_faults(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert soak(request.config.getoption("--minutes"), tmp_path) == 0

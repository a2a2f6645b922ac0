"""Mixed load on a server for as long as told, with kills and faults; `make soak` runs it.

Facts come in by calls, by uploads and from files, and every page, list and report is read. Every
half a minute something befalls the server: it is killed, one of its workers is, it is stopped in
order, or the store's file is away for a second. The second half of the time is one life without
faults: its facts repeat, so that the store stops growing, and the worker's memory and descriptors
have to stop growing, too. At last everything that was acknowledged is looked for, and
`tallystick verify --integrity` is run.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.clock import system_clock
from tallystick.core.roles import Role
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.doors import Visitor
from tests.quick_access import quick_access
from tests.sending import FOREIGN, SIMS, Sender, assert_nothing_is_lost, iccid_of
from tests.sending import load_fleet as load
from tests.serving import PASSWORD, SERVE, bearer, call, free_port, signed_in, told
from tests.serving import wait_until_alive as wait
from tests.test_server import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.access import Credentials
    from tallystick.store import Store

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
UNLIMITED = told(ADDRESS_CALLS_A_S="0", APP_CALLS_A_S="0", USER_CALLS_A_S="0")
STEADY_SHARE = 1 / 2
"""The part of the time that is one life without faults."""
LOOK_S = 5
GROWTH_MIB_MAX, GROWTH_DESCRIPTORS_MAX = 8, 4
"""By so much the most of a steady life's second half may be above the most of its first."""


def say(line: str) -> None:
    """Tell a figure of the soak."""
    print(line, flush=True)  # noqa: T201 - whoever runs it reads them


class Usage(NamedTuple):
    """What a process has: memory of its own in MiB, and open descriptors."""

    memory_mib: int
    descriptors: int


def usage_of(process: int) -> Usage:
    """What a process has now; parts of the store's file that are mapped are the system's."""
    _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text("ascii").split()
    own_bytes = (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    descriptors = len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208 - their number alone
    return Usage(own_bytes >> 20, descriptors)


class Load:
    """Uploads and imports for one server while it lives; what it does makes the store grow."""

    def __init__(self, port: int, database: str, app: Credentials, activations: Path) -> None:
        self._port, self._database, self._app = port, database, app
        self._activations = activations
        self._over = threading.Event()
        self.uploads = 0
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._upload, self._import)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Do nothing more."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _upload(self) -> None:
        """Put uploads in the queue."""
        headers: dict[str, str] = {}
        while not self._over.is_set():
            with suppress(OSError, AssertionError):
                headers = headers or signed_in(self._port, self._app, "user")
                status = call(self._port, "POST", UPLOAD, PAIR, headers).status
                assert status in {200, 503}, status
                self.uploads += 1
            self._over.wait(0.02)

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


class Soak:
    """One store and who asks for it, through all lives of its servers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.database = f"sqlite:///{self.path}"
        self._activations = folder / "activations.csv"
        self._senders: list[Sender] = []
        with self.store() as store:
            store.init("UTC")
            load(store)
            access = quick_access(store, system_clock, secrets.token_bytes)
            access.add_user("user", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
            self._app = access.add_app("soak", ["m2m", "admin", "intake"])
            access.close()
        write_activations(self._activations)

    def store(self) -> Store:
        """The store, opened beside whatever serves it."""
        return open_store(self.database, wire_row)

    @contextmanager
    def served(self) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """A server on the store, without limits of rates; gives its process and port."""
        port = free_port()
        settings = told(DATABASE=self.database, PORT=str(port)) | UNLIMITED
        with subprocess.Popen(
            [sys.executable, "-c", SERVE], env=os.environ | settings, start_new_session=True
        ) as server:
            wait(port, server)
            yield server, port

    @contextmanager
    def loaded(self, port: int, start_second: int) -> Iterator[tuple[list[Sender], Visitor]]:
        """Facts that come in, and questions over every door, until the block ends."""
        renewed = partial(bearer, port, self._app)
        headers = renewed()
        senders = [
            Sender(each, port, headers, start_second, (503,), renewed) for each in range(SENDERS)
        ]
        visitor = Visitor(port, self._app, "user")
        callers: list[Sender | Visitor] = [*senders, visitor]
        for caller in callers:
            caller.start()
        yield senders, visitor
        for caller in callers:
            caller.enough.set()
            caller.join(60)
        self._senders += senders
        assert visitor.failures == []

    def live(self, number: int) -> None:
        """One life of a server under load, and how it ends."""
        fault = FAULTS[number % len(FAULTS)]
        with self.served() as (server, port), self.loaded(port, number * 300) as (senders, visitor):
            load_on_it = Load(port, self.database, self._app, self._activations)
            time.sleep(SETTLED_S)
            (worker,) = workers_of(server)
            begin = usage_of(worker)
            time.sleep(LIFE_S)
            end = usage_of(worker)
            fault(server, self.path)
            load_on_it.end()
        sent = sum(len(sender.acknowledged) for sender in senders)
        say(
            f"life {number}: memory {begin.memory_mib} to {end.memory_mib} MiB, descriptors"
            f" {begin.descriptors} to {end.descriptors}; {sent} calls with facts,"
            f" {load_on_it.uploads} uploads, answers by status {dict(visitor.answers)};"
            f" then {fault.__name__}"
        )

    def live_steadily(self, seconds: float) -> None:
        """One life without faults, whose worker stops growing as the store does.

        It begins when no upload waits any more.
        """
        looked: list[Usage] = []
        with self.served() as (server, port):
            self._wait_for_uploads()
            with self.loaded(port, 0) as (senders, visitor):
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    time.sleep(LOOK_S)
                    (worker,) = workers_of(server)
                    looked.append(usage_of(worker))
                stop(server, self.path)
        half = len(looked) // 2
        early, late = most(looked[:half]), most(looked[half:])
        say(
            f"steady for {seconds:.0f} s: at most {early.memory_mib} MiB and"
            f" {early.descriptors} descriptors in its first half, {late.memory_mib} MiB and"
            f" {late.descriptors} in its second; {sum(len(s.acknowledged) for s in senders)} calls"
            f" with facts, answers by status {dict(visitor.answers)}"
        )
        assert late.memory_mib <= early.memory_mib + GROWTH_MIB_MAX
        assert late.descriptors <= early.descriptors + GROWTH_DESCRIPTORS_MAX

    def _wait_for_uploads(self) -> None:
        """Come back when the server has taken in every upload that waits."""
        waiting = 1
        while waiting:
            time.sleep(LOOK_S)
            with self.store() as store, store.snapshot() as reader:
                waiting = reader.count_waiting_uploads()

    def verify(self) -> int:
        """Look for everything that was acknowledged; gives the code of `verify --integrity`."""
        with self.store() as store:
            assert_nothing_is_lost(store, self._senders)
        acknowledged = sum(len(sender.acknowledged) for sender in self._senders)
        say(f"{acknowledged} acknowledged calls are there")
        verify = [sys.executable, "-m", "tallystick", "verify", "--integrity"]
        environment = os.environ | told(DATABASE=self.database)
        return subprocess.run(verify, env=environment, check=False).returncode


def write_activations(path: Path) -> None:
    """A file of 3,600 activations of the SIMs, all elsewhere."""
    lines = [
        f"{iccid_of(n % SIMS)},{FOREIGN},2026-03-06T10:{n // 60:02}:{n % 60:02}Z"
        for n in range(3600)
    ]
    path.write_text("iccid,imei,activated_at\n" + "\n".join(lines) + "\n", "utf-8")


def most(looked: list[Usage]) -> Usage:
    """The most of each that was seen."""
    return Usage(
        max(usage.memory_mib for usage in looked), max(usage.descriptors for usage in looked)
    )


@pytest.mark.soak
def test_nothing_is_lost_under_load_kills_and_faults(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    seconds = request.config.getoption("--minutes") * 60
    soak = Soak(tmp_path)
    until = time.monotonic() + seconds * (1 - STEADY_SHARE)
    for number in itertools.count():
        if time.monotonic() > until:
            break
        soak.live(number)
    soak.live_steadily(seconds * STEADY_SHARE)
    assert soak.verify() == 0

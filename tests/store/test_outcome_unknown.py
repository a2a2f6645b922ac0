"""A commit that fails on its way: what holds for sure is told so, and what nobody knows is told so.

On SQLite the disk fails to flush the log, by a file system that SQLite is given. On PostgreSQL a
proxy between both sides swallows the answer to a commit.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from tallystick.clock import system_clock
from tallystick.core.errors import OutcomeUnknown
from tallystick.intake import KINDS, LiveIntake
from tallystick.intake.live import idempotency_key
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import POSTGRESQL, database_on, made
from tests.store.few import ONE, seen, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLUSH_FAILS = """
import os, sys
import apsw
from tallystick.core.errors import OutcomeUnknown
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

class File(apsw.VFSFile):
    is_failing = False
    def __init__(self, name, flags):
        self.is_log = flags[0] & apsw.SQLITE_OPEN_WAL
        super().__init__("unix", name, flags)
    def xSync(self, flags):
        if self.is_log and File.is_failing:
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        super().xSync(flags)
    def xLock(self, level):
        try:
            super().xLock(level)
        except apsw.IOError:  # a file that is open for reading only
            raise apsw.BusyError

class Disk(apsw.VFS):
    def __init__(self):
        super().__init__("disk", "unix", makedefault=True)
    def xOpen(self, name, flags):
        return File(name, flags)

disk = Disk()
activation = SimActivation(
    Iccid.parse("89148000000800000001"), Moment(10), Imei.parse("357152091234562")
)
store = open_store(sys.argv[1], wire_row)
store.init("UTC")
with store.transaction() as writer:
    writer.account_ids_made({"a"})
File.is_failing = True
try:
    with store.transaction() as writer:
        writer.take(SimActivation, [activation])
except OutcomeUnknown as refusal:
    print(refusal)
sys.stdout.flush()
os._exit(0)  # as a process that is killed now
"""


def test_on_sqlite_a_commit_that_could_not_be_flushed_may_hold_after_a_crash(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    out, errors = start(FLUSH_FAILS, url).communicate(timeout=60)
    assert "whether the change holds is not known" in out, errors
    with open_store(url, wire_row) as store, store.snapshot() as reader:
        assert reader.counts().activations == 1


COMMIT = b"COMMIT"
WRITTEN = b"INSERT INTO receipts"  # readers commit too


class Proxy:
    """What stands between clients and the server, and hangs up when a commit has been answered."""

    def __init__(self, folder: Path, server: str) -> None:
        self.is_cutting = False
        self._server = server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more connections, and wait for the end of those there are."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._pass_on, args=(client,)))
                self._threads[-1].start()

    def _pass_on(self, client: socket.socket) -> None:
        """Pass on what both sides say, until one of them hangs up or a commit is to be cut off."""
        has_written = False
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            while True:
                heard, _, _ = select.select([client, server], [], [])
                said = heard[0].recv(65536)
                if not said:
                    return
                has_written |= WRITTEN in said
                (server if heard[0] is client else client).sendall(said)
                if self.is_cutting and has_written and heard[0] is client and COMMIT in said:
                    server.recv(65536)
                    return


@contextmanager
def cut_off_at_commits(database: str, folder: Path) -> Iterator[tuple[str, Proxy]]:
    """The address of the same store through a proxy."""
    address = conninfo_to_dict(database)
    if not str(address["host"]).startswith("/"):
        pytest.skip("the proxy stands before a server that has a socket on this machine")
    proxy = Proxy(folder, f"{address['host']}/.s.PGSQL.{address.get('port', 5432)}")
    yield database.replace(str(address["host"]), str(folder)), proxy
    proxy.close()


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[str]:
    """A store on PostgreSQL."""
    with database_on(POSTGRESQL, tmp_path) as database:
        with open_store(database, wire_row) as store:
            made(store, POSTGRESQL)
        yield database


def test_on_postgresql_a_commit_whose_answer_is_lost_is_told_so_and_its_key_tells_what_came_of_it(
    on_postgresql: str, tmp_path: Path
) -> None:
    kind = KINDS["activations"]
    key = idempotency_key("app", "1", kind, b"body")
    with (
        cut_off_at_commits(on_postgresql, tmp_path) as (database, proxy),
        open_store(database, wire_row) as store,
    ):
        intake = LiveIntake(store, system_clock, lambda: 0.0)
        proxy.is_cutting = True
        with pytest.raises(OutcomeUnknown, match="whether the change holds is not known"):
            intake.take(kind, [seen(ONE)], [], key)
        proxy.is_cutting = False
        receipt = json.loads(intake.take(kind, [seen(ONE)], [], key))
        assert (receipt["accepted"], receipt["duplicate"]) == (1, 0)
        again = json.loads(intake.take(kind, [seen(ONE)], [], None))
        assert (again["accepted"], again["duplicate"]) == (0, 1)
        intake.close()

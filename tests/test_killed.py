"""What holds after SIGKILL, whenever it comes: what was acknowledged is there, nothing is half there."""

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
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import pytest

from tallystick.access import Access, system_clock
from tallystick.core.identifiers import Iccid
from tallystick.core.moments import parse_moment
from tallystick.intake import import_file
from tallystick.thingspace.rows import wire_row
from tallystick.verify import verify
from tests.serving import SERVE, free_port, wait_until_alive

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

LIVE_KILLS, IMPORT_KILLS, SOAK_KILLS = 20, 30, 500
BATCH, SIMS, SENDERS = 7, 40, 4
MARCH = 1_772_323_200  # 2026-03-01, in seconds since 1970
HOME, FOREIGN = "352099001761481", "357152091234562"
IMPORT = """
import sys
from tallystick.intake import import_file, importing
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
importing.SLICE_FACTS = 500
importing.TRANSACTION_FACTS_MAX = 1500
with open_store(sys.argv[1], wire_row) as store:
    print("begins", flush=True)
    import_file(store, "activations", sys.argv[2])
"""

Sent = dict[str, list[dict[str, str]]]


def iccid_of(number: int) -> str:
    """One of the SIMs."""
    return f"891480000008{number:08}"


def load_fleet(store: Store) -> None:
    """SIMs that are all expected at home."""
    from tallystick.core.facts import Sim, SimExpectation  # noqa: PLC0415 - only here
    from tallystick.core.identifiers import Imei  # noqa: PLC0415 - only here

    moment, home = parse_moment("2019-02-03T04:05:06Z"), Imei.parse(HOME)
    iccids = [Iccid.parse(iccid_of(number)) for number in range(SIMS)]
    with store.transaction() as writer:
        writer.take_sims([Sim(iccid, None, "A-1", moment, "4G") for iccid in iccids])
        writer.take_expectations([SimExpectation(iccid, moment, home) for iccid in iccids])


def kept_moments(store: Store) -> dict[str, set[int]]:
    """The moments of every activation in the store, by SIM."""
    with store.snapshot() as reader:
        return {
            iccid_of(number): {seen.activated_at for seen in reader.activations_of(Iccid.parse(iccid_of(number)))}
            for number in range(SIMS)
        }


def assert_follows_the_rule(store: Store) -> None:
    """The kept answer is what the rule makes of the facts."""
    assert [difference for verified in verify(store, wire_row) for difference in verified.differences] == []


class Sender(threading.Thread):
    """Sends batch after batch until the server is gone; each batch is of one moment of its own."""

    def __init__(self, number: int, port: int, headers: dict[str, str], start_second: int) -> None:
        super().__init__()
        self._port, self._headers = port, headers
        self._number, self._second = number, start_second
        self.acknowledged: list[str] = []
        self.unanswered: list[str] = []

    def run(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            while self._send(connection):
                self.acknowledged.append(self.unanswered.pop())

    def _send(self, connection: HTTPConnection) -> bool:
        moment = f"2026-03-05T{self._number:02}:{self._second // 60 % 60:02}:{self._second % 60:02}Z"
        self._second += 1
        facts = [
            {
                "iccid": iccid_of((self._second * BATCH + n) % SIMS),
                "imei": (HOME, FOREIGN)[n % 2],
                "activated_at": moment,
            }
            for n in range(BATCH)
        ]
        self.unanswered.append(moment)
        try:
            connection.request("POST", "/api/v1/activations", json.dumps(facts), self._headers)
            with connection.getresponse() as answer:
                answer.read()
        except (OSError, HTTPException):
            return False
        assert answer.status == 200
        return True


def kill_a_server_while_facts_come(store: Store, database: str, headers_of: dict[str, str], kill: int) -> None:
    """One round: serve, send, kill, look."""
    port = free_port()
    environment = os.environ | {"TALLYSTICK_DATABASE": database, "TALLYSTICK_PORT": str(port)}
    with subprocess.Popen([sys.executable, "-c", SERVE], env=environment, start_new_session=True) as process:
        wait_until_alive(port, process)
        senders = [Sender(number, port, headers_of, kill * 150) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(random.uniform(0.02, 0.4))
        os.killpg(process.pid, signal.SIGKILL)
        for sender in senders:
            sender.join()
    kept: dict[int, int] = {}
    for moments in kept_moments(store).values():
        for moment in moments:
            kept[moment] = kept.get(moment, 0) + 1
    for sender in senders:
        for text in sender.acknowledged:
            assert kept[parse_moment(text)] == BATCH, "an acknowledged batch is not there"
        for text in sender.unanswered:
            assert kept.get(parse_moment(text), 0) in {0, BATCH}, "a batch is half there"
    assert_follows_the_rule(store)


def kill_servers(store: Store, database: str, kills: int) -> None:
    """Round after round on one store."""
    load_fleet(store)
    access = Access(store, system_clock, secrets.token_bytes)
    app = access.add_app("sender", ["intake"])
    issued = access.issue_token(app.key, app.secret)
    access.close()
    headers = {"Authorization": f"Bearer {issued.access_token}", "Content-Type": "application/json"}
    for kill in range(kills):
        kill_a_server_while_facts_come(store, database, headers, kill % 24)


def kill_imports(store: Store, database: str, folder: Path, kills: int) -> None:
    """The same file again and again, killed on its way each time; at last it is let through."""
    load_fleet(store)
    seconds = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(MARCH + n)) for n in range(30_000))
    lines = [f"{iccid_of(n % SIMS)},{(HOME, FOREIGN)[n // 3 % 2]},{second}" for n, second in enumerate(seconds)]
    path = folder / "activations.csv"
    path.write_text("iccid,imei,activated_at\n" + "\n".join(lines) + "\n", "utf-8")
    for _ in range(kills):
        command = [sys.executable, "-c", IMPORT, database, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(random.uniform(0, 0.12))
            process.kill()
        assert_follows_the_rule(store)
    receipt = import_file(store, "activations", str(path))
    assert receipt.read == receipt.accepted + receipt.duplicate == len(lines)
    with store.snapshot() as reader:
        assert reader.counts().activations == len(lines)
    assert_follows_the_rule(store)


def test_what_a_killed_server_acknowledged_is_there_and_nothing_is_half_there(store: Store, database: str) -> None:
    kill_servers(store, database, LIVE_KILLS)


def test_a_killed_import_goes_on_and_ends_as_if_nothing_had_happened(
    store: Store, database: str, tmp_path: Path
) -> None:
    kill_imports(store, database, tmp_path, IMPORT_KILLS)


@pytest.mark.soak
def test_hundreds_of_kills_change_nothing(store: Store, database: str) -> None:
    kill_servers(store, database, SOAK_KILLS)


@pytest.mark.soak
def test_hundreds_of_killed_imports_change_nothing(store: Store, database: str, tmp_path: Path) -> None:
    kill_imports(store, database, tmp_path, SOAK_KILLS)

"""Three servers on one PostgreSQL of which two are killed: nothing is done twice, nothing lost."""

from __future__ import annotations

import json
import secrets
import threading
from collections import defaultdict
from contextlib import ExitStack
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest

from tallystick.clock import system_clock
from tests.contract.conftest import fleet_of
from tests.contract.test_callbacks import listener_at
from tests.contract.test_uploads import UPLOAD, body_of, device
from tests.engines import POSTGRESQL, change, rows_of
from tests.listening import listening, wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Reply, Session, call, server_of, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.access import Credentials
    from tallystick.core.identifiers import Iccid
    from tallystick.store import Store
    from tests.forked import Forked

SERVERS, ROUNDS, ACCOUNT = 3, 12, "shared"
KILLED_AFTER = (3, 7)  # so many rounds of every client, a server is killed
FOREIGN = "357152091234562"


@pytest.fixture
def engine() -> str:
    """This one only."""
    return POSTGRESQL


@pytest.fixture
def app(store: Store) -> Credentials:
    """An app that may do everything at hand, beside a user who sees everything."""
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("user", PASSWORD, [], all_accounts=True)
    made = access.add_app("app", ["m2m", "intake"])
    access.close()
    return made


class Client(threading.Thread):
    """Sends uploads and keyed calls to a server, and to the next one when that is gone.

    Every client sends the same keyed calls, and uploads an IMEI of its own for one SIM of all.
    """

    def __init__(
        self, number: int, ports: list[int], headers: dict[str, str], sims: list[Iccid]
    ) -> None:
        super().__init__()
        self._number, self._ports, self._headers, self._sims = number, ports, headers, sims
        self._at = self._uploaded = 0
        self.rounds = 0
        self.acknowledged: list[str] = []
        self.receipts: dict[str, bytes] = {}

    def run(self) -> None:
        for number in range(ROUNDS):
            self.acknowledged.append(self._to_one(self._upload).json["requestId"])
            reply = self._to_one(lambda port, number=number: self._keyed(port, number))  # type: ignore[misc] # bound now
            self.receipts[f"key-{number}"] = reply.body
            self.rounds += 1

    def _to_one(self, send: Callable[[int], Reply]) -> Reply:
        """What the first server answers that lives."""
        for _ in range(SERVERS):
            try:
                reply = send(self._ports[(self._number + self._at) % SERVERS])
            except (OSError, HTTPException):
                self._at += 1
            else:
                assert reply.status == 200, reply
                return reply
        return pytest.fail("no server answers")

    def _upload(self, port: int) -> Reply:
        """Upload an IMEI that nobody has uploaded before."""
        imei = f"3520990{self._number}{self._uploaded:06}"
        self._uploaded += 1
        body = body_of(ACCOUNT, [device(self._sims[0], imei)])
        return Session(port, self._headers).call("POST", UPLOAD, body)

    def _keyed(self, port: int, number: int) -> Reply:
        at = f"2026-03-05T10:00:{number:02}Z"
        fact = {"iccid": str(self._sims[number]), "imei": FOREIGN, "activated_at": at}
        headers = self._headers | {"Idempotency-Key": f"key-{number}"}
        return call(port, "POST", "/api/v1/activations", json.dumps([fact]), headers)


def kill_on_the_way(servers: list[Forked], clients: list[Client]) -> None:
    """Kill a server after so many rounds, and another after more."""
    for server, rounds in zip(servers, KILLED_AFTER, strict=False):
        wait_until(lambda rounds=rounds: all(each.rounds >= rounds for each in clients))  # type: ignore[misc] # bound now
        server.kill()


def test_of_three_servers_two_are_killed_and_everything_is_done_once(
    store: Store, database: str, app: Credentials
) -> None:
    sims = fleet_of(store, ACCOUNT, ROUNDS)
    with listening() as listener, ExitStack() as stack:
        started = [
            stack.enter_context(server_of(database, CALLBACK_PRIVATE_ADDRESSES="yes"))
            for _ in range(SERVERS)
        ]
        ports = [port for port, _ in started]
        headers = signed_in(ports[-1], app, "user")
        url = f"http://127.0.0.1:{listener.port}/"
        reply = Session(ports[-1], headers).call("POST", f"/callbacks/{ACCOUNT}", listener_at(url))
        assert reply.status == 200
        clients = [Client(number, ports, headers, sims) for number in range(SERVERS)]
        for client in clients:
            client.start()
        kill_on_the_way([server for _, server in started], clients)
        for client in clients:
            client.join()
        assert [client.rounds for client in clients] == [ROUNDS] * SERVERS
        wait_until(lambda: rows_of(database, "SELECT 1 FROM uploads WHERE outcome IS NULL") == [])
        change(database, "UPDATE deliveries SET leased_until = 0")  # as if a minute had gone
        wait_until(lambda: rows_of(database, "SELECT 1 FROM deliveries") == [])
    messages = {message["requestId"] for message in listener.messages}
    acknowledged = {request for client in clients for request in client.acknowledged}
    uploads = {request for (request,) in rows_of(database, "SELECT request_id FROM uploads")}
    assert acknowledged <= uploads == messages
    # Each of them put another value: what was taken in twice would have put one more.
    ((changes,),) = rows_of(database, "SELECT count(*) FROM change_sets WHERE source = 'upload'")
    with store.snapshot() as reader:
        values = reader.values_of(sims[0])
    assert changes == len(uploads)
    assert len(values) == len(uploads)
    receipts = defaultdict(set)
    for client in clients:
        for key, receipt in client.receipts.items():
            receipts[key].add(receipt)
    assert [len(of_key) for of_key in receipts.values()] == [1] * ROUNDS
    assert {json.loads(receipt)["accepted"] for (receipt,) in receipts.values()} == {1}

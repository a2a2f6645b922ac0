"""A server on a store, and its requests as bytes."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.fleets import CROWD, WINDOW
from tallystick.access import Access
from tallystick.clock import system_clock
from tallystick.core.roles import Role
from tallystick.http.cookies import NAME as COOKIE
from tallystick.store import open_store
from tallystick.thingspace.routes import REPORT
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S_MAX = 30
PASSWORD = "measured here"  # noqa: S105 - of a store that is thrown away


class Served(NamedTuple):
    """A running server: its port, its processes' group, and the headers of a call."""

    port: int
    process: int
    headers: str

    def request(self, path: str, body: bytes) -> bytes:
        """A whole POST request."""
        begin = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{self.headers}"
        head = f"{begin}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def question(self, path: str) -> bytes:
        """A whole GET request."""
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{self.headers}\r\n".encode()

    def explained(self, request: bytes) -> bytes:
        """The same request with the wish for reasons."""
        return request.replace(b"\r\n", b"\r\nPrefer: include=reasons\r\n", 1)

    def report(
        self, account: str = CROWD, earliest: str = WINDOW[0], latest: str = WINDOW[1]
    ) -> bytes:
        """The request for the report of one account."""
        window = {"earliest": earliest, "latest": latest}
        return self.request(REPORT, json.dumps({"accountName": account, "filter": window}).encode())


@contextmanager
def serving(address: str) -> Iterator[Served]:
    """`tallystick serve` with one worker, and a session on it."""
    headers = _headers(address)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = os.environ | {"TALLYSTICK_DATABASE": address, "TALLYSTICK_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "tallystick", "serve"], env=environment
    ) as process:
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
        access.add_user(name, PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
        token = access.issue_token(app.key, app.secret).access_token
        session = access.login(name, PASSWORD)
        cookie = f"{COOKIE}={access.sign_in(name, PASSWORD)}"
        access.close()
    credentials = f"Authorization: Bearer {token}\r\nVZ-M2M-Token: {session}\r\n"
    return f"{credentials}Cookie: {cookie}\r\nContent-Type: application/json\r\n"


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

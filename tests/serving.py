"""Servers in processes of their own, and calls to them."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.forked import Forked, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.access import Credentials

SERVE = """
import os
from tallystick import server, settings
server.serve(settings.read_settings(os.environ), lambda _: None, create=True)
"""
START_S_MAX = 60
REPORT = "/api/m2m/v1/devices/actions/list/imeiiccidmismatch"
LOGIN = "/api/m2m/v1/session/login"
LOGOUT = "/api/m2m/v1/session/logout"
RESET = "/api/m2m/v1/session/password/actions/reset"
TOKEN = "/api/ts/v1/oauth2/token"
REVOKE = "/api/ts/v1/oauth2/revoke"
PASSWORD = "correct horse"


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was answered
        """The body, read."""
        return json.loads(self.body)


_HELD: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given while this process lives.

    It stays bound by a socket that does not listen. The system then gives it to no other process,
    and a server that allows addresses to be used again can still listen on it.
    """
    held = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        held.setsockopt(socket.SOL_SOCKET, option, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


@contextmanager
def running(
    command: list[str], port: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process, from when it answers until the block ends."""
    with subprocess.Popen(
        [sys.executable, *command], env=os.environ | dict(environment)
    ) as process:
        try:
            wait_until_alive(port, process)
            yield process
        finally:
            process.terminate()


def wait_until_alive(port: int, process: subprocess.Popen[bytes] | Forked) -> None:
    """Come back when the server answers."""
    until = time.monotonic() + START_S_MAX
    while True:
        try:
            assert call(port, "GET", "/healthz").status == 200
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.05)
        else:
            return


@contextmanager
def serving(database: str, **settings: str) -> Iterator[int]:
    """`tallystick serve` on a free port; gives the port."""
    with server_of(database, **settings) as (port, _):
        yield port


@contextmanager
def server_of(database: str, **settings: str) -> Iterator[tuple[int, Forked]]:
    """The same: the port, and the process, which a test may kill."""
    port = free_port()
    server = Forked(serve, os.environ | told(DATABASE=database, PORT=str(port), **settings))
    try:
        wait_until_alive(port, server)
        yield port, server
    finally:
        server.terminate()
        server.wait()


def told(**settings: str) -> dict[str, str]:
    """Settings as environment variables."""
    return {f"TALLYSTICK_{name}": value for name, value in settings.items()}


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )
    finally:
        connection.close()


def basic(app: Credentials) -> dict[str, str]:
    """The header that an app asks for tokens with."""
    pair = base64.b64encode(f"{app.key}:{app.secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}


def bearer(port: int, app: Credentials, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of a call before there is a session."""
    reply = call(
        port, "POST", TOKEN, "grant_type=client_credentials", basic(app) | dict(more or {})
    )
    assert reply.status == 200, reply
    return {
        "Authorization": f"Bearer {reply.json['access_token']}",
        "Content-Type": "application/json",
    } | dict(more or {})


def signed_in(
    port: int, app: Credentials, user: str, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers of a call within a session; `more` go with each."""
    headers = bearer(port, app, more)
    reply = call(port, "POST", LOGIN, json.dumps({"username": user, "password": PASSWORD}), headers)
    assert reply.status == 200, reply
    return headers | {"VZ-M2M-Token": reply.json["sessionToken"]}


class Session(NamedTuple):
    """Calls within a user's session, under the root of ThingSpace's API."""

    port: int
    headers: dict[str, str]

    def call(self, method: str, path: str, body: object = None) -> Reply:
        """One call; a body goes as JSON."""
        text = b"" if body is None else json.dumps(body)
        return call(self.port, method, f"/api/m2m/v1{path}", text, self.headers)

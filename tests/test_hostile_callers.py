"""Callers who hold on to what they can: a server's process, and sockets that do no more than that.

Each kind is ended, and meanwhile a good caller is answered.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.http.connections import Connections
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.contract.test_large_answers import QUESTION, SMALL, add_mismatches, known
from tests.listening import PATIENCE_S, wait_until
from tests.serving import LOGIN, PASSWORD, REPORT, TOKEN, call, free_port, serving, signed_in
from tests.store.few import start
from tests.store.test_taking_turns import HOLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.skipif(
    not Connections.can_be_watched(), reason="where the system does not tell, nothing is watched"
)

BAD = 16
ROWS = 14_000  # 6 MiB of them
BODY_S = 2
GROUPS = "/api/m2m/v1/groups"
GOOD_S_MAX = 10.0
ESTABLISHED = 1  # of the states of a connection, as TCP_INFO has them


class Served(NamedTuple):
    """A server with short deadlines: its port and that for probes, its store, a session."""

    port: int
    health_port: int
    database: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a large account, whose callers must be done with a body within two seconds."""
    database = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        add_mismatches(store, 0, ROWS)
        add_mismatches(store, ROWS, ROWS + 2, "small")
        app = known(store)
    health_port = free_port()
    settings = {"BODY_S": str(BODY_S), "HEALTH_PORT": str(health_port), "CONNECTIONS": "300"}
    with serving(database, **settings) as port:
        yield Served(port, health_port, database, signed_in(port, app, "user"))


def head(method: str, path: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a call with a body of so many bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {length}\r\n\r\n".encode()
    )


@contextmanager
def connected(port: int, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that have sent some first bytes."""
    with ExitStack() as opened:
        sockets = []
        for _ in range(count):
            each = opened.enter_context(socket.socket())
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            each.settimeout(PATIENCE_S)
            each.connect(("127.0.0.1", port))
            each.sendall(first)
            sockets.append(each)
        yield sockets


def the_rest(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def assert_a_good_caller_is_answered(served: Served) -> None:
    """A probe and a report, within the time that they may take on a machine that does much else."""
    for port, method, path, body in (
        (served.port, "GET", "/healthz", b""),
        (served.health_port, "GET", "/readyz", b""),
        (served.port, "POST", REPORT, SMALL),
    ):
        began = time.monotonic()
        assert call(port, method, path, body, served.headers).status == 200
        assert time.monotonic() - began < GOOD_S_MAX


def trickle(connections: list[socket.socket], is_over: threading.Event) -> None:
    """One byte a second on each."""
    while not is_over.wait(1):
        for each in connections:
            try:
                each.send(b" ")
            except OSError:
                return


def test_callers_who_send_a_body_slowly_or_not_at_all_are_ended(served: Served) -> None:
    first = head("POST", LOGIN, served.headers, 1000) + b"{"
    is_over = threading.Event()
    with (
        connected(served.port, BAD, first) as silent,
        connected(served.port, BAD, first) as slow,
    ):
        threading.Thread(target=trickle, args=(slow, is_over)).start()
        assert_a_good_caller_is_answered(served)
        answers = [the_rest(each) for each in [*silent, *slow]]
        is_over.set()
        assert_a_good_caller_is_answered(served)
    assert {answer.split(b" ", 2)[1] for answer in answers} == {b"408"}


def test_a_body_in_chunks_that_is_given_up_is_not_taken_for_whole(served: Served) -> None:
    """What came of it could be read by itself: a login that is wrong would be 400."""
    text = json.dumps({"username": "user", "password": PASSWORD}).encode()
    first = head("POST", LOGIN, served.headers, 0).replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    chunk = f"{len(text):x}\r\n".encode() + text + b"\r\n"
    with connected(served.port, 1, first + chunk) as (connection,):
        assert the_rest(connection).split(b" ", 2)[1] == b"408"


def test_callers_who_do_not_read_a_large_answer_are_ended(served: Served) -> None:
    request = head("POST", REPORT, served.headers, len(QUESTION)) + QUESTION
    with connected(served.port, BAD, request) as connections:
        assert_a_good_caller_is_answered(served)
        wait_until(lambda: not any(map(is_established, connections)))
        for each in connections:
            answer = the_rest(each)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert not answer.endswith(b"0\r\n\r\n")
    assert_a_good_caller_is_answered(served)


def is_established(connection: socket.socket) -> bool:
    """Whether a connection lasts, by what the kernel knows: what was sent on it is not read yet."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED


def test_silent_connections_beyond_the_bound_are_ended_and_keep_nobody_out(served: Served) -> None:
    with connected(served.port, 300) as older, connected(served.port, 60) as younger:
        assert_a_good_caller_is_answered(served)
        wait_until(lambda: sum(map(is_ended, older)) >= 50)
        assert not any(is_ended(each) for each in younger)


def is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended a connection that nothing was sent on."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_nobody_waits_for_the_body_of_a_token_call_whose_secret_is_wrong(served: Served) -> None:
    wrong = {"Authorization": "Basic eDp5", "Content-Type": "application/x-www-form-urlencoded"}
    with connected(served.port, 1, head("POST", TOKEN, wrong, 100)) as (connection,):
        assert connection.recv(1024).split(b" ", 2)[1] == b"401"


def test_writers_who_wait_are_bounded_and_keep_no_reader_out(served: Served) -> None:
    with ExitStack() as stopped:
        holder = stopped.enter_context(start(HOLD, served.database))
        stopped.callback(holder.kill)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        holder.send_signal(signal.SIGSTOP)
        with connected(served.port, BAD) as connections:
            for number, each in enumerate(connections):
                text = json.dumps({"accountName": "small", "groupName": f"g{number}"}).encode()
                each.sendall(head("POST", GROUPS, served.headers, len(text)) + text)
            refusals = dict[socket.socket, bytes]()
            wait_until(partial(half_are_refused, connections, refusals))
            assert_a_good_caller_is_answered(served)
            holder.kill()
            answers = [each.recv(4096) for each in connections if each not in refusals]
    assert len(refusals) == len(answers) == BAD // 2
    assert all(b" 503 " in each and b"retry-after: " in each for each in refusals.values())
    assert all(b" 200 " in each for each in answers)


def half_are_refused(
    connections: list[socket.socket], refusals: dict[socket.socket, bytes]
) -> bool:
    """Whether half of the callers, or more, have been answered. Their answers are noted."""
    for each in connections:
        if each not in refusals and (refusal := answer_by_now(each)):
            refusals[each] = refusal
    return len(refusals) >= len(connections) // 2


def answer_by_now(connection: socket.socket) -> bytes:
    """What has been answered; where that is nothing, the connection is left to wait for more."""
    connection.settimeout(0)
    try:
        return connection.recv(4096)
    except BlockingIOError:
        connection.settimeout(PATIENCE_S)
        return b""

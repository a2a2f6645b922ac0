"""A good caller beside sixteen bad ones of each kind at once, who come again whenever they end."""

from __future__ import annotations

import json
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.client import Connection
from benchmarks.figures import Figure, figure
from benchmarks.fleets import CROWD
from benchmarks.served import Served, serving
from benchmarks.stores import Given, whole_store
from tallystick.thingspace.routes import M2M, OAUTH2, REPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BAD = 16
SILENT = 1_100
ROWS = 60_000  # of the report that bad callers do not read: 12 MB
SECONDS = 40.0  # longer than anybody waits for the turn to write
EVERY_S = 0.02
RECEIVE_BYTES = 16_384
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMALL = ("2026-03-02T00:00:00Z", "2026-03-17T00:00:00Z")  # some 10,000 rows
HOLD = """
import sys
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
with open_store(sys.argv[1], wire_row) as store, store.transaction():
    print("holds", flush=True)
    sys.stdin.read()
"""


class Times(NamedTuple):
    """Milliseconds of a good caller's calls, sorted."""

    health: list[float]
    report: list[float]


def hostile(given: Given) -> list[Figure]:
    """`/healthz` and a report, alone and beside bad callers of every kind."""
    with (
        given.stores.copied(whole_store(given, 1, ROWS)) as address,
        serving(address) as server,
        get_context("spawn").Pool(1) as good,  # beside threads of bad ones it would wait for those
    ):
        alone = good.apply(_good_caller, (server, SECONDS / 4))
        with _bad_callers(server, address):
            beside = good.apply(_good_caller, (server, SECONDS))
    return [
        each
        for what, times in (("alone", alone), ("beside bad callers", beside))
        for each in _figures(what, times)
    ]


def _figures(what: str, times: Times) -> Iterator[Figure]:
    for name, runs in (("/healthz", times.health), ("a report", times.report)):
        yield figure(f"{name} {what}", "ms", runs, f"p99 {runs[int(len(runs) * 0.99)]:.1f} ms")


def _good_caller(server: Served, seconds: float) -> Times:
    """One caller who asks for both again and again, each on a connection of its own."""
    with ExitStack() as threads:
        times = Times([], [])
        requests = ((HEALTH, times.health), (server.report(CROWD, *SMALL), times.report))
        for request, taken in requests:
            thread = threading.Thread(target=_ask, args=(server.port, request, taken, seconds))
            thread.start()
            threads.callback(thread.join)
    for taken in times:
        taken.sort()
    return times


def _ask(port: int, request: bytes, taken: list[float], seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        answer = Connection(port).ask(request)
        assert answer.status == b"200", answer
        taken.append((time.perf_counter() - began) * 1e3)
        time.sleep(EVERY_S)


@contextmanager
def _bad_callers(server: Served, address: str) -> Iterator[None]:
    """Sixteen of each kind, silent connections, and a writer that is stopped with the turn."""
    is_over = threading.Event()
    kinds: list[tuple[int, Callable[[socket.socket], None]]] = [
        (BAD, partial(_send_slowly, server.request(f"{M2M}/session/login", b" " * 1000), is_over)),
        (BAD, partial(_send_slowly, _token_call(), is_over)),
        (BAD, partial(_send, server.request(f"{M2M}/session/login", b" " * 1000)[:-900])),
        (BAD, partial(_send, server.report())),
        (BAD, partial(_send, server.request(f"{M2M}/groups", _group()))),
        (BAD, partial(_send, server.request("/api/v1/activations", b"[]"))),
        (BAD, partial(_send, server.request(REPORT, b"{" * 1000))),
    ]
    with ExitStack() as opened:
        holder = opened.enter_context(
            subprocess.Popen([sys.executable, "-c", HOLD, address], stdout=subprocess.PIPE)
        )
        opened.callback(holder.kill)
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.send_signal(signal.SIGSTOP)
        callers = [
            threading.Thread(target=_come_again, args=(server.port, do, is_over))
            for count, do in kinds
            for _ in range(count)
        ]
        callers.append(threading.Thread(target=_stay_silent, args=(server.port, is_over)))
        for caller in callers:
            caller.start()
            opened.callback(caller.join)
        opened.callback(is_over.set)
        yield


def _come_again(port: int, do: Callable[[socket.socket], None], is_over: threading.Event) -> None:
    """One bad caller: a connection on which something is done, until the server ends it."""
    while not is_over.is_set():
        with suppress(OSError), socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            connection.settimeout(1)
            connection.connect(("127.0.0.1", port))
            do(connection)
            while not is_over.wait(1) and not _is_ended(connection):
                pass


def _stay_silent(port: int, is_over: threading.Event) -> None:
    """Many connections on which nothing is sent; those that have ended are opened again."""
    silent: list[socket.socket] = []
    while not is_over.wait(1):
        with selectors.DefaultSelector() as readable:
            for each in silent:
                readable.register(each, selectors.EVENT_READ)
            ended = {key.fileobj for key, _ in readable.select(0)}
        silent = [each for each in silent if each not in ended]
        missing = SILENT - len(silent)
        silent += [socket.create_connection(("127.0.0.1", port)) for _ in range(missing)]
    for each in silent:
        each.close()


def _is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended it; what it sent is not read."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False


def _send(request: bytes, connection: socket.socket) -> None:
    connection.sendall(request)


def _send_slowly(request: bytes, is_over: threading.Event, connection: socket.socket) -> None:
    """The head at once, and then one byte a second."""
    head, blank, body = request.partition(b"\r\n\r\n")
    connection.sendall(head + blank)
    for byte in body:
        if is_over.wait(1):
            return
        connection.sendall(bytes([byte]))


def _token_call() -> bytes:
    head = f"POST {OAUTH2}/token HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDp5\r\n"
    return f"{head}Content-Length: 1000\r\n\r\n".encode() + b" " * 1000


def _group() -> bytes:
    return json.dumps({"accountName": CROWD, "groupName": "bad"}).encode()

"""A callback listener: an HTTP server in a thread of the test, which keeps what it was sent."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"
PATIENCE_S = 60
"""A bound that exists so that a test which waits in vain ends. A busy machine never reaches it."""


class Listener:
    """What was sent here, and the statuses to answer with, the last one repeatedly."""

    def __init__(self, statuses: tuple[int, ...], headers: dict[str, str]) -> None:
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0
        self.holding = Event()  # while it is set, nobody is answered
        self.closing = Event()
        self._statuses = statuses
        self._answer_headers = headers

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Keep the message and answer it."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.headers.append(dict(request.headers))
        self.messages.append(json.loads(body))
        while self.holding.is_set() and not self.closing.is_set():
            time.sleep(0.01)
        request.send_response(self._statuses[min(len(self.messages), len(self._statuses)) - 1])
        for name, value in self._answer_headers.items():
            request.send_header(name, value)
        request.end_headers()

    def arrived(self, count: int) -> list[dict[str, Any]]:
        """So many messages, when they are there."""
        wait_until(lambda: len(self.messages) >= count)
        return self.messages


def wait_until(is_so: Callable[[], object], what: str = "it") -> None:
    """Come back when something is so; the failure says what does not come about."""
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, f"{what} does not come about"
        time.sleep(0.02)


@contextmanager
def listening(*statuses: int, tls: bool = False, **headers: str) -> Iterator[Listener]:
    """A listener on a free port of 127.0.0.1."""
    listener = Listener(statuses or (200,), headers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.answer(self)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / "listener.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        listener.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener
        finally:
            listener.closing.set()
            server.shutdown()
            thread.join()

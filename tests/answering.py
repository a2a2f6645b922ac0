"""The program's own app in the test's process, for tests that are not about processes.

Starting a server takes two seconds of processor time; this takes a few milliseconds.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tallystick.settings import Settings
from tests.contract.world_router import opened_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128  # callers who come at once


class _Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the form of the base class
        pass


def with_whole_bodies(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The app behind a server whose stream of a body has an end, as Granian's has."""

    def answered(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        return app(environ, start_response)

    return answered


@contextmanager
def answering(database: str, time_zone: str = "UTC") -> Iterator[int]:
    """The app at a free port; gives the port."""
    app, close = opened_app(Settings(database=database, time_zone=time_zone))
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.set_app(with_whole_bodies(app))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            close()

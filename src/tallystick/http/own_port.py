"""A small app on a port and threads of its own, which nothing on the usual port can hold."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from tallystick.http.calls import WsgiApp

PEER_S_MAX = 5.0
"""A caller who says nothing, or reads nothing, for so long is left."""
CALLERS_MAX = 64
"""So many callers are answered at a time; each beyond them ends the one who came first of all."""

log = logging.getLogger(__name__)


class _Handler(WSGIRequestHandler):
    timeout = PEER_S_MAX

    def address_string(self) -> str:
        """The address, without asking for its name."""
        return str(self.client_address[0])

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the form of the base class
        """Say nothing: probes come every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 2 * CALLERS_MAX
    """Who finds no place in the queue tries again a second later."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._callers: dict[socket.socket, None] = {}  # in the order in which they came
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the form of the base class
        """Answer a caller in a thread. Who came first and is not done keeps nobody else out."""
        with self._lock:
            if len(self._callers) == CALLERS_MAX:
                self._end(next(iter(self._callers)))
            self._callers[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the form of the base class
        """Let go of a caller who was answered, or who left."""
        with self._lock:
            self._callers.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the form of the base class
        """Log a failure that nobody foresaw; a caller who left or said nothing is none."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("a call at a port of its own failed", exc_info=error)

    def _end(self, caller: socket.socket) -> None:
        """Have the thread of a caller find that nothing more is said; it ends then."""
        del self._callers[caller]
        with suppress(OSError):  # the caller has left
            caller.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Share the port with the other workers: the system gives each its part of the callers."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


class _ServerOnIpv6(_Server):
    address_family = socket.AF_INET6


def serve_beside(app: WsgiApp, address: str, port: int) -> None:
    """Serve an app on a port of its own for as long as this process lives. Raises `OSError`."""
    kind = _ServerOnIpv6 if ":" in address else _Server
    server = kind((address, port))
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()

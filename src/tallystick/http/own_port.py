"""A small app on a port and threads of its own, which nothing on the usual port can hold."""

from __future__ import annotations

import socket
import threading
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from tallystick.http.calls import WsgiApp

PEER_S_MAX = 5.0
"""A caller who says nothing, or reads nothing, for so long is left."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Share the port with the other workers: the system gives each its part of the callers."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


class _ServerOnIpv6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = PEER_S_MAX

    def address_string(self) -> str:
        """The address, without asking for its name."""
        return str(self.client_address[0])

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the form of the base class
        """Say nothing: probes come every few seconds."""


def serve_beside(app: WsgiApp, address: str, port: int) -> None:
    """Serve an app on a port of its own for as long as this process lives. Raises `OSError`."""
    kind = _ServerOnIpv6 if ":" in address else _Server
    server = kind((address, port), _Handler)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()

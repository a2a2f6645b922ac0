"""The port of its own that probes and metrics have."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tallystick.http.own_port import CALLERS_MAX, serve_beside
from tests.listening import wait_until
from tests.serving import call, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest


def alive(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An app that answers at once."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"alive"]


def threads_of_callers() -> set[threading.Thread]:
    """The threads that answer callers, those of servers of earlier tests too."""
    return {thread for thread in threading.enumerate() if "process_request_thread" in thread.name}


def test_callers_who_say_nothing_take_a_bounded_number_of_threads_and_keep_nobody_out() -> None:
    port, before = free_port(), threads_of_callers()
    serve_beside(alive, "127.0.0.1", port)
    with ExitStack() as held:
        first, *_ = [
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(2 * CALLERS_MAX)
        ]
        assert call(port, "GET", "/healthz").body == b"alive"
        wait_until(lambda: len(threads_of_callers() - before) <= CALLERS_MAX)
        assert len(threads_of_callers() - before) > CALLERS_MAX // 2
        assert first.recv(1) == b""


def test_callers_who_leave_within_their_call_are_no_failures_for_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Checks of load balancers connect and reset, every few seconds."""
    port, before = free_port(), threads_of_callers()
    serve_beside(alive, "127.0.0.1", port)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost")
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert call(port, "GET", "/healthz").body == b"alive"
    wait_until(lambda: not threads_of_callers() - before)
    assert capfd.readouterr().err == ""

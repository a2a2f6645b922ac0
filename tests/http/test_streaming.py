"""Breaking a client's connections off, on real sockets."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from tallystick.http.streaming import break_off_all

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCALHOST = "127.0.0.1"
WAIT_S = 0.1


@contextmanager
def connected(listener: socket.socket) -> Iterator[socket.socket]:
    """A client's side of a connection; the other side is in this process, too."""
    with closing(socket.create_connection(listener.getsockname())) as client, listener.accept()[0]:
        client.settimeout(WAIT_S)
        yield client


def is_open(client: socket.socket) -> bool:
    """Whether the other side has neither said anything nor ended."""
    try:
        return client.recv(1) != b""
    except TimeoutError:
        return True


def test_every_connection_of_the_client_to_the_port_ends_and_no_other_does() -> None:
    with ExitStack() as stack:
        here, elsewhere = (
            stack.enter_context(socket.create_server((LOCALHOST, 0))) for _ in range(2)
        )
        first, second = (stack.enter_context(connected(here)) for _ in range(2))
        other = stack.enter_context(connected(elsewhere))
        port = here.getsockname()[1]
        break_off_all("127.0.0.2", port)
        assert [is_open(each) for each in (first, second, other)] == [True, True, True]
        break_off_all(LOCALHOST, port)
        assert [is_open(each) for each in (first, second, other)] == [False, False, True]
        with connected(here) as later:
            assert is_open(later)

"""One call to a listener: to an address that was checked, bounded in time and size, TLS verified.

The host's name is resolved once, and the connection goes to an address that was checked, not to a
name that could mean another one by then. No redirect is followed, and nothing of the answer is read
beyond its status and headers, which the standard library bounds.
"""

from __future__ import annotations

import ssl
from contextlib import closing, contextmanager, suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, SOCK_STREAM, create_connection, getaddrinfo
from threading import Event, Timer
from typing import TYPE_CHECKING

from tallystick.core.errors import InvalidValue
from tallystick.outbox.targets import parse_url, why_not_called
from tallystick.tracing import trace_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from socket import socket

    from tallystick.outbox.targets import Target

CONNECT_S_MAX = 5.0  # to each of a host's addresses
ADDRESSES_MAX = 3  # of a host that are tried
ANSWER_S_MAX = 10.0  # from the connection to the answer, however slowly it trickles in
ACCEPTED = range(200, 300)
REDIRECTS = range(300, 400)
HEADERS = {"Content-Type": "application/json", "User-Agent": "tallystick"}
ERROR_LENGTH_MAX = 200


def post(url: str, body: bytes, *, private_allowed: bool) -> str | None:
    """Send JSON to a listener: None when it was accepted, else what went wrong, for an operator."""
    try:
        target = parse_url(url)
        with _hanging_up_in_time(
            _connected(target, _addresses_of(target, private_allowed=private_allowed))
        ) as plain:
            status = _status_of(target, plain, body)
    except InvalidValue as refusal:
        return refusal.message
    # The last of these is a name that cannot be one of a host.
    except (OSError, HTTPException, ValueError) as error:
        return _in_words(error)
    if status in ACCEPTED:
        return None
    return f"answered {status}" + ("; redirects are not followed" if status in REDIRECTS else "")


def _in_words(error: Exception) -> str:
    """What an error says, made safe for a terminal: the other side may have written part of it."""
    text = str(error) or type(error).__name__
    shortened = text[:ERROR_LENGTH_MAX]
    return "".join(letter if letter.isprintable() else "?" for letter in shortened)


def _addresses_of(target: Target, *, private_allowed: bool) -> list[str]:
    """The addresses of a target's host. Raises `InvalidValue` if one of them may not be called."""
    entries = getaddrinfo(target.host, target.port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in entries))
    for address in addresses:
        against = why_not_called(target, address, private_allowed=private_allowed)
        if against:
            raise InvalidValue(against)
    return addresses[:ADDRESSES_MAX]


def _connected(target: Target, addresses: Sequence[str]) -> socket:
    """A connection to the first of some addresses that takes one."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return create_connection((address, target.port), CONNECT_S_MAX)
    return create_connection((addresses[-1], target.port), CONNECT_S_MAX)


@contextmanager
def _hanging_up_in_time(plain: socket) -> Iterator[socket]:
    """The same connection for the block, shut down when that takes too long.

    Shutting it down ends whatever waits for it.
    """
    late = Event()
    with plain, plain.dup() as line:  # TLS takes the first one over

        def hang_up() -> None:
            late.set()
            with suppress(OSError):
                line.shutdown(SHUT_RDWR)

        timer = Timer(ANSWER_S_MAX, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield plain
        except (OSError, HTTPException) as error:
            if not late.is_set():
                raise
            raise _too_late() from error
        finally:
            timer.cancel()
            timer.join()
        if late.is_set():  # headers that were cut off look like an answer
            raise _too_late()


def _too_late() -> TimeoutError:
    return TimeoutError(f"no answer within {ANSWER_S_MAX:g} s")


def _status_of(target: Target, plain: socket, body: bytes) -> int:
    plain.settimeout(None)
    if target.is_tls:
        connection: HTTPConnection = HTTPSConnection(target.host, target.port, context=_trust())
        connection.sock = _trust().wrap_socket(plain, server_hostname=target.host)
    else:
        connection = HTTPConnection(target.host, target.port)
        connection.sock = plain
    with closing(connection):
        connection.request("POST", target.path, body, HEADERS | trace_headers())
        return connection.getresponse().status


@cache
def _trust() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities, and against the host's name."""
    return ssl.create_default_context()

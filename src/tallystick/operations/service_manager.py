"""What systemd is told of a server: that it has begun to answer, still does, and ends.

The messages are those of `sd_notify(3)`: one datagram each to the socket that the environment
names. A unit with `Type=notify` waits for the first, one with `WatchdogSec=` for the second.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOCKET_VARIABLE, WATCHDOG_VARIABLE = "NOTIFY_SOCKET", "WATCHDOG_USEC"
LOOK_EVERY_S = 1.0
ANSWER_S_MAX = 5.0
READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


class ServiceManager:
    """Tells when a server answers for the first time, and twice in each time of the watchdog.

    `watchdog_s` is that time, None where there is no watchdog. `timer` gives seconds from any
    beginning and never goes back.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        answers: Callable[[], bool],
        watchdog_s: float | None,
        timer: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._answers = answers
        self._watchdog_s = watchdog_s
        self._timer = timer
        self._told_at: float | None = None

    def look(self) -> bool:
        """Ask the server if it is time to, and tell that it answers; the work of a loop."""
        if self._is_due() and self._answers():
            self._tell(ALIVE if self._told_at is not None else READY)
            self._told_at = self._timer()
        return False

    def _is_due(self) -> bool:
        if self._told_at is None:
            return True
        is_watched = self._watchdog_s is not None
        return is_watched and self._timer() - self._told_at >= (self._watchdog_s or 0) / 2


def socket_of(environment: Mapping[str, str]) -> str | None:
    """The address of the service manager's socket; None where none waits for messages."""
    name = environment.get(SOCKET_VARIABLE)
    return "\0" + name[1:] if name and name.startswith("@") else name or None


def watchdog_s_of(environment: Mapping[str, str]) -> float | None:
    """After how many seconds of silence the service manager ends the server; None for never."""
    microseconds = environment.get(WATCHDOG_VARIABLE, "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else None


def send(address: str, message: str) -> None:
    """Send one message to the service manager. Raises `OSError`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_manager:
        to_manager.sendto(message.encode(), address)


def tell_stopping(environment: Mapping[str, str]) -> None:
    """Tell the service manager, if there is one, that the server ends."""
    address = socket_of(environment)
    if address is not None:
        with suppress(OSError):  # the server ends all the same
            send(address, STOPPING)


def is_alive(host: str, port: int, *, is_tls: bool = False) -> bool:
    """Whether a server of this machine answers `/healthz` within a few seconds.

    Whose certificate it has is not asked: it is for the names that callers know.
    """
    connection = (
        HTTPSConnection(host, port, timeout=ANSWER_S_MAX, context=_trusting())
        if is_tls
        else HTTPConnection(host, port, timeout=ANSWER_S_MAX)
    )
    try:
        connection.request("HEAD", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

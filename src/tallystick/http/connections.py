"""The connections of a worker, and which of them are ended: slow, silent or too many.

Granian tells a call neither its connection nor its caller's port, and waits for a body or a reader
for as long as it takes. So a loop looks at the process's own sockets. The kernel says of each how
many bytes came, how many the caller has read, and how long ago the last ones moved. Rules over
these values, and over the calls that are open, name the connections to be ended.

A connection is in an *exchange* while the last bytes on it came from the caller: a head or a body
is on its way, or an answer is being worked at. Which of these it is, the open calls tell: a call at
work has a connection whose last byte came when the call was whole.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tallystick.http.calls import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tallystick.http.calls import Call, Calls

LOOK_EVERY_S = 1.0
SLOW_AFTER_S = 10.0
"""The stretch over which the rate of a body, or of a reader, is judged."""
HEAD_S_MAX = 3.0
"""A head that is sent at once has come by then, and its call has found a thread."""
CLOCKS_APART_S = 0.05
"""The kernel counts in ticks, and a thread looks at the clock a little after its bytes came."""
OWN_SOCKETS = "/proc/self/fd"
TCP_INFO_BYTES = 208
"""So long is Linux's answer, with everything that is read below."""
ADDRESSES_SHOWN_MAX = 5

log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How long, how slow and how many. Setting by setting."""

    body_s: float
    """A body may take so long to come."""
    call_s: float
    """A whole call may take so long, its answer's sending included."""
    bytes_a_s: int
    """Of a body and of an answer so many bytes a second must go over."""
    connections: int
    """So many connections may be open."""

    @property
    def slow_after_s(self) -> float:
        """The stretch over which a rate is judged; before that, nothing is called slow."""
        return min(SLOW_AFTER_S, self.body_s)


class Traffic(NamedTuple):
    """What the kernel says of a connection. Moments are of the monotonic clock."""

    received: int
    sent: int
    read: int
    """Bytes that the caller has acknowledged."""
    waiting: int
    """Bytes that are to go out and cannot, because the caller does not read."""
    received_at: float
    sent_at: float

    @property
    def may_be_exchange(self) -> bool:
        """Whether the last bytes may have come from the caller."""
        return bool(self.received) and (not self.sent or self.received_at >= self.sent_at)

    @property
    def is_exchange(self) -> bool:
        """Whether they have: the kernel's clock tells them from the last ones that were sent."""
        return bool(self.received) and (not self.sent or self.received_at > self.sent_at)


@dataclass(slots=True)
class Stretch:
    """A stretch of time over which bytes should move: its beginning, and how many had by then."""

    since: float
    began: float
    bytes_before: int
    is_slow: bool = False

    def judge(self, moved: int, now: float, limits: Limits) -> None:
        """Say whether bytes have moved too slowly; what is judged begins anew from time to time."""
        seconds = now - self.began
        if seconds >= limits.slow_after_s:
            self.is_slow = moved - self.bytes_before < limits.bytes_a_s * seconds
            self.began, self.bytes_before = now, moved


@dataclass(slots=True)
class Connection:
    """One connection, as it has been seen so far."""

    number: int
    """Of its file."""
    address: str
    traffic: Traffic
    exchange: Stretch | None = None
    sending: Stretch | None = None

    def see(self, traffic: Traffic, now: float, limits: Limits) -> None:
        """Take in what the kernel says now."""
        before, self.traffic = self.traffic, traffic
        if not traffic.may_be_exchange:
            self.exchange = None
        elif self.exchange is None or traffic.sent != before.sent:
            began = traffic.received_at
            self.exchange = Stretch(began, began, traffic.received)
        else:
            self.exchange.judge(traffic.received, now, limits)
        if not traffic.waiting:
            self.sending = None
        elif self.sending is None:
            self.sending = Stretch(now, now, traffic.read)
        else:
            self.sending.judge(traffic.read, now, limits)

    @property
    def moved_at(self) -> float:
        """When bytes moved last, or when it was opened."""
        return max(self.traffic.received_at, self.traffic.sent_at)

    def is_of(self, call: Call) -> bool:
        """Whether this may be the connection of a call that is whole: their moments agree."""
        if self.exchange is None:
            return False
        since_last_byte = call.whole_at - self.traffic.received_at
        return (
            abs(call.began - self.exchange.since) <= HEAD_S_MAX
            and -CLOCKS_APART_S <= since_last_byte <= HEAD_S_MAX
        )


class Ended(NamedTuple):
    """Connections that are to be ended, by why."""

    slow_bodies: list[Connection]
    slow_readers: list[Connection]
    long_calls: list[Connection]
    too_many: list[Connection]


def judged(
    connections: Sequence[Connection], calls: Iterable[Call], now: float, limits: Limits
) -> Ended:
    """The connections that the limits end."""
    at_work, bodies = defaultdict[str, list["Call"]](list), defaultdict[str, list["Call"]](list)
    for call in calls:
        if call.phase is Phase.WORK:
            at_work[call.peer].append(call)
        elif call.phase is Phase.BODY and now - call.began >= limits.slow_after_s:
            bodies[call.peer].append(call)
    of_address = defaultdict[str, list[Connection]](list)
    for each in connections:
        of_address[each.address].append(each)
    slow_bodies = [
        each
        for address, waiting in bodies.items()
        for each in _slow_bodies(of_address[address], at_work[address], len(waiting), now, limits)
    ]
    long_calls = [
        each
        for address, working in at_work.items()
        for each in _of_long_calls(of_address[address], working, now, limits)
    ]
    slow_readers = [each for each in connections if _is_read_too_slowly(each, now, limits)]
    return Ended(slow_bodies, slow_readers, long_calls, beyond(connections, limits.connections))


def _is_read_too_slowly(connection: Connection, now: float, limits: Limits) -> bool:
    sending = connection.sending
    return sending is not None and (sending.is_slow or now - sending.since > limits.call_s)


def _of_long_calls(
    connections: Iterable[Connection], at_work: Iterable[Call], now: float, limits: Limits
) -> list[Connection]:
    """The connections of one address whose calls are worked at for too long."""
    too_long = [call for call in at_work if now - call.began > limits.call_s]
    return [each for each in connections if any(each.is_of(call) for call in too_long)]


def _slow_bodies(
    connections: Iterable[Connection],
    at_work: Sequence[Call],
    count: int,
    now: float,
    limits: Limits,
) -> list[Connection]:
    """The connections of one address whose bodies are overdue: no more than bodies are waited for.

    Those come first whose exchange began first: a call that waits for a thread is not taken for
    one whose body does not come.
    """
    slow = [
        each
        for each in connections
        if (since := _body_since(each, limits, now)) is not None
        and now - since >= limits.slow_after_s
        if not any(each.is_of(call) for call in at_work)
    ]
    slow.sort(key=_likeliest_first)
    return slow[:count]


def _body_since(connection: Connection, limits: Limits, now: float) -> float | None:
    """Since when a body is on its way that comes too slowly or for too long, None: it does not."""
    exchange = connection.exchange
    if exchange is None:
        return None
    is_overdue = exchange.is_slow or now - exchange.since > limits.body_s
    return exchange.since if is_overdue else None


def _likeliest_first(connection: Connection) -> tuple[bool, float]:
    since = connection.exchange.since if connection.exchange else connection.moved_at
    return not connection.traffic.is_exchange, since


def beyond(connections: Sequence[Connection], count_max: int) -> list[Connection]:
    """The connections beyond those that may be open.

    They are taken from the address that has most of them, and there those on which nothing is
    under way go first, then those that have been silent for longest.
    """
    count = len(connections) - count_max
    if count <= 0:
        return []
    of_address = defaultdict[str, list[Connection]](list)
    for each in sorted(connections, key=_last_to_go, reverse=True):
        of_address[each.address].append(each)
    ended: list[Connection] = []
    while len(ended) < count:
        most = max(of_address.values(), key=len)
        second = max((len(each) for each in of_address.values() if each is not most), default=0)
        share = min(max(1, len(most) - second), count - len(ended))
        ended += [most.pop() for _ in range(share)]
    return ended


def _last_to_go(connection: Connection) -> tuple[bool, float]:
    is_busy = connection.traffic.is_exchange or connection.sending is not None
    return is_busy, connection.moved_at


class Connections:
    """The watch over a worker's connections to one port: the work of a loop."""

    def __init__(
        self,
        port: int,
        calls: Calls,
        limits: Limits,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port
        self._calls = calls
        self._limits = limits
        self._timer = timer
        self._seen: dict[int, Connection | None] = {}

    @staticmethod
    def can_be_watched() -> bool:
        """Whether this system tells what the watch needs; else only silence ends a connection."""
        if not os.path.isdir(OWN_SOCKETS) or not hasattr(socket, "TCP_INFO"):  # noqa: PTH112 - a folder of the kernel's
            return False
        with socket.socket() as probe:
            info = probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        return len(info) == TCP_INFO_BYTES

    def look(self) -> bool:
        """See every connection, and end those that the limits end; gives False: this was all."""
        # First the calls: one that begins meanwhile is young, one that ends would look like none.
        calls = self._calls.open()
        now = self._timer()
        ended = judged(self._connections(now), calls, now, self._limits)
        for call in calls:
            if ended.slow_bodies and call.phase is Phase.BODY:
                call.is_too_slow = now - call.began >= self._limits.slow_after_s
        for each in ended.slow_bodies:
            self._end(each, is_answered=True)
        for each in {id(each): each for why in ended[1:] for each in why}.values():
            self._end(each, is_answered=False)
        self._tell(ended)
        return False

    def _connections(self, now: float) -> list[Connection]:
        """The connections that are open, each with what the kernel says of it now."""
        seen, self._seen = self._seen, {}
        for name in os.listdir(OWN_SOCKETS):  # noqa: PTH208 - names alone, of thousands
            with suppress(OSError):  # it has been closed meanwhile, or is not connected
                self._see(int(name), seen, now)
        return [each for each in self._seen.values() if each is not None]

    def _see(self, number: int, seen: dict[int, Connection | None], now: float) -> None:
        status = os.fstat(number)
        key = status.st_ino
        if not stat.S_ISSOCK(status.st_mode):
            return
        if key in seen and seen[key] is None:
            self._seen[key] = None
            return
        with socket.socket(fileno=os.dup(number)) as each:
            known = seen.get(key)
            if known is None:
                known = self._met(number, each, now)
            else:
                known.see(traffic_of(each, now), now, self._limits)
            self._seen[key] = known

    def _met(self, number: int, opened: socket.socket, now: float) -> Connection | None:
        """A file that was not there before: a connection to the port, or None."""
        if opened.family not in {socket.AF_INET, socket.AF_INET6}:
            return None
        if opened.type != socket.SOCK_STREAM or opened.getsockname()[1] != self._port:
            return None
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return None
        address = str(opened.getpeername()[0]).partition("%")[0]
        nothing = Traffic(0, 0, 0, 0, now, now)
        connection = Connection(number, address, nothing)
        connection.see(traffic_of(opened, now), now, self._limits)
        return connection

    def _end(self, connection: Connection, *, is_answered: bool) -> None:
        """End a connection: nothing more is read, and unless it is answered, nothing sent."""
        with suppress(OSError), socket.socket(fileno=os.dup(connection.number)) as each:
            known = self._seen.get(os.fstat(each.fileno()).st_ino)
            if known is not connection:
                return  # it was closed, and its number given to another
            if is_answered:
                each.shutdown(socket.SHUT_RD)
                return
            # What nobody reads is dropped, not kept until they do.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.shutdown(socket.SHUT_RDWR)

    def _tell(self, ended: Ended) -> None:
        reasons = (
            "sent their bodies too slowly",
            "read their answers too slowly",
            f"waited for more than {self._limits.call_s:g} s",
            f"were more than {self._limits.connections}",
        )
        for why, connections in zip(reasons, ended, strict=True):
            if connections:
                addresses = sorted({each.address for each in connections})
                shown = ", ".join(addresses[:ADDRESSES_SHOWN_MAX])
                log.warning("ended %d connections that %s, of %s", len(connections), why, shown)


def traffic_of(connection: socket.socket, now: float) -> Traffic:
    """What the kernel says of a connection now, as `struct tcp_info` of linux/tcp.h has it."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    (unacknowledged,) = struct.unpack_from("I", info, 24)
    since_sent_ms, _, since_received_ms = struct.unpack_from("III", info, 44)
    read, received = struct.unpack_from("QQ", info, 120)
    (unsent,) = struct.unpack_from("I", info, 144)
    (sent,) = struct.unpack_from("Q", info, 200)
    return Traffic(
        received,
        sent,
        read,
        unsent + unacknowledged,
        now - since_received_ms / 1000,
        now - since_sent_ms / 1000,
    )

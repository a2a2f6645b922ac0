"""The calls that a worker has open: which may be worked at now, and what each waits for.

A thread of the server costs little while it waits for a slow peer, so a worker has many more of
them than calls that it works at. A call is worked at on a *seat*. It leaves the seat while it waits
for its body or for its caller to read, and while its facts wait to be committed. Seats that are
waited for go to the addresses in turn, so that one caller's many calls do not keep out another's.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import ExitStack
from enum import Enum
from typing import TYPE_CHECKING, Any

from tallystick.core.addresses import caller_behind
from tallystick.core.errors import Refusal
from tallystick.http.headers import UNLESS_SAID, headers_of_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from falcon import Request, Response

    from tallystick.core.addresses import Network

    WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

THREADS_FOR_PEERS = 240
"""Threads of a worker beyond its seats, for calls that wait for their peers."""
STREAMS_A_SEAT = 2
"""Streamed answers on their way for each seat, at most: each holds a snapshot of the store."""
RETRY_AFTER_S = 1
SEAT_WAIT_S_MAX = 10.0
"""A call that finds no seat for so long is turned away."""
PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that are answered without a seat, however many calls there are."""
KEY = "tallystick.call"
"""Where the environment of a WSGI call has its `Call`."""


class CallsBusy(Refusal):
    """The server works at as many calls as it may; try again in a moment."""

    code = "calls-busy"


class Phase(Enum):
    """What a call waits for."""

    BODY = "body"
    """The rest of its body."""
    WORK = "work"
    """Its answer, which is worked at."""
    ANSWER = "answer"
    """A caller who reads a streamed answer."""


class Call:
    """One open call. Moments are seconds of the worker's monotonic clock.

    `address` is the caller's, `peer` that at the other end of the connection: a proxy's, or the
    same.
    `whole_at` is when the last byte of the call had come; of a call without a body, `began`.
    `is_too_slow` is set by whoever gives up waiting for its body.
    """

    __slots__ = (
        "address",
        "began",
        "has_seat",
        "is_ended",
        "is_too_slow",
        "peer",
        "phase",
        "whole_at",
    )

    def __init__(self, address: str, began: float, peer: str = "") -> None:
        self.address = address
        self.peer = peer or address
        self.began = began
        self.whole_at = began
        self.phase = Phase.WORK
        self.has_seat = False
        self.is_ended = False
        self.is_too_slow = False


class Seats:
    """So many seats, given to the addresses in turn where they are waited for."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[threading.Lock]] = {}

    def take(self, address: str, wait_s_max: float) -> bool:
        """Take a seat, and wait for one; give whether there was one in time."""
        with self._lock:
            if self._free:  # then nobody waits
                self._free -= 1
                return True
            place = threading.Lock()
            place.acquire()
            self._waiting.setdefault(address, deque()).append(place)
        return place.acquire(timeout=wait_s_max) or self._was_given(address, place)

    def give_back(self) -> None:
        """Give a seat back: to the address that waits for its turn longest, if any does."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            address = next(iter(self._waiting))
            places = self._waiting.pop(address)
            place = places.popleft()
            if places:
                self._waiting[address] = places  # behind the others
            place.release()

    def waiting(self) -> int:
        """How many wait for a seat."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def _was_given(self, address: str, place: threading.Lock) -> bool:
        """Whether the seat was given while the wait ended; else it is waited for no more."""
        with self._lock:
            if not place.locked():
                return True
            places = self._waiting[address]
            places.remove(place)
            if not places:
                del self._waiting[address]
            return False


class Calls:
    """The open calls of a worker, and a middleware of its app that has each wait for its seat.

    `seats` calls are worked at at a time. One address may have half of the threads, and no more.
    Which address that is, `proxies` are believed, and nobody else. `is_over_tls` is whether callers
    reach the server over TLS.
    """

    def __init__(
        self,
        seats: int,
        timer: Callable[[], float] = time.monotonic,
        proxies: Collection[Network] = (),
        *,
        is_over_tls: bool = False,
    ) -> None:
        self._proxies = proxies
        self._headers = (*headers_of_all(is_over_tls=is_over_tls), *UNLESS_SAID)
        self.threads = seats + THREADS_FOR_PEERS
        self._seats = Seats(seats)
        self._streams = threading.BoundedSemaphore(STREAMS_A_SEAT * seats)
        self._timer = timer
        self._open: dict[int, Call] = {}
        self._of_address: dict[str, int] = {}
        self._lock = threading.Lock()

    def open(self) -> list[Call]:
        """The calls that are open at this moment."""
        return list(self._open.values())

    def waiting(self) -> int:
        """How many calls wait for a seat."""
        return self._seats.waiting()

    def wrapped(self, app: WsgiApp) -> WsgiApp:
        """The app, whose calls are known here from their beginning to the end of their answers."""

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - the server's
            call = self._begun(environ)
            try:
                body = app(environ, start_response)
            except BaseException:
                self.end(call)
                raise
            if isinstance(body, list):
                self.end(call)
                return body
            return self._streamed(call, body, start_response)

        return answer

    def _begun(self, environ: dict[str, Any]) -> Call:
        """Begin the call of an environment, in which its caller's address stands from now on."""
        peer = environ["REMOTE_ADDR"]
        if self._proxies:
            forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "")
            environ["REMOTE_ADDR"] = caller_behind(peer, forwarded_for, self._proxies)
        environ[KEY] = call = self._begin(environ["REMOTE_ADDR"], peer)
        return call

    def _streamed(self, call: Call, body: Iterable[bytes], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - the server's
        """A streamed answer, or that there are as many of them on their way as may be."""
        self.leave(call, Phase.ANSWER)
        sending = _Sending(self, call, body)
        if self._streams.acquire(blocking=False):
            sending.at_end(self._streams.release)
            return sending
        sending.close()
        start_response(
            "503 Service Unavailable",
            [*self._headers, ("Retry-After", str(RETRY_AFTER_S)), ("Content-Length", "0")],
        )
        return [b""]

    def process_request(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - the form of a middleware
        """Have a call wait for its seat. Raises `CallsBusy`."""
        call = call_of(req)
        if call is None or req.path in PROBES:
            return
        if self._of_address[call.address] > self.threads // 2:
            message = f"{call.address} has more than {self.threads // 2} calls open; try again"
            raise CallsBusy(message)
        req.context.calls = self
        self._sit(call)

    def come_back(self, call: Call) -> None:
        """Have a call whose body is there take a seat again. Raises `CallsBusy`."""
        call.whole_at = self._timer()
        call.phase = Phase.WORK
        self._sit(call)

    def leave(self, call: Call, phase: Phase) -> None:
        """Have a call leave its seat, if it has one, to wait for something."""
        call.phase = phase
        if call.has_seat:
            call.has_seat = False
            self._seats.give_back()

    def piece_of(self, call: Call, pieces: Iterator[bytes]) -> bytes:
        """The next piece of an answer, made on a seat however long one is waited for."""
        while not call.has_seat:
            call.has_seat = self._seats.take(call.address, SEAT_WAIT_S_MAX)
        try:
            return next(pieces)
        finally:
            self.leave(call, Phase.ANSWER)

    def _begin(self, address: str, peer: str) -> Call:
        call = Call(address, self._timer(), peer)
        with self._lock:
            self._open[id(call)] = call
            self._of_address[address] = self._of_address.get(address, 0) + 1
        return call

    def end(self, call: Call) -> None:
        """End a call: it is answered, or given up."""
        if call.is_ended:
            return
        call.is_ended = True
        with self._lock:
            del self._open[id(call)]
            left = self._of_address[call.address] - 1
            if left:
                self._of_address[call.address] = left
            else:
                del self._of_address[call.address]
        self.leave(call, call.phase)

    def _sit(self, call: Call) -> None:
        if not self._seats.take(call.address, SEAT_WAIT_S_MAX):
            raise CallsBusy
        call.has_seat = True


class _Sending:
    """A streamed answer, whose call ends with it."""

    def __init__(self, calls: Calls, call: Call, body: Iterable[bytes]) -> None:
        self._calls = calls
        self._call = call
        self._pieces = iter(body)
        self._held = ExitStack()
        self._held.callback(calls.end, call)
        self._held.callback(getattr(body, "close", _nothing_to_close))

    def at_end(self, work: Callable[[], None]) -> None:
        """Have something done when the answer has ended."""
        self._held.callback(work)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._calls.piece_of(self._call, self._pieces)

    def close(self) -> None:
        """Let go of what the answer is made from, and end the call."""
        self._held.close()


def _nothing_to_close() -> None:
    """An iterable without `close` holds nothing."""


def call_of(req: Request) -> Call | None:
    """The open call that a request belongs to, None where something else than our server serves."""
    call: Call | None = req.env.get(KEY)
    return call


def peer_of(req: Request) -> str:
    """The address at the other end of a request's connection: the caller's, or a proxy's."""
    call = call_of(req)
    return call.peer if call else req.remote_addr


class WaitingForBody:
    """A stretch in which a call waits for its body, off its seat. Raises `CallsBusy` at its end."""

    __slots__ = ("_calls", "_req")

    def __init__(self, req: Request) -> None:
        self._req = req
        self._calls = _calls_of(req)

    def __enter__(self) -> None:
        """Leave the seat."""
        if self._calls is not None:
            self._calls.leave(self._req.env[KEY], Phase.BODY)

    def __exit__(self, kind: type[BaseException] | None, _: object, __: object) -> None:
        """Take a seat again, unless reading has failed."""
        if self._calls is not None and kind is None:
            self._calls.come_back(self._req.env[KEY])


def leave_seat(req: Request, phase: Phase = Phase.WORK) -> None:
    """Have a call leave its seat for good: what is left to be done is to wait and to answer."""
    calls = _calls_of(req)
    if calls is not None:
        calls.leave(req.env[KEY], phase)


def _calls_of(req: Request) -> Calls | None:
    """The calls that a request is one of, None where something else than our server serves."""
    return getattr(req.context, "calls", None)

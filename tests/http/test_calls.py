"""Seats: who works, who waits, and whose turn it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tallystick.http.calls import STREAMS_A_SEAT, Calls, Seats
from tallystick.http.headers import NO_PAGE
from tests.listening import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


def waits(seats: Seats, address: str, served: list[str]) -> threading.Thread:
    """A thread that waits for a seat, notes that it has it and gives it back."""

    def run() -> None:
        assert seats.take(address, PATIENCE_S)
        served.append(address)
        seats.give_back()

    thread, waiting = threading.Thread(target=run), seats.waiting()
    thread.start()
    wait_until(lambda: seats.waiting() > waiting)
    return thread


def test_seats_that_are_waited_for_go_to_the_addresses_in_turn() -> None:
    seats, served = Seats(1), list[str]()
    assert seats.take("somebody", 0)
    threads = [waits(seats, "many", served) for _ in range(5)]
    threads.append(waits(seats, "few", served))
    seats.give_back()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert served[:2] == ["many", "few"]
    assert sorted(served) == ["few", *["many"] * 5]


def test_whoever_waited_in_vain_leaves_no_place_behind() -> None:
    seats = Seats(1)
    assert seats.take("a", 0)
    assert not seats.take("b", 0.01)
    seats.give_back()
    assert seats.take("b", 0)
    assert not seats.take("b", 0)


def test_more_streams_than_may_be_under_way_are_turned_away_and_end_their_calls() -> None:
    calls, said, closed = Calls(1, is_over_tls=True), list[str](), list[int]()
    said_of_it: dict[str, str] = {}

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"piece"])

        def close(self) -> None:
            closed.append(1)

    def say(status: str, headers: list[tuple[str, str]]) -> None:
        said.append(status)
        said_of_it.update(headers)

    answer = calls.wrapped(lambda _environ, _start: Pieces())
    streams = [answer({"REMOTE_ADDR": "a"}, say) for _ in range(STREAMS_A_SEAT)]
    assert said == []
    assert list(answer({"REMOTE_ADDR": "a"}, say)) == [b""]
    assert (said, closed) == (["503 Service Unavailable"], [1])
    assert said_of_it == {
        "Server": "tallystick",
        "X-Content-Type-Options": "nosniff",
        "Strict-Transport-Security": "max-age=31536000",
        "Content-Security-Policy": NO_PAGE,
        "Cache-Control": "no-store",
        "Retry-After": "1",
        "Content-Length": "0",
    }
    assert len(calls.open()) == STREAMS_A_SEAT
    for each in streams:
        assert list(each) == [b"piece"]
        each.close()  # type: ignore[attr-defined] # as WSGI has it
    assert calls.open() == []
    assert answer({"REMOTE_ADDR": "a"}, say) != [b""]

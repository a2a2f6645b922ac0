"""Which connections are ended: the rules over what the kernel says and the calls that are open."""

from __future__ import annotations

import socket
from contextlib import closing

from tallystick.http.calls import Call, Phase
from tallystick.http.connections import (
    SLOW_AFTER_S,
    Connection,
    Connections,
    Limits,
    Traffic,
    beyond,
    judged,
    traffic_of,
)

LIMITS = Limits(body_s=60, call_s=300, bytes_a_s=1000, connections=100)
BEGAN, NOW = 1000.0, 1100.0
HERE, THERE = "192.0.2.1", "192.0.2.2"


def connection(
    *history: tuple[float, Traffic], address: str = HERE, opened_at: float = BEGAN
) -> Connection:
    """A connection with what was seen of it, by moment."""
    seen = Connection(3, address, Traffic(0, 0, 0, 0, opened_at, opened_at))
    for moment, traffic in history:
        seen.see(traffic, moment, LIMITS)
    return seen


def receiving(count: int, at: float) -> Traffic:
    """So many bytes of a call have come, the last of them at a moment; none was sent."""
    return Traffic(count, 0, 0, 0, at, BEGAN)


def silent(address: str = HERE, since: float = BEGAN) -> Connection:
    """A body of which some bytes came, and then no more."""
    return connection(
        (since, receiving(300, since)),
        (since + SLOW_AFTER_S, receiving(300, since)),
        address=address,
    )


def trickling(since: float = BEGAN) -> Connection:
    """A body that comes at one byte a second."""
    seconds = range(int(NOW - since) + 1)
    return connection(*((since + each, receiving(300 + each, since + each)) for each in seconds))


def call(phase: Phase, began: float = BEGAN, whole_at: float | None = None) -> Call:
    """A call."""
    made = Call(HERE, began)
    made.phase = phase
    made.whole_at = began if whole_at is None else whole_at
    return made


def test_bodies_that_trickle_or_stop_are_ended() -> None:
    slow = [silent(), trickling()]
    calls = [call(Phase.BODY), call(Phase.BODY)]
    assert judged(slow, calls, NOW, LIMITS).slow_bodies == slow


def test_no_more_connections_are_ended_than_bodies_are_waited_for_and_the_oldest_first() -> None:
    older, younger = silent(), silent(since=BEGAN + 30)
    assert judged([younger, older], [call(Phase.BODY)], NOW, LIMITS).slow_bodies == [older]
    assert judged([younger, older], [], NOW, LIMITS).slow_bodies == []


def test_connections_of_other_addresses_are_left() -> None:
    assert judged([silent(THERE)], [call(Phase.BODY)], NOW, LIMITS).slow_bodies == []


def test_a_call_that_is_worked_at_for_long_is_not_taken_for_a_slow_body() -> None:
    at_work = silent()
    calls = [call(Phase.WORK), call(Phase.BODY, BEGAN + 1)]
    assert judged([at_work], calls, NOW, LIMITS).slow_bodies == []


def test_a_trickling_body_does_not_hide_behind_calls_that_come_and_go() -> None:
    slow = trickling()
    calls = [call(Phase.BODY), *(call(Phase.WORK, NOW - each / 10) for each in range(30))]
    assert judged([slow], calls, NOW, LIMITS).slow_bodies == [slow]


def test_a_large_body_that_comes_steadily_may_take_its_time_and_no_longer() -> None:
    steady = connection(
        *((BEGAN + each, receiving(2000 * each, BEGAN + each)) for each in range(1, 81))
    )
    body = call(Phase.BODY)
    assert judged([steady], [body], BEGAN + 55, LIMITS).slow_bodies == []
    assert judged([steady], [body], BEGAN + 80, LIMITS).slow_bodies == [steady]


def test_readers_who_do_not_read_are_ended_and_slow_ones_who_do_are_not() -> None:
    def sending(bytes_a_s: int) -> Connection:
        return connection(
            *(
                (BEGAN + each, Traffic(300, 9_000_000, bytes_a_s * each, 4_000_000, BEGAN, NOW))
                for each in range(25)
            )
        )

    stuck, slow = sending(0), sending(2000)
    assert judged([stuck, slow], [], BEGAN + 25, LIMITS).slow_readers == [stuck]
    assert judged([slow], [], BEGAN + 301, LIMITS).slow_readers == [slow]


def test_a_call_that_takes_too_long_loses_its_connection_and_no_other_does() -> None:
    its_own, other = silent(), silent(since=BEGAN + 10)
    calls = [call(Phase.WORK), call(Phase.WORK, BEGAN + 10)]
    assert judged([its_own, other], calls, BEGAN + 301, LIMITS).long_calls == [its_own]
    assert judged([its_own, other], calls, BEGAN + 299, LIMITS).long_calls == []


def test_past_the_bound_the_address_with_most_connections_loses_those_silent_for_longest() -> None:
    idle = [connection((NOW, Traffic(1, 1, 1, 0, BEGAN, BEGAN + each))) for each in range(1, 11)]
    busy = silent()
    others = [connection(address=THERE, opened_at=0.0) for _ in range(3)]
    moved = [each.moved_at for each in idle]
    ended = beyond([*idle, busy, *others], 10)
    assert len(ended) == 4
    assert {each.address for each in ended} == {HERE}
    assert busy not in ended
    assert sorted(each.moved_at for each in ended) == sorted(moved)[:4]
    assert beyond([*idle, busy, *others], 14) == []


def test_the_kernel_says_who_does_not_read() -> None:
    assert Connections.can_be_watched()
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        closing(socket.create_connection(server.getsockname())) as client,
        closing(server.accept()[0]) as accepted,
    ):
        client.sendall(b"x" * 100)
        accepted.recv(100)
        assert traffic_of(accepted, NOW).received == 100
        assert traffic_of(accepted, NOW).is_exchange
        accepted.settimeout(0)
        while accepted.send(bytes(1 << 20)) == 1 << 20:
            pass
        assert traffic_of(accepted, NOW).waiting

"""How long is waited after failures."""

from __future__ import annotations

import pytest

from tallystick.core.retries import (
    LOOP_WAIT_S_MAX,
    TRY_S_MAX,
    WAIT_S_MAX,
    loop_wait_s,
    wait_s,
)


def test_each_wait_is_twice_the_one_before_up_to_an_hour() -> None:
    waits = [wait_s(attempts, 0) for attempts in range(1, 15)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[9:] == [2560, *[WAIT_S_MAX] * 4]
    assert wait_s(10**9, 0) == WAIT_S_MAX


@pytest.mark.parametrize("chance", [0, 0.25, 0.999])
def test_chance_takes_up_to_half_of_it_away(chance: float) -> None:
    for attempts in range(1, 20):
        assert (
            wait_s(attempts, 1)
            == wait_s(attempts, 0) / 2
            <= wait_s(attempts, chance)
            <= wait_s(attempts, 0)
        )


def test_a_listener_that_is_dead_for_a_day_is_tried_a_few_dozen_times() -> None:
    for chance, attempts_max in ((0, 34), (1, 60)):
        waited, attempts = 0.0, 0
        while waited < TRY_S_MAX:
            attempts += 1
            waited += wait_s(attempts, chance)
        assert attempts <= attempts_max


def test_a_loop_that_fails_waits_twice_as_long_each_time_up_to_a_quarter_of_a_minute() -> None:
    waits = [loop_wait_s(failures) for failures in range(1, 8)]
    assert waits == [1, 2, 4, 8, *[LOOP_WAIT_S_MAX] * 3]
    assert loop_wait_s(10**9) == LOOP_WAIT_S_MAX == 15

"""Retries: how long to wait after a failure, and for how long to go on trying."""

from __future__ import annotations

from tallystick.core.moments import SECONDS_A_DAY

FIRST_WAIT_S = 5.0
WAIT_S_MAX = 3600.0
TRY_S_MAX = SECONDS_A_DAY
LOOP_FIRST_WAIT_S = 1.0
LOOP_WAIT_S_MAX = 15.0
DOUBLINGS_MAX = 10  # the next one would be beyond the longest wait


def wait_s(attempts: int, chance: float) -> float:
    """How long a delivery waits after so many failed attempts, from 1 on.

    The wait doubles with each attempt, up to an hour. `chance`, from 0 to 1, takes up to half of it
    away, so that what failed together is not tried together again.
    """
    whole = _doubled(FIRST_WAIT_S, attempts, WAIT_S_MAX)
    return whole * (1 - chance / 2)


def loop_wait_s(failures: int) -> float:
    """How long a background loop waits after so many failures in a row, from 1 on.

    The wait doubles with each failure, up to a quarter of a minute: a loop is to be back soon after
    the cause of its failures is gone.
    """
    return _doubled(LOOP_FIRST_WAIT_S, failures, LOOP_WAIT_S_MAX)


def _doubled(first_s: float, times: int, longest_s: float) -> float:
    doublings = min(times - 1, DOUBLINGS_MAX)
    return min(first_s * (1 << doublings), longest_s)

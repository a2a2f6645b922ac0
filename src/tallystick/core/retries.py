"""Retries: how long to wait after a failure, and for how long to go on trying."""

from __future__ import annotations

FIRST_WAIT_S = 5.0
WAIT_S_MAX = 3600.0
DOUBLINGS_MAX = 10  # the next one would be beyond the longest wait
TRY_S_MAX = 24 * 60 * 60


def wait_s(attempts: int, chance: float) -> float:
    """Say how long to wait after so many failed attempts: twice as long each time, up to an hour.

    `attempts` counts from 1.
    `chance`, from 0 to 1, takes up to half of it away, so that what failed together is not tried
    together again.
    """
    whole = min(FIRST_WAIT_S * (1 << min(attempts - 1, DOUBLINGS_MAX)), WAIT_S_MAX)
    return whole * (1 - chance / 2)

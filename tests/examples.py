"""How many examples the dearest properties are tried with, each of which fills a store.

`TALLYSTICK_TEST_EXAMPLES=10` tries ten times as many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("TALLYSTICK_TEST_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """So many examples in each run of the tests; every run tries others."""
    return settings(
        max_examples=count * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

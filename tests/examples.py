"""How many examples the properties of the store are tried with, each of which fills a store.

`TALLYSTICK_TEST_EXAMPLES=10` tries ten times as many. On a cluster, where a store takes some ten
times as long to fill and to empty, `make test-citus` tries a tenth (`EXAMPLES=1` tries all).
"""

from __future__ import annotations

import os

from hypothesis import settings

TIMES = float(os.environ.get("TALLYSTICK_TEST_EXAMPLES", "1"))
COUNT_DEFAULT = 100


def examples(count: int = COUNT_DEFAULT) -> settings:
    """So many examples in each run of the tests; every run tries others."""
    return settings(max_examples=times(count))


def times(count: int) -> int:
    """So many rounds of anything that the same setting multiplies."""
    return max(1, round(count * TIMES))

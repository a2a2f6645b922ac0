"""How often the collector looks at what a process has made."""

from __future__ import annotations

import gc

from tallystick.memory import collect_rarely

FACTS = 30_000


def _looks() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_a_large_call_is_taken_in_without_the_collector_looking() -> None:
    before = gc.get_threshold()
    try:
        collect_rarely()
        gc.collect()
        looks = _looks()
        made = [[number] for number in range(FACTS)]
        assert (len(made), _looks()) == (FACTS, looks)
    finally:
        gc.set_threshold(*before)

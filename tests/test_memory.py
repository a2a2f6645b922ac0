"""How often the collector looks at what a process has made, and what memory threads share."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tallystick.memory import collect_rarely, not_collecting, share_arenas

FACTS = 30_000
DEADLINE_S = 10


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


def _fail_in_a_block_within_a_block() -> None:
    with not_collecting(), not_collecting():
        assert not gc.isenabled()
        raise LookupError


def test_the_collector_looks_again_behind_a_block_that_fails() -> None:
    with pytest.raises(LookupError):
        _fail_in_a_block_within_a_block()
    assert gc.isenabled()


def test_the_end_of_a_block_within_another_leaves_the_outer_one_alone() -> None:
    with not_collecting():
        with not_collecting():
            pass
        assert not gc.isenabled()


def test_of_two_threads_the_one_that_came_first_has_the_collector_look_again() -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def come_second() -> bool:
        with not_collecting():
            has_begun.set()
            assert may_end.wait(DEADLINE_S)
        return gc.isenabled()

    with ThreadPoolExecutor(1) as second:
        with not_collecting():
            left = second.submit(come_second)
            assert has_begun.wait(DEADLINE_S)
            assert not gc.isenabled()
        assert gc.isenabled()
        may_end.set()
        assert left.result(DEADLINE_S)


LOOKS_AT_ITS_END = """
import atexit, gc
from tallystick.memory import collect_rarely
atexit.register(lambda: print(len(gc.get_objects())))
collect_rarely()
kept = [[number] for number in range(1000)]
"""


def test_a_process_leaves_nothing_to_be_looked_through_at_its_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOOKS_AT_ITS_END], check=True, capture_output=True, text=True
    )
    assert int(ended.stdout) < 1000, ended


def test_whoever_says_how_many_arenas_there_are_has_as_many() -> None:
    environ = {"MALLOC_ARENA_MAX": "8"}
    share_arenas(environ)
    assert environ == {"MALLOC_ARENA_MAX": "8"}

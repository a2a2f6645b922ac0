"""How often the collector looks at what a process has made, and what memory it keeps."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tallystick.memory import ALLOCATOR, collect_rarely, hold_less_memory, not_collecting

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


LARGE_BLOCKS = """
import os
from pathlib import Path

def own_mib():
    _, resident, shared, *_ = Path("/proc/self/statm").read_text("ascii").split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") >> 20

before, kept = own_mib(), []
for _ in range(4):
    block = bytearray(b"x") * (20 << 20)
    kept.append([bytes(500) for _ in range(1000)])
    del block
print(own_mib() - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="of the GNU C library"
)
def test_a_large_block_goes_back_to_the_system_each_time_that_one_is_needed() -> None:
    environ = dict(os.environ)
    hold_less_memory(environ)
    measured = subprocess.run(
        [sys.executable, "-c", LARGE_BLOCKS], env=environ, check=True, stdout=subprocess.PIPE
    )
    assert int(measured.stdout) < 10, measured


def test_whoever_sets_how_memory_is_taken_has_it_so() -> None:
    environ = dict.fromkeys(ALLOCATOR, "8")
    hold_less_memory(environ)
    assert set(environ.values()) == {"8"}

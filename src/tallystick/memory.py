"""How a process uses memory: Python's collector, and the allocator of the C library."""

from __future__ import annotations

import atexit
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

# The collector looks once so many more objects were made than are gone. With Python's default, 700,
# a call of ten thousand facts spends a seventh of its time on that, and an import a fifteenth.
OBJECTS_A_COLLECTION = 50_000
MEBIBYTE = 1 << 20
# How the GNU C library takes and gives back memory (mallopt(3)); decision 0054.
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 * MEBIBYTE),
    "MALLOC_TRIM_THRESHOLD_": str(8 * MEBIBYTE),
}


def collect_rarely() -> None:
    """Have this process look rarely for objects that refer to each other in a circle.

    All other objects go at once, as ever.

    At its end it does not look: what is left goes with the process.
    """
    gc.set_threshold(OBJECTS_A_COLLECTION)
    atexit.register(gc.freeze)


@contextmanager
def not_collecting() -> Iterator[None]:
    """Have this process not look for objects that refer to each other in a circle.

    That holds within the block, which is to make no such objects.

    Where several threads are in such blocks, the process looks again once the one that came first
    has left.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def hold_less_memory(environ: MutableMapping[str, str]) -> None:
    """Have processes that are started with this environment keep little unused memory.

    By itself, the GNU C library gives up to eight arenas to each core, one to a thread, and what a
    thread has let go of waits there for it alone: a worker with sixteen threads grew by a megabyte
    a minute for as long as it was looked at. And a large block goes back to the system at once only
    the first time: the next one as large is cut out of an arena, which stays so large when small
    blocks come to lie behind it. The check of a password takes such a block, of 19 MiB.

    Variables that are set already stay.
    """
    for name, value in ALLOCATOR.items():
        environ.setdefault(name, value)

"""How a process uses memory: Python's collector, and the arenas of the C library."""

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
ARENAS_MAX = "2"


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


def share_arenas(environ: MutableMapping[str, str]) -> None:
    """Have processes that are started with this environment take memory from few arenas.

    By itself the GNU C library gives up to eight to each core, one to a thread, and what a thread
    has let go of waits there for it alone: a worker with sixteen threads grew by a megabyte a
    minute for as long as it was looked at. Where the variable is set already, it stays.
    """
    environ.setdefault("MALLOC_ARENA_MAX", ARENAS_MAX)

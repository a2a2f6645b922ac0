"""How often Python looks for objects that nothing but each other refers to."""

from __future__ import annotations

import gc

# The collector looks once so many more objects were made than are gone. With Python's default, 700,
# a call of ten thousand facts spends a seventh of its time on that, and an import a fifteenth.
OBJECTS_A_COLLECTION = 50_000


def collect_rarely() -> None:
    """Have this process look for them rarely; all others go at once, as ever."""
    gc.set_threshold(OBJECTS_A_COLLECTION)

"""Work one step ahead: an iterator that runs in a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made while the one before it is in use. Errors come out where they would have."""
    nothing = object()
    with ThreadPoolExecutor(1, "ahead") as worker:
        coming = worker.submit(next, items, nothing)
        while (item := coming.result()) is not nothing:
            coming = worker.submit(next, items, nothing)
            yield item  # type: ignore[misc] # what is not `nothing` is an item

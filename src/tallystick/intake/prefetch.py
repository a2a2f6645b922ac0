"""Work ahead of where it is needed, in threads beside."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """The items of an iterator, each made while those some steps before it are in use.

    Errors come out where they would have. Use it in a `with` block, which ends its thread.
    """

    def __init__(self, items: Iterator[Item], steps: int = 1) -> None:
        self._items = items
        self._worker = ThreadPoolExecutor(1, "ahead")
        self._coming = deque(self._worker.submit(self._next) for _ in range(steps))

    def _next(self) -> tuple[Item] | None:
        for item in self._items:
            return (item,)
        return None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        item = self._coming.popleft().result()
        self._coming.append(self._worker.submit(self._next))
        if item is None:
            raise StopIteration
        return item[0]

    def is_ready(self) -> bool:
        """Whether the next item is there, or known not to come: nobody has to wait for it."""
        return self._coming[0].done()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(cancel_futures=True)


class Belt(Generic[Item]):
    """Items on their way from one thread to another, no more than a few at a time."""

    def __init__(self, items_max: int) -> None:
        self._items_max = items_max
        self._items: deque[Item] = deque()
        self._is_over = False
        self._changed = threading.Condition()

    @classmethod
    def of(cls, items: Sequence[Item]) -> Self:
        """A belt with these items, which are all."""
        belt = cls(len(items))
        belt._items.extend(items)
        belt._is_over = True
        return belt

    def put(self, item: Item) -> bool:
        """Wait until there is room, and add an item; give whether anybody takes it."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or len(self._items) < self._items_max)
            if not self._is_over:
                self._items.append(item)
            self._changed.notify_all()
            return not self._is_over

    def end(self) -> None:
        """No more items come."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def drop(self) -> None:
        """No more items come, and nobody takes those that are there."""
        with self._changed:
            self._items.clear()
        self.end()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._items)
            if not self._items:
                raise StopIteration
            self._changed.notify_all()
            return self._items.popleft()

    def is_ready(self) -> bool:
        """Whether the next item is there, or known not to come: nobody has to wait for it."""
        return self._is_over or bool(self._items)


def in_parallel(works: Iterable[Callable[[], Item]], at_once: int) -> Iterator[Item]:
    """The results of some works in their order, several worked at while one is in use."""
    with ThreadPoolExecutor(at_once, "beside") as workers:
        coming: deque[Future[Item]] = deque()
        for work in works:
            coming.append(workers.submit(work))
            if len(coming) > at_once:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()

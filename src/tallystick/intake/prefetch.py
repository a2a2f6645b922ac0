"""Work ahead of where it is needed, in threads beside."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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

"""What a store's questions and changes are put to: an engine's connection."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tallystick.core.errors import OutcomeUnknown, StoreMissing, StoreOutdated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import polars as pl

Value = TypeVar("Value")

ROWS_JOINED = 1000
TURN_WAIT_S_MAX = 30.0
"""So long a writer waits for its turn, however many others wait and whoever has it."""


def joined(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Rows as they go over the wire, many at a time with commas between."""
    while value := b",".join(islice(rows, ROWS_JOINED)):
        yield value


def unknown_outcome(store: str, cause: str) -> OutcomeUnknown:
    """What is raised where a store failed after it was told to commit and before it said so."""
    message = (
        f"{store}: failed while it committed ({cause}); whether the change holds is not known:"
        " look, or repeat the call with the same Idempotency-Key"
    )
    return OutcomeUnknown(message)


def require_schema(store: str, have: int | None, want: int) -> None:
    """Hold a store to the schema that this program has; None is a store that is not there.

    Raises `StoreMissing` or `StoreOutdated`.
    """
    if have is None:
        message = f"{store}: there is no store; make one with `tallystick init`"
        raise StoreMissing(message)
    if have != want:
        what = (
            "is older than this program; run `tallystick init`"
            if have < want
            else "needs a newer Tallystick"
        )
        message = f"{store}: the store's schema ({have}) {what}"
        raise StoreOutdated(message)


class Attempt:
    """What is done within a savepoint: part of a transaction that may be undone alone."""

    kept = False

    def keep(self) -> None:
        """Do not undo it."""
        self.kept = True


class Connection(Protocol):
    """What the store needs of an engine's connection."""

    @property
    def sees_one_moment(self) -> bool:
        """Whether a snapshot is of one moment.

        Machines of a cluster make a commit visible one after the other.
        """

    def asks_ranges_for(self, sims: int) -> bool:
        """Whether a question about a range of SIMs may stand for one about so many of them.

        On a cluster it is put to all machines.
        """

    def reaches_all(self) -> bool:
        """Whether every SIM can be asked for: no machine that has some was away a moment ago."""

    def change_sims(self, iccids: Collection[int]) -> None:
        """This transaction changes what is kept of these SIMs, which it may not have said before.

        Raises `StoreBusy` on a cluster, where it is too late for that.
        """

    def set_of(self, values: Iterable[int] | Iterable[str]) -> object:
        """Integers, or texts, as one parameter."""

    def rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a named query, no more of them than memory holds."""

    def stream(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a named query, however many, as they are asked for."""

    def joined(self, query: str, **parameters: object) -> Iterator[bytes]:
        """Rows of a query of one column of bytes, many at a time with commas between."""

    def row(self, query: str, **parameters: object) -> tuple[Any, ...] | None:
        """First row of a named query."""

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Rows of a named query of integers, none of them null, as columns."""

    def run(self, query: str, **parameters: object) -> int:
        """Run a named statement; rows changed."""

    def run_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a named statement for all rows; rows changed."""

    def rows_of_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What a named statement returns, run for some rows, few enough for one statement."""

    def run_frame(self, query: str, frame: pl.DataFrame) -> int:
        """Run a named statement for all rows of a frame; rows changed."""

    def attempt(self) -> AbstractContextManager[Attempt]:
        """Part of a transaction that is undone at the end of the block unless it is kept."""


class Asking:
    """Questions to one connection; each module of topics adds its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reaches_all(self) -> bool:
        """Whether every SIM can be asked for: no machine that has some was away a moment ago."""
        return self._connection.reaches_all()

    def asks_ranges_for(self, sims: int) -> bool:
        """Whether a question about a range of SIMs may stand for one about so many of them."""
        return self._connection.asks_ranges_for(sims)

    def _numbers(self, query: str, **parameters: object) -> list[int]:
        return [number for (number,) in self._connection.rows(query, **parameters)]

    def _value(
        self, kind: Callable[[Any], Value], query: str, **parameters: object
    ) -> Value | None:
        row = self._connection.row(query, **parameters)
        return None if row is None or row[0] is None else kind(row[0])

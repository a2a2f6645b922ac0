"""How far a file has come on its way into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.intake.receipt import Reject


def tell_nobody(_: object) -> None:
    """Report to nobody."""


class Progress(NamedTuple):
    """How far a file has come: the share of its work that is done, and how many facts are taken.

    `share` is of 1; None where it is not known.
    """

    share: float | None
    facts: int


class Listeners(NamedTuple):
    """Who hears of a file while it is read: how far it has come, its columns, and each reject."""

    on_progress: Callable[[Progress], None] = tell_nobody
    on_columns: Callable[[tuple[str, ...]], None] = tell_nobody
    on_reject: Callable[[Reject], None] = tell_nobody


NOBODY = Listeners()


class Work:
    """How far one file has come, told at every step of it.

    Each pass over the file counts as much as applying its facts. How many facts there are is known
    in the end only: until then, it is taken that the rest of the file has as many as the part that
    is read.
    """

    def __init__(self, tell: Callable[[Progress], None], passes: int) -> None:
        self._tell = tell
        self._parts = passes + 1
        self._parts_done = 0
        self._read: float | None = 0.0
        self._facts_read = self._facts_taken = 0

    def begin_again(self) -> None:
        """The file has been read whole, and is read once more."""
        self._parts_done += 1
        self._facts_read = 0

    def read(self, share: float | None, facts: int) -> None:
        """So much of the file is read by now, with so many facts in the last part of it."""
        self._read = share
        self._facts_read += facts
        self._say()

    def taken(self, facts: int) -> None:
        """So many facts are taken by now."""
        self._facts_taken = facts
        self._say()

    def done(self) -> None:
        """All of it."""
        self._tell(Progress(1.0, self._facts_taken))

    def _say(self) -> None:
        share = self._read
        if share is not None:
            applied = self._facts_taken / max(self._facts_read, 1)
            share = (self._parts_done + share * (1 + applied)) / self._parts
        self._tell(Progress(share, self._facts_taken))

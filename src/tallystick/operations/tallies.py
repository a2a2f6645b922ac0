"""What the workers of a server count, summed up over all of them.

Each worker counts in memory. Once a second it writes its counts to a file of its own, in a folder
that only this server has; whoever is asked adds the files of the others to its own counts. The
files of workers that have ended stay until a new worker takes their counts over, so that sums do
not fall. What a worker has counted since it last wrote is lost if it is killed.
"""

from __future__ import annotations

import logging
import os
import secrets
from bisect import bisect_left
from collections import deque
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SAVE_EVERY_S = 1.0
NOTED_MAX = 100_000
"""So many answered calls wait to be counted at most: what a worker answers in most of a minute."""
SECONDS_BOUNDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    60.0,
)
INTAKE_FACTS, LAST_FACT = "intake_facts_total", "last_fact_timestamp_seconds"
"""Families that are counted in several places, by name."""
ENDING, CLAIMED, BEING_WRITTEN = ".json", ".claimed", ".new"

log = logging.getLogger(__name__)


Answered = tuple[str, str, str | int, float]
"""One answered call: its method, the template of its path, its status, and the seconds it took."""


class Latencies(msgspec.Struct, array_like=True):
    """How long calls of one kind took: how many up to each bound, and all seconds together."""

    counts: list[int]
    seconds: float

    def add(self, other: Latencies) -> None:
        """Add those of another worker."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


class Counts(msgspec.Struct):
    """What one worker has counted, or several together.

    `latencies` are by method, route and class of status; `totals`, which only grow, and `levels`,
    which are added up over the living workers, by the names of a family and of its labels' values;
    of `latest` the greatest value counts.
    """

    latencies: dict[str, Latencies] = msgspec.field(default_factory=dict)
    totals: dict[str, float] = msgspec.field(default_factory=dict)
    levels: dict[str, float] = msgspec.field(default_factory=dict)
    latest: dict[str, float] = msgspec.field(default_factory=dict)

    def add(self, other: Counts, *, is_living: bool) -> None:
        """Add what another worker has counted."""
        for key, latencies in other.latencies.items():
            self.latencies.setdefault(key, no_latencies()).add(latencies)
        for key, value in other.totals.items():
            self.totals[key] = self.totals.get(key, 0) + value
        for key, value in other.latest.items():
            self.latest[key] = max(self.latest.get(key, value), value)
        for key, value in other.levels.items() if is_living else ():
            self.levels[key] = self.levels.get(key, 0) + value


class BroughtByCalls(NamedTuple):
    """What calls and uploads have brought since the server started.

    `last_at` is the moment of the last new fact, None until the first; `facts` are counts by kind
    and by outcome: accepted, duplicate or rejected.
    """

    last_at: Moment | None
    facts: dict[str, dict[str, int]]


def brought_by_calls(counts: Counts) -> BroughtByCalls:
    """What the counts of all workers say of that."""
    facts: dict[str, dict[str, int]] = {}
    for key, count in sorted(counts.totals.items()):
        family, *labels = names_of(key)
        if family == INTAKE_FACTS:
            kind, outcome = labels
            facts.setdefault(kind, {})[outcome] = int(count)
    seconds = counts.latest.get(LAST_FACT)
    return BroughtByCalls(
        None if seconds is None else Moment(round(seconds * MICROSECONDS_A_SECOND)), facts
    )


def no_latencies() -> Latencies:
    """Of no calls."""
    return Latencies([0] * (len(SECONDS_BOUNDS) + 1), 0.0)


def key_of(*names: str) -> str:
    """Names as one key, which JSON takes; `names_of` gives them back."""
    return "\t".join(names)


def names_of(key: str) -> list[str]:
    """The names in a key."""
    return key.split("\t")


class Tallies:
    """The counts of one worker, and of all workers of its server.

    `counted` gives what parts of the worker count by themselves. Without a folder the worker is
    alone.
    """

    def __init__(self, counted: Callable[[], Counts], folder: Path | None = None) -> None:
        self._counted = counted
        self._folder = folder
        self._noted: deque[Answered] = deque(maxlen=NOTED_MAX)
        self.note = self._noted.append
        """Note an answered call. It takes no lock, and is counted later."""
        self._latencies: dict[str, Latencies] = {}
        self._totals: dict[str, float] = {}
        self._counting = Lock()
        self._saved = b""
        self._file = folder and folder / f"{os.getpid()}-{secrets.token_hex(4)}{ENDING}"
        self._before = Counts()

    def count(self, key: str) -> None:
        """Count one more of something that happens rarely."""
        with self._counting:
            self._totals[key] = self._totals.get(key, 0) + 1

    def own(self) -> Counts:
        """What this worker has counted, and what it has taken over from others that have ended."""
        with self._counting:
            while self._noted:
                self._add(self._noted.popleft())
            counts = self._counted()
            counts.levels[key_of("workers")] = 1
            counts.totals |= self._totals
            counts.latencies = {
                key: Latencies(list(each.counts), each.seconds)
                for key, each in self._latencies.items()
            }
        counts.add(self._before, is_living=False)
        return counts

    def all(self) -> Counts:
        """What all workers have counted."""
        counts = self.own()
        for path in self._files():
            with suppress(FileNotFoundError):  # its worker has just been taken over by another
                counts.add(_read(path), is_living=_is_living(path))
        return counts

    def save(self) -> bool:
        """Count what is noted, and write the counts where they have changed; the work of a loop.

        Without a folder they are only counted, so that notes do not gather. Gives False.
        """
        counts = self.own()
        if self._file is None:
            return False
        text = msgspec.json.encode(counts)
        if text != self._saved:
            being_written = self._file.with_suffix(BEING_WRITTEN)
            try:
                being_written.write_bytes(text)
                being_written.replace(self._file)
            except OSError as error:  # a server without metrics serves all the same
                log.warning("metrics of this worker cannot be shared: %s", error)
            self._saved = text
        return False

    def take_over(self) -> None:
        """Take the counts of workers that have ended for this one's, so that files do not gather.

        Only one worker takes over each: the one that renames its file.
        """
        for path in self._files():
            if _is_living(path):
                continue
            claimed = path.with_suffix(CLAIMED)
            with suppress(FileNotFoundError):  # another worker was faster
                path.rename(claimed)
                self._before.add(_read(claimed), is_living=False)
                self.save()
                claimed.unlink()

    def _files(self) -> Iterable[Path]:
        """The files of the other workers."""
        if self._folder is None:
            return []
        return [path for path in self._folder.glob(f"*{ENDING}") if path != self._file]

    def _add(self, answered: Answered) -> None:
        method, route, status, seconds = answered
        key = key_of(method, route, f"{str(status)[0]}xx")
        latencies = self._latencies.get(key)
        if latencies is None:
            latencies = self._latencies.setdefault(key, no_latencies())
        latencies.counts[bisect_left(SECONDS_BOUNDS, seconds)] += 1
        latencies.seconds += seconds


def _read(path: Path) -> Counts:
    return msgspec.json.decode(path.read_bytes(), type=Counts)


def _is_living(path: Path) -> bool:
    """Whether the worker lives that a file is of."""
    try:
        os.kill(int(path.name.partition("-")[0]), 0)
    except (ProcessLookupError, PermissionError):  # none, or by now somebody else's
        return False
    return True

"""The audit: its records listed, proved, exported and pruned, and what is noted for it in passing.

An act that changes the store is recorded by the transaction that changes it (`store/acting.py`).
What changes nothing is noted here and written by a loop within a second: refusals and failed
logins, of which a stranger may cause any number, and exports, which must not wait for whoever is
writing. Repeated ones of one actor and address become one record every ten minutes, with a count.
"""

from __future__ import annotations

import os
import pwd
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.acts import (
    DONE,
    PRUNED,
    Act,
    Entry,
    Link,
    Misfit,
    Via,
    first_misfit,
)
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.moments import MICROSECONDS_A_DAY, Moment
from tallystick.store.acting import acting
from tallystick.store.audit import AuditFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tallystick.background import Loops
    from tallystick.core.acts import AuditRecord
    from tallystick.store import Store

SAVE_NOTES_WITHIN_S = 1.0
BURST_S = 600.0
"""What is repeated within so many seconds of its last record is counted for the next one."""
BURSTS_MAX = 1_000
"""Pairs of actor and address that are told apart at a time; what is beyond them is one burst."""
NOTES_AT_ONCE = 1_000
NOTE_EVERY_S = 10.0
"""A worker may write so many records of notes at once, and one more after each so many seconds."""
PRUNED_AT_ONCE = 10_000
"""Records that one transaction removes at most."""
PRUNE_EVERY_S = 6 * 60 * 60.0
SETTINGS_WAIT_S_MAX = 2.0
"""So long the start of a server waits for its turn to record its settings."""
SETTINGS = "settings"
"""The act of starting a server with other settings than the last one had."""


def users_name() -> str:
    """The operating system's user, as the system says and no variable of the environment."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a user without a name, as containers have them
        return str(number)


class Verified(NamedTuple):
    """What a walk along the whole chain has shown; `oldest` is 0 of a chain without records."""

    oldest: int
    head: Link
    misfit: Misfit | None


class Kind(NamedTuple):
    """What is alike about the notes of one burst."""

    action: str
    outcome: str
    actor: str = ""
    address: str = ""
    subject: str = ""


@dataclass
class Burst:
    """Notes of one kind: the first one that is not written yet, and how many there are."""

    act: Act
    count: int
    due_s: float


class Due(NamedTuple):
    """A record to be written, and how many notes of which kind it stands for."""

    kind: Kind
    notes: int
    entry: Entry


class Allowance:
    """How many records of notes may be written: so many at once, and then a steady few."""

    def __init__(self, now_s: float) -> None:
        self._left = float(NOTES_AT_ONCE)
        self._looked_at_s = now_s

    def take(self, now_s: float) -> bool:
        """Take one, if there is one left."""
        earned = (now_s - self._looked_at_s) / NOTE_EVERY_S
        self._left = min(float(NOTES_AT_ONCE), self._left + earned)
        self._looked_at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Notes:
    """What waits to be written, a burst for each kind, within bounds of memory and of disk.

    `timer` gives seconds and never goes back.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._bursts: dict[Kind, Burst] = {}
        self._pause_s = BURST_S
        self._allowance = Allowance(timer())

    def add(self, act: Act, outcome: str) -> None:
        """Note an act that has ended like this."""
        subject = act.subject if outcome == DONE else ""
        kind = Kind(act.action, outcome, act.actor, act.address, subject)
        with self._lock:
            if kind not in self._bursts and len(self._bursts) >= BURSTS_MAX:
                kind, act = _everybodys(kind), _without_name(act)
            self._count(kind, act, 1)

    def _count(self, kind: Kind, act: Act, count: int) -> None:
        burst = self._bursts.get(kind)
        if burst is None:
            self._bursts[kind] = Burst(act, count, self._timer())
            return
        if not burst.count:
            burst.act = act
        burst.count += count

    def hurry(self) -> None:
        """Have all that waits or comes written with the next records."""
        now_s = self._timer()
        with self._lock:
            self._pause_s = 0.0  # also for bursts of which a part is being written now
            for burst in self._bursts.values():
                burst.due_s = min(burst.due_s, now_s)

    def due(self) -> list[Due]:
        """What is to be written now: a record for each burst whose time has come.

        Bursts beyond the allowance become one burst of anybody's.
        """
        now_s = self._timer()
        with self._lock:
            for kind in [kind for kind, burst in self._bursts.items() if burst.due_s <= now_s]:
                self._join_beyond_allowance(kind, now_s)
            return [
                Due(kind, burst.count, _entry(burst, kind.outcome))
                for kind, burst in self._bursts.items()
                if burst.due_s <= now_s
            ]

    def _join_beyond_allowance(self, kind: Kind, now_s: float) -> None:
        """Forget a burst that has ended, and put one that may not be written with the others."""
        burst = self._bursts[kind]
        everybodys = _everybodys(kind)
        if not burst.count:
            del self._bursts[kind]
        elif kind != everybodys and not self._allowance.take(now_s):
            del self._bursts[kind]
            self._count(everybodys, _without_name(burst.act), burst.count)

    def written(self, written: list[Due]) -> None:
        """Count anew what was written; what came meanwhile waits for the next record."""
        with self._lock:
            due_s = self._timer() + self._pause_s
            for kind, notes, _ in written:
                self._bursts[kind].count -= notes
                self._bursts[kind].due_s = due_s


def _everybodys(kind: Kind) -> Kind:
    """The kind of notes that are told apart no further than by what was done and how it ended."""
    return Kind(kind.action, kind.outcome)


def _without_name(act: Act) -> Act:
    return Act(act.at, act.via, act.action)


def _entry(burst: Burst, outcome: str) -> Entry:
    more = {"count": burst.count} if burst.count > 1 else {}
    return burst.act.entry(outcome, **more)


class AuditTrail:
    """The audit of one store."""

    def __init__(self, store: Store, clock: Callable[[], Moment], loops: Loops) -> None:
        self._store = store
        self._of_loops = store.without_places()
        self._clock = clock
        self._notes = Notes(loops.now)
        self._loop = loops.loop("notes for the audit", self._save_notes, SAVE_NOTES_WITHIN_S)

    def note(self, act: Act, outcome: str) -> None:
        """Have an act that no transaction records written down within a second or so."""
        act.is_noted = True
        self._notes.add(act, outcome)
        self._loop.start()

    def close(self) -> None:
        """Write what is noted and not written yet, and write no more after it."""
        self._notes.hurry()
        self._loop.finish()

    def _save_notes(self) -> bool:
        due = self._notes.due()
        if due:
            with self._of_loops.transaction() as writer:
                writer.append_to_audit(entry for _, _, entry in due)
            self._notes.written(due)
        return False

    def add(self, act: Act, outcome: str) -> None:
        """Record an act now, in a transaction of its own."""
        with acting(None), self._store.transaction() as writer:
            writer.append_to_audit([act.entry(outcome)])

    def record_settings(self, changed: Mapping[str, str]) -> None:
        """Record the settings that a server starts with, if the last start had others.

        Raises `StoreRefused`, soon where others are writing: the server is to start all the same.
        """
        act = Act(self._clock(), Via.SERVER, SETTINGS, users_name(), details=dict(changed))
        entry = act.entry(DONE)
        with acting(None), self._store.transaction(SETTINGS_WAIT_S_MAX) as writer:
            last = writer.audit_page(AuditFilter(BEHIND_ALL, action=SETTINGS), 1)
            if not last or last[0].entry.details != entry.details:
                writer.append_to_audit([entry])

    def page(self, asked: AuditFilter, at_most: int) -> list[AuditRecord]:
        """The records that are asked for, the last first."""
        with self._store.snapshot() as reader:
            return reader.audit_page(asked, at_most)

    def records(self) -> Iterator[AuditRecord]:
        """Every record, the oldest first, from one snapshot."""
        with self._store.snapshot() as reader:
            yield from reader.audit_records()

    def verify(self, known: Link | None = None) -> Verified:
        """Walk along the whole chain; `known` is a record that somebody noted elsewhere."""
        with self._store.snapshot() as reader:
            anchor, head = reader.audit_anchor(), reader.audit_head()
            misfit = first_misfit(reader.audit_records(), anchor, head, known)
        oldest = anchor.number + 1 if head.number else 0
        return Verified(oldest, head, misfit)

    def oldest(self) -> int:
        """The number of the oldest record there is, or will be where there is none yet."""
        with self._store.snapshot() as reader:
            return reader.audit_anchor().number + 1

    def prune(self, kept_days: int, via: Via = Via.SERVER, actor: str = "") -> bool:
        """Remove records from more than so many days ago, some at a time; 0 keeps all for good.

        The record of that is the chain's new anchor: it names the last record that was removed,
        with its digest. Give whether there may be more to be removed.
        """
        if not kept_days:
            return False
        now = self._clock()
        before = Moment(now - kept_days * MICROSECONDS_A_DAY)
        with acting(None), self._of_loops.transaction() as writer:
            anchor = writer.prunable_audit(before, PRUNED_AT_ONCE)
            if anchor is None:
                return False
            removed = writer.remove_audit_up_to(anchor.number)
            details = {"records": removed, "up_to": anchor.number, "digest": anchor.digest.hex()}
            act = Act(now, via, PRUNED, actor, details=details)
            writer.append_to_audit([act.entry(DONE)])
        return removed == PRUNED_AT_ONCE

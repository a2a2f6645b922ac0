"""Facts from calls that come at the same time, committed together.

Every call waits until its facts are durable. A commit costs about the same however many facts are
in it, so one thread takes whatever is waiting into one transaction and answers all of its calls at
once: many small senders do not queue behind each other's disk.

Where a common transaction fails in a way that nobody foresaw, its calls are taken in one by one, so
that only the one at fault is answered with an error.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tallystick.background import Loops, Raised, attempted
from tallystick.core.errors import IntakeBusy, KeyReused, Refusal, StoreBusy
from tallystick.core.ledger import UNKNOWN_ORIGIN
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.intake.doubt_kinds import NO_DOUBTS, Doubts
from tallystick.intake.doubts import all_are_loaded, doubts_of_facts, doubts_of_store
from tallystick.intake.kinds import Kind, shortlisted_batch
from tallystick.intake.receipt import Receipt
from tallystick.store import TURN_WAIT_S_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.intake.receipt import Reject
    from tallystick.store import Batch, Facts, Store, Taken, Writer

WAITING_CALLS_MAX = 128  # each of them has a thread of the server wait
WAITING_FACTS_MAX = 100_000  # taken calls wait in memory: past this a call is turned away whole
COMMIT_FACTS_MAX = 20_000  # facts in one transaction, so that other writers get their turn
GATHER_S_MAX = 0.01
GATHER_SHARE_MAX = 0.5  # of the time that the last commit took
KEY_S_MAX = 86_400  # how long an idempotency key is remembered
OUTCOMES = ("accepted", "duplicate", "rejected")
KEY_MICROSECONDS_MAX = KEY_S_MAX * MICROSECONDS_A_SECOND


@dataclass(frozen=True, slots=True)
class Key:
    """What tells a repeated call: digests of its sender's key, and of what it brought."""

    key_sha256: bytes
    facts_sha256: bytes


def idempotency_key(app: str, key: str, kind: Kind, body: bytes) -> Key:
    """The digests of an app's call under a key of its choice."""
    return Key(
        hashlib.sha256(f"{app}\n{key}".encode()).digest(),
        hashlib.sha256(kind.name.encode() + b"\n" + body).digest(),
    )


class Waiting:
    """One call on its way; the lock is free once it is answered."""

    __slots__ = (
        "_answered",
        "answer",
        "batch",
        "began",
        "counts",
        "doubts",
        "key",
        "kind",
        "rejects",
    )

    def __init__(
        self, kind: Kind, batch: Batch, rejects: Sequence[Reject], key: Key | None, began: float
    ) -> None:
        self.kind = kind
        self.batch = batch
        self.rejects = rejects
        self.doubts = NO_DOUBTS
        self.key = key
        self.began = began
        self.counts: tuple[int, int, int] | None = None
        """Facts accepted, there already and refused; None of a call that only gets its receipt."""
        self.answer: bytes | BaseException = b""
        self._answered = threading.Lock()
        self._answered.acquire()

    def set(self, answer: bytes | BaseException) -> None:
        """Answer it."""
        self.answer = answer
        self._answered.release()

    def wait(self) -> bytes:
        """The answer, when it is there."""
        with self._answered:
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer


class Brought(NamedTuple):
    """What calls have brought since this process began: facts by kind and outcome.

    `last_at` is the moment at which a new fact came last, None before that.
    """

    facts: dict[tuple[str, str], int]
    last_at: Moment | None


class LiveIntake:
    """The one door through which a process's calls bring facts in."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        timer: Callable[[], float],
        loops: Loops | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._timer = timer
        self._waiting: deque[Waiting] = deque()
        self._waiting_facts = 0
        self._queue = threading.Lock()
        self._closed = False
        self._gathered = threading.Event()
        self._expected = 1
        self._commit_s = 0.0
        self._keys_forgotten_at = 0
        self._brought: dict[tuple[str, str], int] = {}
        self._brought_at: Moment | None = None
        own_loops = loops or Loops()
        self._loop = own_loops.loop("live intake", self._take_waiting, None)
        self._commits = own_loops.health("commits of live intake")

    def take(
        self,
        kind: Kind,
        facts: Facts,
        rejects: Sequence[Reject],
        key: Key | None,
        origin: Origin = UNKNOWN_ORIGIN,
        doubts: Doubts = NO_DOUBTS,
    ) -> bytes:
        """Take checked facts in, as `put` does; give the receipt once they are durable."""
        return self.put(kind, facts, rejects, key, origin, doubts).wait()

    def put(
        self,
        kind: Kind,
        facts: Facts,
        rejects: Sequence[Reject],
        key: Key | None,
        origin: Origin = UNKNOWN_ORIGIN,
        doubts: Doubts = NO_DOUBTS,
    ) -> Waiting:
        """Have checked facts taken in; who waits for what this gives has the receipt as JSON.

        Expectations are a change set of this `origin`; `doubts` are those that their texts have
        shown. Raises `IntakeBusy` when too much is waiting. The wait raises `KeyReused` or
        `StoreRefused`; nothing was taken then.
        """
        batch = shortlisted_batch(self._store, kind, facts)._replace(origin=origin)
        call = Waiting(kind, batch, rejects, key, self._timer())
        call.doubts = doubts.and_also(doubts_of_facts(kind, facts, self._clock()))
        with self._queue:
            if self._closed or self._is_full(len(facts)):
                raise IntakeBusy
            self._waiting.append(call)
            self._waiting_facts += len(facts)
            waiting = len(self._waiting)
        if waiting == 1:
            self._loop.start()
            self._loop.wake()
        elif waiting >= self._expected:
            self._gathered.set()
        return call

    def waiting(self) -> tuple[int, int]:
        """How many calls wait to be committed, and how many facts they have."""
        return len(self._waiting), self._waiting_facts

    def brought(self) -> Brought:
        """What calls have brought so far."""
        return Brought(dict(self._brought), self._brought_at)

    def close(self) -> None:
        """Take in what is waiting, and no more."""
        with self._queue:
            self._closed = True
        self._gathered.set()
        self._loop.finish()

    def _is_full(self, facts: int) -> bool:
        """Whether so many more facts are too many; a call that finds nobody waiting never is."""
        if len(self._waiting) >= WAITING_CALLS_MAX:
            return True
        return bool(self._waiting) and self._waiting_facts + facts > WAITING_FACTS_MAX

    def _take_waiting(self) -> bool:
        """Take in those of the waiting calls that fit one transaction; give whether any did."""
        self._gather()
        calls = self._next_calls()
        if not calls:
            return False
        began = self._timer()
        self._answer(calls)
        self._expected = len(calls)
        self._commit_s = self._timer() - began
        return True

    def _gather(self) -> None:
        """Wait a moment for as many calls as were committed together last.

        Callers that were answered together mostly call again together. The first of them would be
        committed alone, and the others wait for that: two commits where one would do.
        """
        self._gathered.clear()
        if self._closed or not 0 < len(self._waiting) < self._expected:
            return
        self._gathered.wait(min(GATHER_S_MAX, self._commit_s * GATHER_SHARE_MAX))

    def _next_calls(self) -> list[Waiting]:
        calls: list[Waiting] = []
        facts = 0
        with self._queue:
            while self._waiting:
                facts += len(self._waiting[0].batch.facts)
                if calls and facts > COMMIT_FACTS_MAX:
                    break
                call = self._waiting.popleft()
                self._waiting_facts -= len(call.batch.facts)
                calls.append(call)
        return calls

    def _answer(self, calls: Sequence[Waiting]) -> None:
        """Commit calls together and answer them; where that fails unforeseen, one by one."""
        # Calls that came while others waited in vain have waited for as long as those.
        wait_s = TURN_WAIT_S_MAX - (self._timer() - calls[0].began)
        is_short = wait_s < TURN_WAIT_S_MAX * 0.95
        answers = attempted(partial(self._commit, calls, max(0.0, wait_s) if is_short else None))
        if not isinstance(answers, Raised):
            self._commits.succeeded()
            self._count(calls)
            for call, answer in zip(calls, answers, strict=True):
                call.set(answer)
            return
        self._commits.failed(answers.error)
        if is_short and isinstance(answers.error, StoreBusy):
            calls = self._without_the_patient(calls)
        if answers.store_is_at_fault or len(calls) == 1:
            for call in calls:
                call.set(answers.error)
            return
        for call in calls:
            self._answer([call])

    def _count(self, calls: Sequence[Waiting]) -> None:
        """Count what committed calls have brought. Only the thread that commits does this."""
        brought = self._brought
        for call in calls:
            if call.counts is None:
                continue
            for outcome, count in zip(OUTCOMES, call.counts, strict=True):
                key = (call.kind.name, outcome)
                if count:
                    brought[key] = brought.get(key, 0) + count
            if call.counts[0]:
                self._brought_at = self._clock()

    def _without_the_patient(self, calls: Sequence[Waiting]) -> list[Waiting]:
        """Those calls whose time is over; the others wait on, before all that came later."""
        now = self._timer()
        patient = [call for call in calls if now - call.began < TURN_WAIT_S_MAX]
        with self._queue:
            self._waiting.extendleft(reversed(patient))
            self._waiting_facts += sum(len(call.batch.facts) for call in patient)
        return [call for call in calls if now - call.began >= TURN_WAIT_S_MAX]

    def _commit(self, calls: Sequence[Waiting], wait_s: float | None) -> list[bytes | Refusal]:
        """Take the calls in, in their order; neighbours of one kind together."""
        answers: list[bytes | Refusal] = []
        with self._store.transaction(wait_s) as writer:
            for (_, has_key), neighbours in groupby(calls, _kind_and_key):
                alike = list(neighbours)
                if has_key:
                    answers += self._take_keyed(writer, alike)
                else:
                    answers += self._take_together(writer, alike)
        return answers

    def _take_together(self, writer: Writer, calls: Sequence[Waiting]) -> Iterator[bytes]:
        """Take calls of one kind in that have no key, and give their receipts."""
        kind, batches = calls[0].kind, [call.batch for call in calls]
        taken = writer.take_all(kind.fact, batches)
        are_loaded = all_are_loaded(writer, kind, [batch.facts for batch in batches])
        for call, taken_of_call in zip(calls, taken, strict=True):
            yield self._receipt(writer, call, taken_of_call, are_loaded=are_loaded)

    def _take_keyed(self, writer: Writer, calls: Sequence[Waiting]) -> Iterator[bytes | Refusal]:
        """Take calls in whose keys have not been here, and give the receipts of all."""
        self._forget_keys(writer)
        for call in calls:
            yield self._take_once(writer, call)

    def _take_once(self, writer: Writer, call: Waiting) -> bytes | Refusal:
        """Take one call's facts in, unless its key has been here."""
        assert call.key is not None  # noqa: S101 - those without one are taken together
        kept = writer.receipt(call.key.key_sha256)
        if kept is not None:
            facts_sha256, receipt_of_first = kept
            is_repeated = facts_sha256 == call.key.facts_sha256
            return receipt_of_first if is_repeated else KeyReused()
        taken = writer.take(call.kind.fact, *call.batch)
        receipt = self._receipt(writer, call, taken)
        writer.keep_receipt(call.key.key_sha256, call.key.facts_sha256, receipt, self._clock())
        return receipt

    def _receipt(
        self, writer: Writer, call: Waiting, taken: Taken, *, are_loaded: bool = False
    ) -> bytes:
        """The receipt of a call; `are_loaded` is whether its SIMs are known to be."""
        facts = call.batch.facts
        doubts = doubts_of_store(writer, call.kind, facts, are_loaded=are_loaded)
        waiting = writer.count_unattributed(facts) if call.kind.is_shortlisted else 0
        call.counts = (taken.accepted, taken.duplicate, len(call.rejects))
        receipt = Receipt(
            taken.accepted,
            taken.duplicate,
            len(call.rejects),
            self._timer() - call.began,
            list(taken.accounts_made),
            list(call.rejects),
            call.doubts.and_also(doubts),
            unattributed=waiting,
        )
        return msgspec.json.encode(receipt.described("index"))

    def _forget_keys(self, writer: Writer) -> None:
        """Once in a while, forget the keys of more than a day ago."""
        now = self._clock()
        passed = abs(now - self._keys_forgotten_at)  # a clock that is set back has passed too
        if passed > KEY_MICROSECONDS_MAX // 24:
            writer.forget_receipts(now - KEY_MICROSECONDS_MAX, now + KEY_MICROSECONDS_MAX)
            self._keys_forgotten_at = now


def _kind_and_key(call: Waiting) -> tuple[str, bool]:
    return call.kind.name, call.key is not None

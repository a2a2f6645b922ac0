"""Facts from calls that come at the same time, committed together.

Every call waits until its facts are durable. A commit costs about the same however many facts are
in it, so one thread takes whatever is waiting into one transaction and answers all of its calls at
once: many small senders do not queue behind each other's disk. Where the store has transactions
beside one another, calls of few SIMs and calls of many have a thread each, beside the one of calls
that may touch any SIM. More threads would only make smaller transactions.

Where a common transaction fails in a way that nobody foresaw, its calls are taken in one by one, so
that only the one at fault is answered with an error. A call that changes what an account asks
approval of is foreseen: it is refused, and those beside it are committed together without it.
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
from tallystick.core.approval import approval_required
from tallystick.core.errors import (
    IntakeBusy,
    KeyReused,
    MachineAway,
    Refusal,
    StoreBusy,
)
from tallystick.core.facts import SimExpectation
from tallystick.core.ledger import UNKNOWN_ORIGIN
from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY
from tallystick.intake.doubt_kinds import NO_DOUBTS, Doubts
from tallystick.intake.doubts import all_are_loaded, doubts_of_facts, doubts_of_store
from tallystick.intake.kinds import Kind, shortlisted_batch
from tallystick.intake.receipt import Receipt
from tallystick.intake.sims_changed import sims_changed_by
from tallystick.store import TURN_WAIT_S_MAX, iccids_of
from tallystick.store.touched import SINGLES_MAX, Touched, together
from tallystick.tracing import here, linked_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.intake.receipt import Reject
    from tallystick.store import Batch, Facts, Reader, Store, Taken, Writer

WAITING_CALLS_MAX = 128  # each of them has a thread of the server wait
WAITING_FACTS_MAX = 100_000  # taken calls wait in memory: past this a call is turned away whole
COMMIT_FACTS_MAX = 20_000  # facts in one transaction, so that other writers get their turn
FEW_SIMS_MAX = 8  # of a call; a commit of such calls locks each of their SIMs by itself
COMMIT_FACTS_OF_FEW_MAX = SINGLES_MAX
KEY_S_MAX = SECONDS_A_DAY  # how long an idempotency key is remembered
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
        "place",
        "rejects",
        "sims",
        "touched",
    )

    def __init__(
        self,
        kind: Kind,
        batch: Batch,
        rejects: Sequence[Reject],
        key: Key | None,
        began: float,
        touched: Touched | None = None,
    ) -> None:
        self.kind = kind
        self.batch = batch
        self.rejects = rejects
        self.touched = touched
        """What it touches; None where it may touch any SIM, or nobody writes beside it anyway."""
        self.sims = None if touched is None else touched.sims
        """Of which SIMs alone it changes anything, on a cluster; None where that may be any."""
        self.doubts = NO_DOUBTS
        self.place = here()
        """Where it is in its trace."""
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


def touched_by(kind: Kind, facts: Facts, key: Key | None) -> Touched | None:
    """What a call touches: its SIMs and its key; None where it may touch any SIM.

    Activations that all name the SIM by its ICCID touch no others.
    """
    if not kind.is_shortlisted:
        return None
    sims = frozenset(iccids_of(facts))
    if min(sims, default=0) < 0:
        return None
    return Touched(sims, frozenset() if key is None else frozenset({key.key_sha256}))


class _Line:
    """Calls that wait to be committed by one thread, in order."""

    def __init__(self, facts_max: int, take: Callable[[_Line], bool], loops: Loops) -> None:
        self.facts_max = facts_max  # in one transaction
        self.calls: deque[Waiting] = deque()
        self.loop = loops.loop("live intake", partial(take, self), None)


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
        self._takes_side_by_side: bool | None = None  # None until it is asked for
        self._waiting_facts = 0
        self._queue = threading.Lock()
        self._closed = False
        self._keys_forgotten_at = 0
        self._brought: dict[tuple[str, str], int] = {}
        self._brought_at: Moment | None = None
        self._counting = threading.Lock()
        own_loops = loops or Loops()
        # Calls that may touch any SIM, those that touch many, and those that touch few.
        self._of_any, self._of_many, self._of_few = self._lines = tuple(
            _Line(facts_max, self._take_waiting, own_loops)
            for facts_max in (COMMIT_FACTS_MAX, COMMIT_FACTS_MAX, COMMIT_FACTS_OF_FEW_MAX)
        )
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
        shown. Raises `IntakeBusy` when too much is waiting. The wait raises `KeyReused`,
        `ApprovalRequired` or `StoreRefused`; nothing was taken then.
        """
        batch = shortlisted_batch(self._store, kind, facts)._replace(origin=origin)
        touched = touched_by(kind, facts, key) if self._is_beside() else None
        call = Waiting(kind, batch, rejects, key, self._timer(), touched)
        if touched is None:
            call.sims = sims_changed_by(self._store, kind, facts)
        call.doubts = doubts.and_also(doubts_of_facts(kind, facts, self._clock()))
        line = self._line_of(call)
        with self._queue:
            if self._closed or self._is_full(len(facts)):
                raise IntakeBusy
            line.calls.append(call)
            self._waiting_facts += len(facts)
            is_first = len(line.calls) == 1
        if is_first:  # else the loop has been woken, and takes all that it finds
            line.loop.start()
            line.loop.wake()
        return call

    def _line_of(self, call: Waiting) -> _Line:
        if call.touched is None:
            return self._of_any
        return self._of_few if len(call.batch.facts) <= FEW_SIMS_MAX else self._of_many

    def _is_beside(self) -> bool:
        """Whether the store has transactions beside one another; it is asked once."""
        if self._takes_side_by_side is None:
            self._takes_side_by_side = self._store.takes_side_by_side()
        return self._takes_side_by_side

    def waiting(self) -> tuple[int, int]:
        """How many calls wait to be committed, and how many facts they have."""
        return sum(len(line.calls) for line in self._lines), self._waiting_facts

    def brought(self) -> Brought:
        """What calls have brought so far."""
        return Brought(dict(self._brought), self._brought_at)

    def close(self) -> None:
        """Take in what is waiting, and no more."""
        with self._queue:
            self._closed = True
        for line in self._lines:
            line.loop.finish()

    def _is_full(self, facts: int) -> bool:
        """Whether so many more facts are too many; a call that finds nobody waiting never is."""
        calls, _ = self.waiting()
        if calls >= WAITING_CALLS_MAX:
            return True
        return bool(calls) and self._waiting_facts + facts > WAITING_FACTS_MAX

    def _take_waiting(self, line: _Line) -> bool:
        """Take in those of the waiting calls that fit one transaction; give whether any did."""
        with self._queue:
            calls = self._next_calls(line)
        if calls:
            self._answer(calls)
        return bool(calls)

    def _next_calls(self, line: _Line) -> list[Waiting]:
        calls: list[Waiting] = []
        facts = 0
        while line.calls:
            facts += len(line.calls[0].batch.facts)
            if calls and facts > line.facts_max:
                break
            call = line.calls.popleft()
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
        is_away = isinstance(answers.error, MachineAway)
        if not is_away:  # else calls about SIMs of other machines are taken in
            self._commits.failed(answers.error)
        if is_short and isinstance(answers.error, StoreBusy):
            calls = self._without_the_patient(calls)
        if (answers.store_is_at_fault and not is_away) or len(calls) == 1:
            for call in calls:
                call.set(answers.error)
            return
        for call in calls:
            self._answer([call])

    def _count(self, calls: Sequence[Waiting]) -> None:
        """Count what committed calls have brought."""
        brought = self._brought
        with self._counting:
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
        line = self._line_of(calls[0])
        with self._queue:
            line.calls.extendleft(reversed(patient))
            self._waiting_facts += sum(len(call.batch.facts) for call in patient)
        return [call for call in calls if now - call.began >= TURN_WAIT_S_MAX]

    def _commit(self, calls: Sequence[Waiting], wait_s: float | None) -> list[bytes | Refusal]:
        """Take the calls in, in their order; neighbours of one kind together."""
        answers: list[bytes | Refusal] = []
        with (
            linked_span("commit of calls", (call.place for call in calls), calls=len(calls)),
            self._store.transaction(wait_s, self._touched(calls), _sims_of(calls)) as writer,
        ):
            for (_, has_key), neighbours in groupby(calls, _kind_and_key):
                alike = list(neighbours)
                if has_key:
                    answers += self._take_keyed(writer, alike)
                else:
                    answers += self._take_together(writer, alike)
        return answers

    def _touched(self, calls: Sequence[Waiting]) -> Touched | None:
        """What calls touch; None where one may touch any SIM, or keys are to be forgotten."""
        touched = [call.touched for call in calls if call.touched is not None]
        forgets = self._forgets_keys() and any(call.key for call in calls)
        return together(touched) if len(touched) == len(calls) and not forgets else None

    def _take_together(self, writer: Writer, calls: Sequence[Waiting]) -> Iterator[bytes | Refusal]:
        """Take calls of one kind in that have no key, and give the answer of each."""
        refusals = _refusals(writer, calls)
        kind, free = calls[0].kind, [call for call in calls if call not in refusals]
        batches = [call.batch for call in free]
        taken = dict(zip(free, writer.take_all(kind.fact, batches), strict=True))
        are_loaded = all_are_loaded(writer, kind, [batch.facts for batch in batches])
        for call in calls:
            if call in refusals:
                yield refusals[call]
            else:
                yield self._receipt(writer, call, taken[call], are_loaded=are_loaded)

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
        refusals = _refusals(writer, [call])
        if refusals:
            return refusals[call]
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
        if writer.is_alone and self._forgets_keys():
            writer.forget_receipts(now - KEY_MICROSECONDS_MAX, now + KEY_MICROSECONDS_MAX)
            self._keys_forgotten_at = now

    def _forgets_keys(self) -> bool:
        """Whether it is time to forget keys; a clock that is set back says so too."""
        return abs(self._clock() - self._keys_forgotten_at) > KEY_MICROSECONDS_MAX // 24


def _refusals(reader: Reader, calls: Sequence[Waiting]) -> dict[Waiting, Refusal]:
    """Why calls of one kind are refused that change what an account asks approval of.

    No call depends on those before it here: they leave the SIMs of such accounts as they are.
    """
    if calls[0].kind.fact is not SimExpectation or not reader.asking_accounts():
        return {}
    sims_of = {
        call: set(iccids_of(call.batch.facts))
        for call in calls
        if not call.batch.origin.is_operators
    }
    asking = reader.asking_of_sims(set().union(*sims_of.values()))
    concerned = [call for call, sims in sims_of.items() if not sims.isdisjoint(asking)]
    changed_of = {call: reader.asking_for(call.batch.facts) for call in concerned}
    return {call: approval_required(changed) for call, changed in changed_of.items() if changed}


def _sims_of(calls: Sequence[Waiting]) -> frozenset[int] | None:
    """The SIMs that calls change anything of; None where that may be any."""
    sims = [call.sims for call in calls if isinstance(call.sims, frozenset)]
    return frozenset[int]().union(*sims) if len(sims) == len(calls) else None


def _kind_and_key(call: Waiting) -> tuple[str, bool]:
    return call.kind.name, call.key is not None

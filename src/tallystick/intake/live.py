"""Facts from calls that come at the same time, committed together.

Every call waits until its facts are durable. A commit costs about the same however many facts are in it, so one
thread takes whatever is waiting into one transaction and answers all of its calls at once: many small senders do
not queue behind each other's disk.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from tallystick.core.errors import IntakeBusy, KeyReused, Refusal
from tallystick.core.facts import SimActivation
from tallystick.core.ledger import UNKNOWN_ORIGIN
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.intake.doubts import doubts_of
from tallystick.intake.kinds import KINDS, Kind, shortlisted_batch
from tallystick.intake.receipt import Receipt
from tallystick.store import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.intake.receipt import Reject
    from tallystick.store import Batch, Facts, Store, Taken, Writer

WAITING_FACTS_MAX = 100_000  # taken calls wait in memory: past this a call is turned away whole
COMMIT_FACTS_MAX = 20_000  # facts in one transaction, so that other writers get their turn
KEY_S_MAX = 86_400  # how long an idempotency key is remembered


@dataclass(frozen=True, slots=True)
class Key:
    """What tells a repeated call: digests of who sent it under which key, and of what it brought."""

    key_sha256: bytes
    facts_sha256: bytes


def idempotency_key(app: str, key: str, kind: Kind, body: bytes) -> Key:
    """The digests of an app's call under a key of its choice."""
    return Key(
        hashlib.sha256(f"{app}\n{key}".encode()).digest(),
        hashlib.sha256(kind.name.encode() + b"\n" + body).digest(),
    )


class _Call:
    """One call on its way; the lock is free once it is answered."""

    __slots__ = ("_answered", "answer", "batch", "began", "key", "kind", "rejects")

    def __init__(
        self, kind: Kind, batch: Batch, rejects: Sequence[Reject], key: Key | None, began: float
    ) -> None:
        self.kind = kind
        self.batch = batch
        self.rejects = rejects
        self.key = key
        self.began = began
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


class LiveIntake:
    """The one door through which a process's calls bring facts in."""

    def __init__(
        self, store: Store, clock: Callable[[], Moment], timer: Callable[[], float]
    ) -> None:
        self._store = store
        self._clock = clock
        self._timer = timer
        self._waiting: deque[_Call] = deque()
        self._waiting_facts = 0
        self._state = threading.Condition()
        self._closed = False
        self._committer: threading.Thread | None = None
        self._keys_forgotten_at = 0

    def take(
        self,
        kind: Kind,
        facts: Facts,
        rejects: Sequence[Reject],
        key: Key | None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> bytes:
        """Take checked facts in; give the receipt as JSON once they are durable.

        Expectations are a change set of this `origin`.
        Raises `IntakeBusy` when too much is waiting, `KeyReused`, or `StoreRefused`; nothing was taken then.
        """
        batch = shortlisted_batch(self._store, kind, facts)._replace(origin=origin)
        call = _Call(kind, batch, rejects, key, self._timer())
        with self._state:
            if self._closed or (
                self._waiting and self._waiting_facts + len(facts) > WAITING_FACTS_MAX
            ):
                raise IntakeBusy
            self._waiting.append(call)
            self._waiting_facts += len(facts)
            if self._committer is None:
                self._committer = threading.Thread(target=self._run, name="intake", daemon=True)
                self._committer.start()
            self._state.notify()
        return call.wait()

    def close(self) -> None:
        """Take in what is waiting, and no more."""
        with self._state:
            self._closed = True
            self._state.notify()
        if self._committer:
            self._committer.join()

    def _run(self) -> None:
        while calls := self._next_calls():
            try:
                answers: list[bytes | Refusal] = self._commit(calls)
            except Refusal as refusal:
                answers = [refusal] * len(calls)
            except BaseException as error:
                for call in calls:
                    call.set(error)
                raise
            for call, answer in zip(calls, answers, strict=True):
                call.set(answer)

    def _next_calls(self) -> list[_Call]:
        """Wait for calls; those that fit one transaction, and none when the door is closed."""
        with self._state:
            while not self._waiting and not self._closed:
                self._state.wait()
            calls: list[_Call] = []
            facts = 0
            while self._waiting and (
                not calls or facts + len(self._waiting[0].batch.facts) <= COMMIT_FACTS_MAX
            ):
                calls.append(self._waiting.popleft())
                facts += len(calls[-1].batch.facts)
            self._waiting_facts -= facts
            return calls

    def _commit(self, calls: Sequence[_Call]) -> list[bytes | Refusal]:
        """Take the calls in, in their order; neighbours of one kind together."""
        answers: list[bytes | Refusal] = []
        with self._store.transaction() as writer:
            for (kind_name, has_key), neighbours in groupby(
                calls, lambda call: (call.kind.name, call.key is not None)
            ):
                if has_key:
                    self._forget_keys(writer)
                    answers += [self._take_once(writer, call) for call in neighbours]
                else:
                    some = list(neighbours)
                    taken = writer.take_all(KINDS[kind_name].fact, [call.batch for call in some])
                    unknown = _unknown_sims(writer, some)
                    answers += (
                        self._receipt(call, each, unknown)
                        for call, each in zip(some, taken, strict=True)
                    )
        return answers

    def _take_once(self, writer: Writer, call: _Call) -> bytes | Refusal:
        """Take one call's facts in, unless its key has been here."""
        assert call.key is not None  # noqa: S101 - those without one are taken together
        if before := writer.receipt(call.key.key_sha256):
            facts_sha256, receipt = before
            return receipt if facts_sha256 == call.key.facts_sha256 else KeyReused()
        receipt = self._receipt(
            call, writer.take(call.kind.fact, *call.batch), _unknown_sims(writer, [call])
        )
        writer.keep_receipt(call.key.key_sha256, call.key.facts_sha256, receipt, self._clock())
        return receipt

    def _receipt(self, call: _Call, taken: Taken, unknown: Collection[int]) -> bytes:
        receipt = Receipt(
            taken.accepted,
            taken.duplicate,
            len(call.rejects),
            self._timer() - call.began,
            list(taken.accounts_made),
            list(call.rejects),
            doubts_of(call.kind, call.batch.facts, unknown, self._clock()),
        )
        return msgspec.json.encode(receipt.described("index"))

    def _forget_keys(self, writer: Writer) -> None:
        """Once in a while, forget the keys of more than a day ago."""
        now = self._clock()
        if now - self._keys_forgotten_at > KEY_S_MAX * MICROSECONDS_A_SECOND // 24:
            writer.forget_receipts(now - KEY_S_MAX * MICROSECONDS_A_SECOND)
            self._keys_forgotten_at = now


def _unknown_sims(writer: Writer, calls: Sequence[_Call]) -> Collection[int]:
    """SIMs of the calls' activations that the device database does not know.

    The shortlist of a call, where it has one, names them already.
    """
    if calls[0].kind.fact is not SimActivation:
        return ()
    unasked = {
        fact[0] for call in calls if not call.batch.shortlist for fact in rows_of(call.batch.facts)
    }
    asked = {
        iccid
        for call in calls
        if call.batch.shortlist
        for iccid in call.batch.shortlist.unknown_sims
    }
    return asked.union(writer.unknown_sims(unasked) if unasked else ())

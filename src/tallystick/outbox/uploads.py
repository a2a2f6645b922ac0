"""Uploads of pairs: acknowledged at once, taken in one after the other (contract, section 4).

The queue is in the store. Whoever takes an upload in holds the store's turn to write, and its pairs
and its outcome become durable together: so no two processes take the same one, and that of a killed
process waits as before. With the outcome goes what is to be told of it to the account's listeners.

An upload that fails in a way that nobody foresaw is tried again after a pause. The store counts its
failures, so that a restart does not begin anew. After the third one the upload ends as failed, and
the queue goes on behind it. What fails because the store does (its disk is full, its server is
away) is not counted and waits until the store is back.

What pairs would change of an account that asks for approval becomes a proposal. Their upload leaves
the queue, though clients are told that it is pending, and comes back when somebody has decided.
What comes of it either way is judged when the proposal is made, and no later change touches it.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from tallystick.background import Loops, Raised, attempted
from tallystick.core.allowed import NONE, is_model
from tallystick.core.errors import InvalidValue, RequestNotFound
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei, shown
from tallystick.core.ledger import Origin, for_sims
from tallystick.core.moments import BEGINNING
from tallystick.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from tallystick.core.moments import Moment
    from tallystick.core.pairing import Expectation
    from tallystick.store import Reader, Store, Writer
    from tallystick.store.uploads import WaitingUpload

    InForce = Mapping[int, Expectation]

SERVICE = "DeviceService"
"""Listeners of this kind are told what came of uploads; ThingSpace's name for it."""
LOOK_EVERY_S = 1.0
"""So often a process looks for uploads that another one acknowledged and did not take in."""
FAILURES_MAX = 3
"""An upload that failed so often in a way that nobody foresaw is not tried again."""
NOT_APPROVED = "the account asks for approval, and the change was not approved"
"""Why a pair of a proposal that was rejected does not hold."""

log = logging.getLogger(__name__)


class Pair(NamedTuple):
    """A SIM and the hardware that it belongs in, as sent."""

    iccid: str
    imei: str


class BadPair(msgspec.Struct):
    """A pair that was not taken in: its place among the uploaded ones, from 0, and why."""

    index: int
    reason: str


class Outcome(msgspec.Struct, omit_defaults=True):
    """What came of an upload: how many pairs hold, and those that do not.

    `doubts` are of pairs that hold and look wrong, by name, as a receipt has them.
    """

    accepted: int
    rejected: list[BadPair]
    doubts: dict[str, Any] = {}

    @property
    def of_pairs(self) -> Outcome:
        """The same without the doubts: what clients of ThingSpace know as the outcome."""
        return Outcome(self.accepted, self.rejected)


class Judged(NamedTuple):
    """A proposal that pairs were made, and what comes of their upload either way.

    Both are judged when the proposal is made: that is what is decided about.
    """

    change_set_id: int
    if_approved: Outcome
    if_rejected: Outcome


class _ParsedPair(NamedTuple):
    """A pair that has the right form, and its place among the uploaded ones, from 0."""

    place: int
    iccid: Iccid
    imei: Imei


class _SortedOut(NamedTuple):
    """Pairs that can be taken in, and those that cannot."""

    good: list[_ParsedPair]
    bad: list[BadPair]

    def without(self, turned_down: Sequence[_ParsedPair]) -> _SortedOut:
        """The same where some of the good pairs were not approved."""
        places = {each.place for each in turned_down}
        good = [each for each in self.good if each.place not in places]
        return _SortedOut(good, [*self.bad, *(BadPair(place, NOT_APPROVED) for place in places)])


def _no_doubts(_: Reader, __: Sequence[SimExpectation]) -> dict[str, Any]:
    return {}


class Brought(NamedTuple):
    """Pairs of uploads since this process began; when the last came that holds, None before it."""

    accepted: int
    rejected: int
    last_at: Moment | None


class Uploads:
    """The queue of uploads, and the thread that works it off in this process."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        random_bytes: Callable[[int], bytes],
        loops: Loops | None = None,
        doubts_of: Callable[[Reader, Sequence[SimExpectation]], dict[str, Any]] = _no_doubts,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._doubts_of = doubts_of
        self._brought = Brought(0, 0, None)
        self._loop = (loops or Loops()).loop("uploads", self.take_next, LOOK_EVERY_S)

    def start(self) -> None:
        """Take uploads in from now on, those that wait already first."""
        self._loop.start()

    def close(self) -> None:
        """Finish the upload that is being taken in, and leave the others to the next process."""
        self._loop.close()

    def put(self, writer: Writer, account_id: int, pairs: Sequence[Pair], actor: str) -> str:
        """Put an upload in the queue, sent by the ledger's `actor`; give what to ask for it by."""
        request_id = str(UUID(bytes=self._random_bytes(16), version=4))
        writer.add_upload(request_id, account_id, self._clock(), msgspec.json.encode(pairs), actor)
        return request_id

    def call(self) -> None:
        """Say that an upload waits."""
        self._loop.wake()

    def take_next(self) -> bool:
        """Take in the upload that has waited longest; give whether there was one.

        Raises what nobody foresaw, when that is counted.
        """
        upload_id = self._oldest()
        while upload_id is not None:
            is_taken = attempted(partial(self._take, upload_id))
            if isinstance(is_taken, Raised):
                if not is_taken.store_is_at_fault:
                    self._count_failure(upload_id)
                raise is_taken.error
            if is_taken:
                return True
            upload_id = self._oldest()
        return False

    def _oldest(self) -> int | None:
        with self._store.glance() as reader:
            return reader.oldest_upload()

    def _take(self, upload_id: int) -> bool:
        """Take an upload in, unless another process was faster."""
        with span("upload") as traced, self._store.transaction() as writer:
            upload = writer.waiting_upload(upload_id)
            if upload is None:
                return False
            outcome = self._outcome(writer, upload)
            if outcome is None:
                return True
            self._finish(writer, upload, outcome)
            if traced is not None:
                traced.say(accepted=outcome.accepted, rejected=len(outcome.rejected))
        self._count(outcome)
        return True

    def _count(self, outcome: Outcome) -> None:
        """Count the pairs of an upload that is taken in."""
        accepted, rejected, last_at = self._brought
        self._brought = Brought(
            accepted + outcome.accepted,
            rejected + len(outcome.rejected),
            self._clock() if outcome.accepted else last_at,
        )

    def brought(self) -> Brought:
        """What uploads have brought that this process took in."""
        return self._brought

    def _outcome(self, writer: Writer, upload: WaitingUpload) -> Outcome | None:
        """Take the good pairs of an upload in; of several for one SIM the last counts.

        A pair corrects the expectation that was in force at the upload, and its past with it; where
        there was none, the SIM has belonged there from the beginning.

        Where the account asks for approval, what its pairs would change is proposed. There is no
        outcome then, until somebody has decided about that.
        """
        if upload.judged is not None:
            return _decided(writer, upload.judged)
        pairs = _sorted_out(writer, upload)
        in_force = writer.in_force_since({each.iccid for each in pairs.good}, upload.uploaded_at)
        corrections = list(_corrections(pairs.good, in_force))
        asking = writer.asking_for(corrections)
        if asking:
            self._propose(writer, upload, pairs, in_force, asking)
            return None
        writer.take(SimExpectation, corrections, origin=_origin(upload))
        return self._judged(writer, pairs, in_force)

    def _judged(self, reader: Reader, pairs: _SortedOut, in_force: InForce) -> Outcome:
        """What comes of an upload whose good pairs hold."""
        doubts = self._doubts_of(reader, [_expectation(each, in_force) for each in pairs.good])
        bad = sorted(pairs.bad, key=lambda pair: pair.index)
        return Outcome(len(pairs.good), bad, doubts)

    def _propose(
        self,
        writer: Writer,
        upload: WaitingUpload,
        pairs: _SortedOut,
        in_force: InForce,
        asking: Container[int],
    ) -> None:
        """Make what pairs would change a proposal, and keep what comes of them either way."""
        changing = [each for each in pairs.good if each.iccid in asking]
        corrections = list(_corrections(changing, in_force))
        origin = for_sims(_origin(upload), [each.iccid for each in corrections])
        number = writer.begin_change_set(origin, "proposed")
        writer.propose(number, corrections)
        judged = Judged(
            number,
            self._judged(writer, pairs, in_force),
            self._judged(writer, pairs.without(changing), in_force),
        )
        writer.propose_upload(upload.upload_id, number, msgspec.json.encode(judged))

    def _count_failure(self, upload_id: int) -> None:
        """Count that an upload failed, and end it as failed if that was once too often."""
        with self._store.transaction() as writer:
            writer.count_upload_failure(upload_id)
            upload = writer.waiting_upload(upload_id)
            if upload is None or upload.failures < FAILURES_MAX:
                return
            judged = upload.judged
            outcome = _failed(upload) if judged is None else _decided(writer, judged)
            self._finish(writer, upload, outcome)
        log.error("upload %s failed %d times and is over", upload.request_id, upload.failures)

    def _finish(self, writer: Writer, upload: WaitingUpload, outcome: Outcome) -> None:
        """Keep an upload's outcome, with what is to be told of it."""
        printed = msgspec.json.encode(outcome)
        writer.finish_upload(upload.upload_id, printed)
        writer.add_deliveries(upload.account_id, SERVICE, upload.request_id, printed, self._clock())


def _origin(upload: WaitingUpload) -> Origin:
    """Where the change set of an upload comes from."""
    return Origin(upload.actor, upload.uploaded_at, "upload", upload.request_id)


def _decided(reader: Reader, judged: bytes) -> Outcome:
    """The outcome of an upload whose proposal somebody has decided about."""
    number, if_approved, if_rejected = msgspec.json.decode(judged, type=Judged)
    proposal = reader.change_set(number)
    is_rejected = proposal is not None and proposal.state == "rejected"
    return if_rejected if is_rejected else if_approved


def outcome_of(reader: Reader, account_id: int, request_id: str) -> Outcome | None:
    """What came of an upload to this account, None while it waits. Raises `RequestNotFound`."""
    row = reader.upload_outcome(account_id, request_id)
    if row is None:
        message = f"there is no request {shown(request_id)} of this account"
        raise RequestNotFound(message)
    return None if row.outcome is None else msgspec.json.decode(row.outcome, type=Outcome)


def _sorted_out(reader: Reader, upload: WaitingUpload) -> _SortedOut:
    """The pairs of an upload that have the right form and a SIM of its account, and the others."""
    bad: list[BadPair] = []
    pairs = msgspec.json.decode(upload.pairs, type=list[Pair])
    parsed = list(_parsed(pairs, bad))
    own = set(reader.sims_in_account(upload.account_id, {each.iccid for each in parsed}))
    for index, iccid, _ in parsed:
        if iccid not in own:
            bad.append(BadPair(index, f"the account has no SIM with the ICCID {iccid}"))
    return _SortedOut([each for each in parsed if each.iccid in own], bad)


def _expectation(pair: _ParsedPair, in_force: InForce) -> SimExpectation:
    """A pair as an expectation, from the same moment on as the one in force."""
    corrected = in_force.get(pair.iccid)
    since = BEGINNING if corrected is None else corrected.effective_from
    return SimExpectation(pair.iccid, since, pair.imei)


def _corrections(pairs: Sequence[_ParsedPair], in_force: InForce) -> Iterator[SimExpectation]:
    """What pairs change: one that fits what is in force changes nothing (contract, section 7)."""
    for pair in {each.iccid: each for each in pairs}.values():
        known = in_force.get(pair.iccid)
        if known is None or known.imei == NONE or not known.fits(pair.imei) or _is_one_imei(known):
            yield _expectation(pair, in_force)


def _is_one_imei(expectation: Expectation) -> bool:
    """Whether a single IMEI is expected.

    The same hardware, written differently, is printed as it came last.
    """
    return expectation.imei >= 0 and not is_model(expectation.imei)


def _parsed(pairs: Sequence[Pair], rejected: list[BadPair]) -> Iterator[_ParsedPair]:
    """The pairs that have the right form, each with its place; the others are rejected."""
    for index, pair in enumerate(pairs):
        try:
            yield _ParsedPair(index, Iccid.parse(pair.iccid), Imei.parse(pair.imei))
        except InvalidValue as refusal:
            rejected.append(BadPair(index, refusal.message))


def _failed(upload: WaitingUpload) -> Outcome:
    """The outcome of an upload that the server cannot take in: every pair is rejected."""
    reason = f"the server failed {upload.failures} times to take this upload in; its log says why"
    return Outcome(0, [BadPair(index, reason) for index in range(_pairs_in(upload.pairs))])


def _pairs_in(pairs: bytes) -> int:
    """How many pairs an upload has; one where what is kept of it cannot be read."""
    try:
        return len(msgspec.json.decode(pairs, type=list[msgspec.Raw]))
    except msgspec.DecodeError:
        return 1

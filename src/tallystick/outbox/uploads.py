"""Uploads of pairs: acknowledged at once, taken in one after the other (contract, section 4).

The queue is in the store. Whoever takes an upload in holds the store's turn to write, and its pairs and its outcome
become durable together: so no two processes take the same one, and that of a killed process waits as before. With
the outcome goes what is to be told of it to the account's listeners.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from tallystick.core.errors import InvalidValue, RequestNotFound, StoreRefused
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei, shown
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store, Writer
    from tallystick.store.uploads import WaitingUpload

SERVICE = "DeviceService"  # listeners of this kind are told what came of uploads; ThingSpace's name for it
LOOK_EVERY_S = 1.0  # for uploads that another process acknowledged and did not live to take in

log = logging.getLogger(__name__)


class Pair(NamedTuple):
    """A SIM and the hardware that it belongs in, as sent."""

    iccid: str
    imei: str


class BadPair(msgspec.Struct):
    """A pair that was not taken in: its place among the uploaded ones, from 0, and why."""

    index: int
    reason: str


class Outcome(msgspec.Struct):
    """What came of an upload: how many pairs hold, and those that do not."""

    accepted: int
    rejected: list[BadPair]


class Uploads:
    """The queue of uploads, and the thread that works it off in this process."""

    def __init__(
        self, store: Store, clock: Callable[[], Moment], random_bytes: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._closing = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)

    def start(self) -> None:
        """Take uploads in from now on, those that wait already first."""
        self._thread.start()

    def close(self) -> None:
        """Finish the upload that is being taken in, and leave the others to the next process."""
        self._closing.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, writer: Writer, account_id: int, pairs: Sequence[Pair], actor: str) -> str:
        """Put an upload in the queue, the ledger's `actor` having sent it; give what to ask for it by."""
        request_id = str(UUID(bytes=self._random_bytes(16), version=4))
        writer.add_upload(request_id, account_id, self._clock(), msgspec.json.encode(pairs), actor)
        return request_id

    def call(self) -> None:
        """Say that an upload waits."""
        self._called.set()

    def take_next(self) -> bool:
        """Take in the upload that has waited longest; give whether there was one."""
        with self._store.glance() as reader:
            if not reader.has_waiting_upload():
                return False
        with self._store.transaction() as writer:
            upload = writer.next_upload()
            if upload is None:  # another process was faster
                return False
            outcome = msgspec.json.encode(_take(writer, upload))
            writer.finish_upload(upload.upload_id, outcome)
            writer.add_deliveries(
                upload.account_id, SERVICE, upload.request_id, outcome, self._clock()
            )
        return True

    def _run(self) -> None:
        told = ""
        while not self._closing.is_set():
            self._called.clear()
            try:
                while not self._closing.is_set() and self.take_next():
                    told = ""
            except StoreRefused as refusal:
                if refusal.message != told:
                    log.warning("uploads wait: %s", refusal)
                    told = refusal.message
            self._called.wait(LOOK_EVERY_S)


def outcome_of(reader: Reader, account_id: int, request_id: str) -> Outcome | None:
    """What came of an upload to this account, None while it waits. Raises `RequestNotFound`."""
    found = reader.upload_outcome(account_id, request_id)
    if found is None:
        message = f"there is no request {shown(request_id)} of this account"
        raise RequestNotFound(message)
    return None if found.outcome is None else msgspec.json.decode(found.outcome, type=Outcome)


def _take(writer: Writer, upload: WaitingUpload) -> Outcome:
    """Take the good pairs of an upload in; of several for one SIM the last counts.

    A pair corrects the expectation that was in force at the upload, and its past with it; where there was none, the SIM
    has belonged there from the beginning.
    """
    rejected: list[BadPair] = []
    parsed = list(_parsed(msgspec.json.decode(upload.pairs, type=list[Pair]), rejected))
    own = set(writer.sims_in_account(upload.account_id, {iccid for _, iccid, _ in parsed}))
    for index, iccid, _ in parsed:
        if iccid not in own:
            rejected.append(BadPair(index, f"the account has no SIM with the ICCID {iccid}"))
    since = writer.in_force_since(own, upload.uploaded_at)
    facts = [
        SimExpectation(iccid, since.get(iccid, BEGINNING), imei)
        for _, iccid, imei in parsed
        if iccid in own
    ]
    writer.take(
        SimExpectation,
        facts,
        origin=Origin(upload.actor, upload.uploaded_at, "upload", upload.request_id),
    )
    return Outcome(len(facts), sorted(rejected, key=lambda each: each.index))


def _parsed(pairs: Sequence[Pair], rejected: list[BadPair]) -> Iterator[tuple[int, Iccid, Imei]]:
    """The pairs whose identifiers have the right form, each with its place; the others are rejected."""
    for index, pair in enumerate(pairs):
        try:
            yield index, Iccid.parse(pair.iccid), Imei.parse(pair.imei)
        except InvalidValue as refusal:
            rejected.append(BadPair(index, refusal.message))

"""Imports that are listed: how far each has come while it runs, and its receipt afterwards.

Its process says again and again that it goes on, so that everybody who asks is told how far it is,
and knows that it has ended where it says nothing any more.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Self

import msgspec

from tallystick.core.errors import ImportInterrupted, ImportNotFound, Refusal, StoreRefused
from tallystick.core.imports import THOUSANDTHS, ImportRecord, ImportState, as_of
from tallystick.core.moments import MICROSECONDS_A_DAY, Moment
from tallystick.intake.bulk import DEFAULT_OPTIONS
from tallystick.intake.progress import NOBODY, Listeners, Progress
from tallystick.intake.proposals import take_file_in
from tallystick.intake.reject_lines import KeptRejects, unpacked
from tallystick.store.acting import acting
from tallystick.store.import_receipts import ImportedFacts, ImportEnd

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tallystick.intake.kinds import KindName
    from tallystick.intake.options import ImportOptions
    from tallystick.intake.receipt import Receipt, Reject
    from tallystick.store import Reader, Store, Writer

SAY_EVERY_S_MIN, SAY_EVERY_S_MAX = 1.0, 10.0
SAY_EVERY_SHARE = 0.1
"""How long an import pauses between two words, as a share of the time that it has run."""
TURN_S_MAX = 5.0
"""So long it waits for its turn to say one; the next one says more."""
RECEIPTS_MAX, RECEIPT_DAYS = 1_000, 400
REJECTS_MAX, REJECT_DAYS = 100, 30
"""Imports whose refused lines are kept, and for how long: they may name subscribers."""
UNFORESEEN = "something failed that nobody foresaw; the log of the server or the command says what"
STOPPED = "whoever ran the command has stopped it; the same command goes on where it was"
BEFORE_ALL_WORK = Progress(0.0, 0)

log = logging.getLogger(__name__)


class ListedImport:
    """One import of a file, which is in the list from `begin` on.

    `file` is what whoever brought it calls it. It is a context, so that it is listed how the import
    ended, whatever it raises.
    """

    def __init__(
        self, store: Store, clock: Callable[[], Moment], kind: KindName, file: str, actor: str
    ) -> None:
        self.number = 0
        self.ended = threading.Event()
        self._store = store
        self._clock = clock
        self._kind = kind
        self._file = file
        self._actor = actor
        self._path = file
        self._state = ImportState.WAITING
        self._progress = BEFORE_ALL_WORK
        self._rejects = KeptRejects(kind)
        self._began_s = time.monotonic()
        self._speaker = threading.Thread(target=self._say_again, name="progress", daemon=True)

    def begin(self, state: ImportState) -> None:
        """Put it in the list, if it is not there yet. Raises `StoreRefused`."""
        self._state = state
        if self.number:
            return
        with acting(None), self._store.transaction() as writer:
            forget_old(writer, self._clock())
            self.number = writer.begin_import(
                state, self._kind, self._file, self._actor, self._clock()
            )
        self._speaker.start()

    def run(
        self,
        path: str,
        options: ImportOptions = DEFAULT_OPTIONS,
        listeners: Listeners = NOBODY,
    ) -> Receipt:
        """Take the file in, as `take_file_in` does, which raises what this does.

        What cannot be opened is listed only if it was before.
        """
        self._path = path
        on_progress, on_columns, on_reject = listeners

        def progress(progress: Progress) -> None:
            self._progress = progress
            on_progress(progress)

        def columns(columns: tuple[str, ...]) -> None:
            self.begin(ImportState.RUNNING)
            self._rejects.begin(columns)
            on_columns(columns)

        def reject(reject: Reject) -> None:
            self._rejects.write(reject)
            on_reject(reject)

        with self:
            own = Listeners(progress, columns, reject)
            receipt = take_file_in(self._store, self._kind, path, options, own)
            self._end(ImportState.DONE, receipt=receipt)
        return receipt

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """List how it ended, unless it has a receipt."""
        if error is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """List what it has ended with."""
        state, message = _state_and_message(error)
        self._end(state, message.replace(self._path, self._file))

    def _end(self, state: ImportState, message: str = "", receipt: Receipt | None = None) -> None:
        """List how it ended, and count what it brought if it has a receipt.

        A store that refuses has ended it, too, and it falls silent.
        """
        if not self.number or self.ended.is_set():
            return
        self.ended.set()
        self._speaker.join()
        rejects, facts, now = self._rejects, self._progress.facts, self._clock()
        kept = described(receipt) if receipt else ""
        end = ImportEnd(state, now, facts, message, kept, rejects.lines, rejects.packed())
        try:
            with acting(None), self._store.transaction() as writer:
                writer.end_import(self.number, end)
                if receipt:
                    writer.count_imported(brought_by(self._kind, receipt, now))
        except StoreRefused as refusal:
            log.warning("import %d has ended, and is not listed so: %s", self.number, refusal)

    def _say_again(self) -> None:
        while not self.ended.wait(self._pause_s()):
            try:
                with self._store.transaction(TURN_S_MAX) as writer:
                    share, facts = self._progress
                    thousandths = None if share is None else round(share * THOUSANDTHS)
                    writer.note_import(self.number, self._state, self._clock(), thousandths, facts)
            except StoreRefused as refusal:
                log.info("import %d cannot say how far it is: %s", self.number, refusal)

    def _pause_s(self) -> float:
        """Until the next word: each ends the import's own transaction, so that it costs a little.

        Long imports need fewer.
        """
        ran_s = time.monotonic() - self._began_s
        return min(SAY_EVERY_S_MAX, max(SAY_EVERY_S_MIN, ran_s * SAY_EVERY_SHARE))


def _state_and_message(error: BaseException) -> tuple[ImportState, str]:
    if isinstance(error, KeyboardInterrupt):
        return ImportState.INTERRUPTED, STOPPED
    if isinstance(error, ImportInterrupted):
        return ImportState.INTERRUPTED, error.message
    if isinstance(error, StoreRefused):
        return ImportState.FAILED, error.message_for_callers
    if isinstance(error, Refusal):
        return ImportState.REFUSED, error.message
    return ImportState.FAILED, UNFORESEEN


def described(receipt: Receipt) -> str:
    """The receipt as it is kept: as programs get it, with the change set that was made.

    `proposed` is whether that waits for a decision.
    """
    kept = receipt.described() | {
        "change_set_id": receipt.change_set_id,
        "proposed": receipt.is_proposed,
    }
    return msgspec.json.encode(kept).decode()


def brought_by(kind: KindName, receipt: Receipt, ended_at: Moment) -> ImportedFacts:
    """What an import brought that has ended with this receipt; nothing that is only proposed."""
    accepted = 0 if receipt.is_proposed else receipt.accepted
    last_at = ended_at if accepted else None
    return ImportedFacts(kind, accepted, receipt.duplicate, receipt.rejected, last_at)


def forget_old(writer: Writer, now: Moment) -> None:
    """Forget receipts and refused lines whose time is over."""
    writer.forget_rejects(_days_before(now, REJECT_DAYS), REJECTS_MAX)
    writer.forget_imports(_days_before(now, RECEIPT_DAYS), RECEIPTS_MAX)


def _days_before(now: Moment, days: int) -> Moment:
    return Moment(now - days * MICROSECONDS_A_DAY)


def listed(reader: Reader, before: int, at_most: int, now: Moment) -> list[ImportRecord]:
    """The imports that began before the one of a number, the last first, as they stand now."""
    return [as_of(each, now) for each in reader.imports(before, at_most)]


def listed_one(reader: Reader, number: int, now: Moment) -> ImportRecord:
    """The import of a number, as it stands now. Raises `ImportNotFound`."""
    records = listed(reader, number + 1, 1, now)
    if not records or records[0].number != number:
        message = f"there is no import {number}, or it was too long ago to be listed"
        raise ImportNotFound(message)
    return records[0]


def rejects_of(reader: Reader, number: int, now: Moment) -> bytes:
    """The refused lines of an import that are kept, as CSV. Raises `ImportNotFound`."""
    listed_one(reader, number, now)
    packed = reader.rejects_of_import(number)
    if packed is None:
        message = f"of import {number} no refused lines are kept, if it had any"
        raise ImportNotFound(message)
    return unpacked(packed)

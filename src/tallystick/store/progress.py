"""How far files have come, and what was answered to calls with an idempotency key."""

from __future__ import annotations

from typing import NamedTuple

from tallystick.store.connection import Asking


class ImportProgress(NamedTuple):
    """How far a file has come: its facts that are in the store, and what became of them.

    `change_set_id` is the change set of a file of expectations, 0 for other kinds.
    """

    facts_taken: int
    accepted: int
    duplicate: int
    change_set_id: int


class ProgressQuestions(Asking):
    """What was noted while facts were taken in."""

    def import_progress(self, digest: bytes) -> ImportProgress | None:
        """How far a file has come that was begun and not finished."""
        row = self._connection.row("import_progress", digest=digest)
        return None if row is None else ImportProgress(*row)

    def receipt(self, key_sha256: bytes) -> tuple[bytes, bytes] | None:
        """The digest of the facts and the receipt of the call with this idempotency key."""
        row = self._connection.row("receipt", key_sha256=key_sha256)
        return None if row is None else (row[0], row[1])


class ProgressChanges(ProgressQuestions):
    """What is noted while facts are taken in."""

    def note_import_progress(self, digest: bytes, progress: ImportProgress) -> None:
        """Remember how far a file has come."""
        self._connection.run("note_import_progress", digest=digest, **progress._asdict())

    def forget_import(self, digest: bytes) -> None:
        """A file has been taken in whole."""
        self._connection.run("forget_import", digest=digest)

    def keep_receipt(
        self, key_sha256: bytes, facts_sha256: bytes, receipt: bytes, taken_at: int
    ) -> None:
        """Remember what was answered to the call with this idempotency key."""
        self._connection.run(
            "keep_receipt",
            key_sha256=key_sha256,
            facts_sha256=facts_sha256,
            receipt=receipt,
            taken_at=taken_at,
        )

    def forget_receipts(self, taken_before: int, taken_after: int) -> None:
        """Forget receipts of before and after these moments."""
        self._connection.run("forget_receipts", taken_before=taken_before, taken_after=taken_after)

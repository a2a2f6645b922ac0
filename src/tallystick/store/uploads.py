"""The queue of uploads, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from tallystick.core.moments import Moment


class WaitingUpload(NamedTuple):
    """Pairs that are to be taken in, as kept.

    `judged` is what comes of it where its proposal, which was decided about, was approved, and
    where it was rejected; None where its pairs were not proposed.
    """

    upload_id: int
    account_id: int
    uploaded_at: Moment
    pairs: bytes
    request_id: str
    actor: str
    failures: int
    judged: bytes | None


class UploadRow(NamedTuple):
    """What came of an upload; None while it waits."""

    request_id: str
    outcome: bytes | None


class UploadQuestions(Asking):
    """Which upload waits, and what came of another."""

    def oldest_upload(self) -> int | None:
        """The upload that has waited longest, of those that wait to be taken in."""
        return self._value(int, "oldest_upload")

    def count_waiting_uploads(self) -> int:
        """How many uploads wait to be taken in."""
        return self._value(int, "count_waiting_uploads") or 0

    def count_waiting_uploads_to(self, account_id: int) -> int:
        """How many uploads to an account wait to be taken in."""
        return self._value(int, "count_waiting_uploads_to", account_id=account_id) or 0

    def count_proposed_uploads_to(self, account_id: int) -> int:
        """How many uploads to an account wait for a decision about a proposal."""
        return self._value(int, "count_proposed_uploads_to", account_id=account_id) or 0

    def waiting_upload(self, upload_id: int) -> WaitingUpload | None:
        """An upload, if it still waits to be taken in."""
        row = self._connection.row("waiting_upload", upload_id=upload_id)
        return None if row is None else WaitingUpload(*row)

    def upload_outcome(self, account_id: int, request_id: str) -> UploadRow | None:
        """What came of an upload to an account."""
        row = self._connection.row("upload_outcome", account_id=account_id, request_id=request_id)
        return None if row is None else UploadRow(*row)


class UploadChanges(UploadQuestions):
    """Uploads put in the queue and finished."""

    def add_upload(
        self, request_id: str, account_id: int, uploaded_at: int, pairs: bytes, actor: str
    ) -> None:
        """Put an upload in the queue."""
        self._connection.run(
            "add_upload",
            request_id=request_id,
            account_id=account_id,
            uploaded_at=uploaded_at,
            pairs=pairs,
            actor=actor,
        )

    def finish_upload(self, upload_id: int, outcome: bytes) -> None:
        """Say what came of an upload, which waits no longer."""
        self._connection.run("finish_upload", upload_id=upload_id, outcome=outcome)

    def propose_upload(self, upload_id: int, change_set_id: int, judged: bytes) -> None:
        """Have an upload wait for the decision about the proposal that its pairs were made.

        `judged` is kept for then, as `WaitingUpload` has it.
        """
        self._connection.run(
            "propose_upload", upload_id=upload_id, change_set_id=change_set_id, judged=judged
        )

    def release_upload(self, change_set_id: int) -> None:
        """Have the upload, if any, that waits for a proposal wait to be taken in again."""
        self._connection.run("release_upload", change_set_id=change_set_id)

    def count_upload_failure(self, upload_id: int) -> None:
        """Count that an upload which waits failed in a way that nobody foresaw."""
        self._connection.run("count_upload_failure", upload_id=upload_id)

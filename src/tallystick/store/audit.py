"""The audit's records: appended, read in pages, and removed from the oldest on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.acts import (
    BEFORE_ALL_RECORDS,
    PRUNED,
    AuditRecord,
    Entry,
    Link,
    digest_of_record,
)
from tallystick.core.window import span_between
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.moments import Moment


EVER = span_between(None, None)


class AuditFilter(NamedTuple):
    """Which records are asked for: those before a number that fit every text that is not empty.

    `earliest` and `latest` bound the moment of the act; both are microseconds since 1970.
    """

    before: int
    actor: str = ""
    action: str = ""
    subject: str = ""
    earliest: int = EVER.earliest
    latest: int = EVER.latest

    @property
    def query(self) -> str:
        """The query whose index leaves least to be read."""
        if self.actor:
            return "audit_page_of_actor"
        if self.action:
            return "audit_page_of_action"
        if self.subject:
            return "audit_page_of_subject"
        if self.earliest > EVER.earliest or self.latest < EVER.latest:
            return "audit_page_of_time"
        return "audit_page"


class AuditQuestions(Asking):
    """What was recorded."""

    def audit_page(self, asked: AuditFilter, at_most: int) -> list[AuditRecord]:
        """The records that are asked for, the last first."""
        rows = self._connection.rows(asked.query, **asked._asdict(), at_most=at_most)
        return [_record(*row) for row in rows]

    def audit_records(self) -> Iterator[AuditRecord]:
        """Every record, in order."""
        return (_record(*row) for row in self._connection.stream("audit_records"))

    def audit_head(self) -> Link:
        """The last record, as it is noted beside the records themselves."""
        row = self._connection.row("audit_head")
        return BEFORE_ALL_RECORDS if row is None else Link(*row)

    def audit_anchor(self) -> Link:
        """The record that the oldest one follows, as the last record of a pruning says it."""
        row = self._connection.row("audit_anchor", action=PRUNED)
        if row is None:
            return BEFORE_ALL_RECORDS
        details = json.loads(row[0])
        return Link(details["up_to"], bytes.fromhex(details["digest"]))


def _record(number: int, digest: bytes, *entry: object) -> AuditRecord:
    return AuditRecord(number, Entry._make(entry), digest)


class AuditChanges(AuditQuestions):
    """What is recorded, and what is removed at the end of its time."""

    def append_to_audit(self, entries: Iterable[Entry]) -> None:
        """Append records to the chain; whoever appends at the same time waits for this commit."""
        for entry in entries:
            row = self._connection.row("next_audit_number")
            assert row is not None  # noqa: S101 - the migration has put the only row
            number, before = row
            digest = digest_of_record(before, number, entry)
            self.put_audit_record(AuditRecord(number, entry, digest))

    def put_audit_record(self, record: AuditRecord) -> None:
        """Put a record at the chain's end as it is."""
        self._connection.run(
            "add_audit_record",
            number=record.number,
            digest=record.digest,
            **record.entry._asdict(),
        )
        self._connection.run("set_audit_head", number=record.number, digest=record.digest)

    def prunable_audit(self, before: Moment, at_most: int) -> Link | None:
        """The last of the oldest records that are all from before a moment, so many at most.

        None where the oldest record is not. No more records are looked at than are asked for.
        """
        oldest = self._value(int, "audit_oldest")
        if oldest is None:
            return None
        up_to = min(oldest + at_most - 1, self.audit_head().number)
        kept = self._value(int, "audit_oldest_kept", before=before, up_to=up_to)
        if kept is not None:
            up_to = kept - 1
        row = self._connection.row("audit_digest", number=up_to) if up_to >= oldest else None
        return None if row is None else Link(up_to, *row)

    def remove_audit_up_to(self, number: int) -> int:
        """Remove the oldest records up to this one; give how many there were."""
        return self._connection.run("remove_audit_up_to", number=number)

"""Acts for the audit: who did what, from where and how it ended, and the chain of their records.

Each record's digest covers the record and the digest of the one before it. So nobody can change,
leave out or put in a record without changing every digest behind it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.identifiers import in_one_line, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.moments import Moment

TEXT_LENGTH_MAX = 200
LIST_LENGTH_MAX = 20
"""Values of a list that a record shows; the others are counted."""
WITHHELD = "…"
"""What stands for a value that a record does not show: that it was given is all that is said."""
PRUNED = "audit.prune"
"""The act whose record is the anchor of a chain that has lost its oldest records."""

AS_CALLS = {
    "import": "import.file",
    "report": "mismatches.export",
    "explanations.add": "explanation.add",
    "explanations.end": "explanation.end",
    "expectations.approve": "change-set.approve",
    "expectations.reject": "change-set.reject",
    "expectations.undo": "change-set.undo",
    "callbacks.retry": "callback.retry",
    "account.rename": "account.change",
    "group.rename": "group.change",
    "group.describe": "group.change",
    "group.put": "group.change",
    "group.take-out": "group.change",
    "sim.move": "sim.change",
}
"""Commands that do what a call does under another name; each is recorded as the call is."""

DONE = "done"
BEGUN = "begun"
"""How an act of several transactions stands when the first of them is committed."""
FAILED = "failed"

SHOWN = frozenset(
    {
        *("name", "new_name", "number", "delivery_id", "account", "accounts"),
        *("group", "description", "service", "feed"),
        *("scope", "scopes", "role", "all_accounts", "grant", "revoke", "revoke_account"),
        *("first_use", "ticket", "reason", "actor", "state", "kind", "file", "files", "format"),
        *("dry_run", "propose", "output", "target", "distribute", "map", "earliest", "latest"),
        *("account_name", "group_name", "new_group_name", "group_description"),
        *("overlap_s", "overlap_h", "valid_days", "session", "token_name", "at", "form"),
        *("source", "read", "accepted", "rejected", "approval"),
    }
)
"""Fields of calls and options of commands whose values a record shows.

Of others it shows that they were given: among them are passwords and secrets.
"""
MASKED = frozenset({"iccid", "imsi", "msisdn", "mdn"})
"""Fields that name subscribers, which a record shows in part."""


class Via(StrEnum):
    """By which way an act came."""

    COMMAND = "command"
    HTTP = "http"
    SERVER = "server"


def refused(code: str) -> str:
    """How an act ended that was refused with this code."""
    return f"refused: {code}"


class Entry(NamedTuple):
    """What a record says: texts, the moment at which the act began, and details as JSON."""

    at: int
    via: str
    actor: str
    action: str
    subject: str
    address: str
    outcome: str
    request_id: str
    details: str


class AuditRecord(NamedTuple):
    """An entry with its place in the chain."""

    number: int
    entry: Entry
    digest: bytes


class Link(NamedTuple):
    """How far a chain goes: the number and the digest of a record."""

    number: int
    digest: bytes


BEFORE_ALL_RECORDS = Link(0, bytes(32))


class Misfit(NamedTuple):
    """The first record that does not fit the chain, and what is wrong there."""

    number: int
    reason: str


@dataclass
class Act:
    """An act under way; its actor and details become known while it is done.

    `is_export` is whether it changes nothing and is recorded all the same; `is_long` whether it
    takes several transactions, so that its record in the first one does not say that it is done.
    `recorded_in` names the stores that have a record of it; `is_noted` is whether its refusal is on
    its way to the audit.
    """

    at: Moment
    via: Via
    action: str
    actor: str = ""
    subject: str = ""
    address: str = ""
    request_id: str = ""
    is_export: bool = False
    is_long: bool = False
    is_noted: bool = False
    details: dict[str, Any] = field(default_factory=dict)
    recorded_in: set[str] = field(default_factory=set)

    def entry(self, outcome: str, **more: object) -> Entry:
        """What a record says of it when it stands like this, with more details."""
        details = json.dumps(self.details | more, ensure_ascii=False, separators=(",", ":"))
        return Entry(
            self.at,
            self.via,
            in_record(self.actor),
            self.action,
            in_record(self.subject),
            in_record(self.address),
            outcome,
            in_record(self.request_id),
            details,
        )


def in_record(text: str) -> str:
    """A text as a record has it: of printable characters, and of bounded length."""
    cut = text if len(text) <= TEXT_LENGTH_MAX else f"{text[:TEXT_LENGTH_MAX]}{WITHHELD}"
    return in_one_line(cut)


def details_of(fields: Mapping[str, object]) -> dict[str, object]:
    """What a record may show of the fields of a call, or of a command's options.

    Fields without a value are left out.
    """
    return {
        in_record(name): _detail(name, value)
        for name, value in fields.items()
        if value is not None and value is not False and value not in ("", [], (), {})
    }


def _detail(name: str, value: object) -> object:
    if isinstance(value, list | tuple):
        return _details_of_list(name, value)
    if isinstance(value, bool):
        return value
    if name in MASKED:
        return masked(str(value))
    if name not in SHOWN or isinstance(value, dict):
        return WITHHELD
    return value if isinstance(value, int) else in_record(str(value))


def _details_of_list(name: str, values: Sequence[object]) -> object:
    """The first values of a list that may be shown, or else how many there are."""
    if name not in SHOWN or len(values) > LIST_LENGTH_MAX:
        return f"{len(values)} values"
    return [_detail(name, value) for value in values]


def digest_of_record(before: bytes, number: int, entry: Entry) -> bytes:
    """The digest of a record: SHA-256 of the digest before it, its number and what it says."""
    text = json.dumps([number, *entry], ensure_ascii=False, separators=(",", ":"))
    return sha256(before + text.encode()).digest()


def first_misfit(
    records: Iterable[AuditRecord], before: Link, head: Link, known: Link | None = None
) -> Misfit | None:
    """Give the first record that does not fit, None where all do.

    `before` is what the records follow, `head` the last record by what the store says beside them,
    `known` one that somebody noted elsewhere.
    """
    if known and known.number <= before.number and known != before:
        return Misfit(known.number, "was removed at the end of its time, and cannot be proved")
    last = before
    for record in records:
        misfit = _misfit_behind(last, record, known)
        if misfit:
            return misfit
        last = Link(record.number, record.digest)
    return _misfit_at_end(last, head, known)


def _misfit_behind(last: Link, record: AuditRecord, known: Link | None) -> Misfit | None:
    """What is wrong with the record behind another one."""
    number, entry, digest = record
    if number != last.number + 1:
        return Misfit(last.number + 1, "is missing")
    if digest != digest_of_record(last.digest, number, entry):
        return Misfit(number, "does not fit its digest: it was changed")
    if known and known.number == number and known.digest != digest:
        return Misfit(number, "has another digest than the one given: the chain was rewritten")
    return None


def _misfit_at_end(last: Link, head: Link, known: Link | None) -> Misfit | None:
    """What is wrong with the end of a chain."""
    end = max(head.number, known.number if known else 0)
    if last.number < end:
        return Misfit(last.number + 1, f"is missing, and so are all up to {end}")
    if last != head:
        return Misfit(last.number, "is not the last by the store's own note: it was put in")
    return None

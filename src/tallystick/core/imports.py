"""Imports of files: the states that they go through, and when one has ended without a word."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.errors import ImportNotFound
from tallystick.core.identifiers import shown
from tallystick.core.ledger import number_in
from tallystick.core.moments import MICROSECONDS_A_SECOND

if TYPE_CHECKING:
    from tallystick.core.moments import Moment

SILENT_S_MAX = 60
"""An import that has said nothing for longer than this has ended, its process with it."""
THOUSANDTHS = 1_000
GONE = (
    "its process has ended before its end was written down; what it had taken in is in the store: "
    "import the same file again, and it goes on behind that"
)


class ImportState(StrEnum):
    """How far an import is."""

    WAITING = "waiting"
    """The server reads other files before it."""
    RUNNING = "running"
    DONE = "done"
    """It has a receipt."""
    REFUSED = "refused"
    """The file as a whole; lines of it that were refused are in a receipt."""
    FAILED = "failed"
    """The store did, or something that nobody foresaw."""
    INTERRUPTED = "interrupted"
    """Its process was ended."""


UNDER_WAY = (ImportState.WAITING, ImportState.RUNNING)


class ImportRecord(NamedTuple):
    """What is kept of an import.

    `seen_at` is when its process last said that it goes on. `share` is how much of the work is
    done, in thousandths, None where the size of the file is not known; `facts` are those in the
    store by now. `message` says why it has ended without a receipt, which is JSON. `reject_lines`
    of its refused lines can be had as CSV.
    """

    number: int
    state: ImportState
    kind: str
    file: str
    actor: str
    begun_at: Moment
    seen_at: Moment
    ended_at: Moment | None
    share: int | None
    facts: int
    message: str
    receipt: str
    reject_lines: int


def receipt_in(record: ImportRecord) -> dict[str, Any] | None:
    """The receipt that is kept of an import, as programs get it; None until there is one."""
    return json.loads(record.receipt) if record.receipt else None


def accepted_in(receipt: dict[str, Any]) -> int:
    """How many new facts such a receipt tells of; nothing that is only proposed is one yet."""
    return 0 if receipt.get("proposed") else int(receipt["accepted"])


def doubts_in(receipt: dict[str, Any] | None) -> int:
    """How many doubts such a receipt tells of; a line with two doubts counts twice."""
    return sum(each["count"] for each in receipt["doubts"].values()) if receipt else 0


def as_of(record: ImportRecord, now: Moment) -> ImportRecord:
    """The record as it is to be read now: who has been silent for long has ended."""
    silent_s = (now - record.seen_at) / MICROSECONDS_A_SECOND
    if record.state not in UNDER_WAY or silent_s <= SILENT_S_MAX:
        return record
    return record._replace(state=ImportState.INTERRUPTED, ended_at=record.seen_at, message=GONE)


def parse_import_number(text: str) -> int:
    """The number of an import. Raises `ImportNotFound`: no other text is one's."""
    number = number_in(text)
    if number is None:
        message = f"there is no import {shown(text)}"
        raise ImportNotFound(message)
    return number

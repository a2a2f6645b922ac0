"""What somebody says of a mismatch that needs no correction, and for how long that holds.

An explanation belongs to one row. It holds until the SIM is seen in that hardware again without
having left it, or until a moment. A SIM that leaves the hardware and comes back opens another row,
which nobody has explained yet.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import InvalidValue
from tallystick.core.ledger import parse_note
from tallystick.core.moments import exact

if TYPE_CHECKING:
    from tallystick.core.moments import Moment


class RowState(StrEnum):
    """What is being done about a row. Each row has the first of these that applies."""

    PROPOSED = "proposed"
    """Expectations of its SIM are proposed, or an undo of such, and nobody has decided yet."""
    EXPLAINED = "explained"
    """An explanation of it holds."""
    OPEN = "open"
    """Neither."""


class Note(NamedTuple):
    """Who explains or ends an explanation, when, and what for; texts may be empty."""

    by: str
    at: Moment
    ticket: str = ""
    text: str = ""


class Explanation(NamedTuple):
    """Who explained a row, when, with which ticket and text, and how long that holds.

    `holds_until` is None where it holds until the SIM is seen again: after `seen_until`, the last
    activation of the row's stay that was known when the row was explained.
    """

    note: Note
    holds_until: Moment | None
    seen_until: Moment


def note_of(by: str, at: Moment, ticket: str, text: str) -> Note:
    """Check what somebody says of rows: a ticket, a text, or both. Raises `InvalidValue`."""
    note = Note(by, at, parse_note("ticket", ticket), parse_note("note", text))
    if not (note.ticket or note.text):
        message = "an explanation needs a ticket or a note, so that others know what it rests on"
        raise InvalidValue(message)
    return note


def require_future(holds_until: Moment | None, now: Moment) -> None:
    """Hold an explanation to end later than now. Raises `InvalidValue`."""
    if holds_until is not None and holds_until <= now:
        message = f"until must be later than now, not {exact(holds_until)}"
        raise InvalidValue(message)


def holds(explanation: Explanation, now: Moment, last_seen_at: Moment) -> bool:
    """Whether an explanation holds, `last_seen_at` being the last activation of the row's stay."""
    if explanation.holds_until is not None:
        return now < explanation.holds_until
    return last_seen_at <= explanation.seen_until


def state_of(*, is_proposed: bool, is_explained: bool) -> RowState:
    """What is being done about a row."""
    if is_proposed:
        return RowState.PROPOSED
    return RowState.EXPLAINED if is_explained else RowState.OPEN

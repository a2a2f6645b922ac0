"""Unfinished work: changes that concern more SIMs than one transaction should.

Whoever makes such a change notes it as work, in the same transaction, and does its first part. Each
further part is a transaction of its own, so that other writers get in between. What was killed is
found in the table and goes on where it was.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.row_events import POLICY, RENAME
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from tallystick.store.writer import Writer

SIMS_A_PART = 2_048


class WorkKind(StrEnum):
    """What is to be done to the SIMs of an account, or to the expectations of a change set."""

    RENAME = "rename"
    FIRST_USE = "first-use"
    APPROVAL = "approval"
    UNDO = "undo"


class Work(NamedTuple):
    """Work that has come as far as one SIM; the subject is an account or a change set."""

    kind: WorkKind
    subject: int
    after: int = BEFORE_ALL


class WorkQuestions(Asking):
    """Which work is not finished."""

    def unfinished_work(self) -> list[Work]:
        """Give all work that is not finished."""
        rows = self._connection.rows("unfinished_work")
        return [Work(WorkKind(kind), subject, after) for kind, subject, after in rows]


class WorkChanges(WorkQuestions):
    """How far work has come."""

    def work_on(self, kind: WorkKind, subject: int) -> Work | None:
        """Give this work as far as it has come; None where it is finished."""
        row = self._connection.row("work_on", kind=kind, subject=subject)
        return None if row is None else Work(kind, subject, row[0])

    def put_work(self, work: Work) -> None:
        """Note how far work has come."""
        self._connection.run("put_work", kind=work.kind, subject=work.subject, after=work.after)

    def end_work(self, work: Work) -> None:
        """Note that work is finished."""
        self._connection.run("end_work", kind=work.kind, subject=work.subject)


def begin(writer: Writer, kind: WorkKind, subject: int) -> None:
    """Begin work, or begin it anew, and do its first part."""
    go_on(writer, Work(kind, subject))


def go_on(writer: Writer, work: Work) -> None:
    """Do the next part of work, and note how far it has come."""
    up_to = DO_PART[work.kind](writer, work)
    if up_to is None:
        writer.end_work(work)
    else:
        writer.put_work(work._replace(after=up_to))


def _rename_part(writer: Writer, work: Work) -> int | None:
    sims = writer.sims_of_account_after(work.subject, work.after, SIMS_A_PART)
    writer.rows_changed(sims, RENAME)
    return sims[-1] if len(sims) == SIMS_A_PART else None


def _first_use_part(writer: Writer, work: Work) -> int | None:
    sims = writer.sims_of_account_after(work.subject, work.after, SIMS_A_PART)
    writer.sims_changed(sims, POLICY)
    return sims[-1] if len(sims) == SIMS_A_PART else None


def _approval_part(writer: Writer, work: Work) -> int | None:
    """Put the next expectations of a proposal in force; the last part makes it applied."""
    number = work.subject
    part = writer.proposed_part(number, work.after, SIMS_A_PART)
    writer.take_ledgered(SimExpectation, part.values, number, is_by_one_hand=False)
    if part.up_to is None:
        writer.end_proposal(number)
        writer.set_change_set_state(number, "applied")
    return part.up_to


def _undo_part(writer: Writer, work: Work) -> int | None:
    """Take the next expectations of a change set back; the last part makes the undo applied.

    What was changed since the undo began stays: the later change counts.
    """
    undo = writer.change_set(work.subject)
    undone = writer.change_set(undo.undoes) if undo and undo.undoes is not None else None
    assert undo is not None  # noqa: S101 - no change set with work is removed
    assert undone is not None  # noqa: S101 - the same
    part = writer.effect_part(undone, work.after, SIMS_A_PART)
    effect = writer.effect_of(undone, part)
    changed = writer.changed_since(undone, effect, part)
    writer.take_back_part(undone.kind, effect.without(changed), undo.change_set_id)
    if part.is_last:
        decided_at = undo.decided_at or undo.brought_at
        writer.decide_change_set(undo.change_set_id, "applied", undo.decided_by, decided_at)
    return None if part.is_last else part.up_to


DO_PART = {
    WorkKind.RENAME: _rename_part,
    WorkKind.FIRST_USE: _first_use_part,
    WorkKind.APPROVAL: _approval_part,
    WorkKind.UNDO: _undo_part,
}
"""What does the next part of each kind of work.

It gives the SIM that it came to, None at the end.
"""

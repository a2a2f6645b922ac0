"""Work on single SIMs: the mismatch that is answered, and the change sets that a user sees.

A change set says nothing of accounts. Who sees every account sees every change set; who sees some
sees those that were proposed for one SIM of theirs, which name it, and their undoings.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import ChangeSetNotFound, MismatchNotFound
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, exact
from tallystick.core.window import Window
from tallystick.fleet import ledger
from tallystick.fleet.timeline import visible_sim
from tallystick.store.ledger import LedgerPart

if TYPE_CHECKING:
    from collections.abc import Container

    from tallystick.core.ledger import ChangeSet, Origin, State
    from tallystick.core.pairing import Expectation
    from tallystick.fleet.ledger import ExpectationChange, IdentityChange
    from tallystick.store import Reader
    from tallystick.store.access import View

FOR_ONE_SIM = "console"
"""The source of change sets that were proposed for one SIM, whose ICCID is their detail."""
LOOKED_AT_MAX = 1_000
"""Change sets that are looked at for a page of those that a user sees."""
ROWS_AT_ONCE_MAX = 100


class Mismatch(NamedTuple):
    """A row of a SIM as it stands: where and when it was seen, and what was expected then.

    `in_force` is None where nothing was written down.
    """

    iccid: Iccid
    seen_in: Imei
    seen_at: Moment
    in_force: Expectation | None


class ChangeSetPage(NamedTuple):
    """Change sets, the last first; `before` is where the next page begins, None at the end."""

    change_sets: list[ChangeSet]
    before: int | None


def mismatch(
    reader: Reader, iccid: Iccid, seen_in: Imei, seen_at: Moment, visible: Container[str]
) -> Mismatch:
    """Give a row by its key. Raises `SimNotFound`, or `MismatchNotFound` where it was closed."""
    visible_sim(reader, iccid, visible)
    moment = Window(Moment(seen_at - 1), Moment(seen_at + 1))
    rows = reader.rows_of_sim(iccid, moment, ROWS_AT_ONCE_MAX)
    if seen_in not in {post_imei for _, _, _, post_imei, _, _ in rows}:
        message = (
            f"SIM {iccid} has no mismatch in {seen_in} at {exact(seen_at)}, or has it no more; "
            "look at its page again"
        )
        raise MismatchNotFound(message)
    in_force = reader.newest_expectations(iccid, moment.latest, 1)
    return Mismatch(iccid, seen_in, seen_at, in_force[0] if in_force else None)


def for_one_sim(origin: Origin, iccid: Iccid) -> Origin:
    """The origin of a change set that is proposed for one SIM."""
    return origin._replace(source=FOR_ONE_SIM, detail=str(iccid))


def sim_of(reader: Reader, change_set: ChangeSet) -> Iccid | None:
    """The one SIM that a change set, or the undoing of one, was proposed for, if it was."""
    while change_set.undoes is not None:
        undone = reader.change_set(change_set.undoes)
        if undone is None:
            return None
        change_set = undone
    return Iccid.parse(change_set.detail) if change_set.source == FOR_ONE_SIM else None


def _is_seen(reader: Reader, view: View, change_set: ChangeSet) -> bool:
    if view.sees_all:
        return True
    iccid = sim_of(reader, change_set)
    sim = None if iccid is None else reader.sim(iccid)
    return sim is not None and sim.account in view.accounts


def change_set_seen(reader: Reader, view: View, number: int) -> ChangeSet:
    """Give a change set that a user sees.

    Raises `ChangeSetNotFound`, also where there is one that they do not see.
    """
    change_set = reader.change_set(number)
    if change_set is None or not _is_seen(reader, view, change_set):
        message = f"there is no change set {number}"
        raise ChangeSetNotFound(message)
    return change_set


def change_sets_seen(
    reader: Reader, view: View, before: int, at_most: int, state: State | None
) -> ChangeSetPage:
    """Give those that a user sees of the change sets before one.

    A page may have fewer than asked for, though more follow: 1,000 are looked at for it at most.
    """
    looked_at_max = at_most if view.sees_all else LOOKED_AT_MAX
    looked_at = reader.change_sets(before, looked_at_max, state)
    seen = list(islice((each for each in looked_at if _is_seen(reader, view, each)), at_most))
    if len(seen) == at_most:
        return ChangeSetPage(seen, seen[-1].change_set_id)
    has_more = len(looked_at) == looked_at_max
    return ChangeSetPage(seen, looked_at[-1].change_set_id if has_more else None)


def changes_for_one_sim(
    reader: Reader, change_set: ChangeSet, iccid: Iccid, at_most: int
) -> tuple[list[ExpectationChange] | list[IdentityChange], int]:
    """Give what a change set did, or would do, to one SIM, as `ledger.changes_in` does."""
    part = LedgerPart(iccid - 1, iccid, is_last=True)
    return ledger.changes_in(reader, change_set, at_most, part)

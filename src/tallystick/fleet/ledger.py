"""The ledger of expectations: change sets approved, rejected or undone, and the log of a SIM."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.errors import (
    ChangedSince,
    ChangeSetDecided,
    ChangeSetNotFound,
    OwnProposal,
    SimNotFound,
)
from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.ledger import ChangeSet, Stay, is_same_hand, stays_of
from tallystick.core.moments import Moment
from tallystick.store import Taken
from tallystick.store.ledger import KEY
from tallystick.store.unfinished import SIMS_A_PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.ledger import Origin, State
    from tallystick.store import Reader, Store, Tried

SIMS_LISTED_MAX = 20
"""SIMs that a refusal lists; the others are counted."""
UNDO = "undo"


class Entry(NamedTuple):
    """A value that a SIM's expectation had: what put it, returned it and ended it, where known."""

    stay: Stay
    put: ChangeSet | None
    returned: ChangeSet | None
    ended: ChangeSet | None


class ExpectationChange(NamedTuple):
    """What a change set did, or would do, to one expectation.

    None where there was, or is, nothing.
    """

    iccid: Iccid
    effective_from: Moment
    old_imei: Allowed | None
    new_imei: Allowed | None


def log(reader: Reader, text: str) -> list[Entry]:
    """Give every value that a SIM's expectations ever had, in order.

    Raises `InvalidValue` or `SimNotFound`.
    """
    iccid = Iccid.parse(text)
    stays = stays_of(reader.values_of(iccid), reader.undoings())
    if not stays and reader.sim(iccid) is None:
        message = f"there is no SIM {iccid}, and nothing was ever expected of it"
        raise SimNotFound(message)
    numbers = {number for stay in stays for number in _change_sets_of(stay)}
    change_sets = {number: reader.change_set(number) for number in numbers if number}
    return [Entry(stay, *map(change_sets.get, _change_sets_of(stay))) for stay in stays]


def _change_sets_of(stay: Stay) -> tuple[int, int, int]:
    """The change sets that put, returned and ended a value; 0 where there is none."""
    return stay.change_set_id, stay.returned_in or 0, stay.ended_in or 0


def change_set(reader: Reader, number: int) -> ChangeSet:
    """Give a change set by its number. Raises `ChangeSetNotFound`."""
    change_set = reader.change_set(number)
    if change_set is None:
        message = f"there is no change set {number}"
        raise ChangeSetNotFound(message)
    return change_set


def changes_in(
    reader: Reader, change_set: ChangeSet, at_most: int
) -> tuple[list[ExpectationChange], int]:
    """Give what a change set did, or would do: the first changes by SIM, and how many in all.

    A change set that was rejected did nothing.
    """
    is_proposed = change_set.state == "proposed"
    find_changes = _proposed_changes if is_proposed else _made_changes
    changes = find_changes(reader, change_set)
    first = changes.select(*KEY, "old_imei", "imei").sort(KEY).head(at_most)
    lists = reader.lists_of(first["iccid"])
    return [_change(row, lists) for row in first.iter_rows()], len(changes)


def _proposed_changes(reader: Reader, change_set: ChangeSet) -> pl.DataFrame:
    after = reader.proposed(change_set.change_set_id)
    before = reader.values_among(after["iccid"]) if len(after) else after
    return after.join(before.select(*KEY, old_imei="imei"), on=KEY, how="left")


def _made_changes(reader: Reader, change_set: ChangeSet) -> pl.DataFrame:
    before, after = reader.effect_of(change_set)
    if change_set.undoes is None:
        ended = reader.ended_values_of(change_set)
        after = pl.concat([after, ended]).unique(KEY, keep="first")
    old, new = before.select(*KEY, old_imei="imei"), after.select(*KEY, "imei")
    return new.join(old, on=KEY, how="full", coalesce=True)


def _change(
    row: tuple[int, int, int | None, int | None], lists: Mapping[tuple[int, int], str]
) -> ExpectationChange:
    """One change: SIM, moment, the value before and the value after.

    A value is None where there was none.
    """
    iccid, effective_from, *values = row
    old, new = (
        None if value is None else Allowed.read(value, lists.get((iccid, value)))
        for value in values
    )
    return ExpectationChange(Iccid(iccid), Moment(effective_from), old, new)


def try_proposal(store: Store, number: int) -> Iterator[tuple[Tried, int]]:
    """Give what a proposal would do now, part by part, each with the number of its expectations.

    Nothing of it stays. Raises `ChangeSetNotFound` or `ChangeSetDecided`.
    """
    after: int | None = BEFORE_ALL
    while after is not None:
        with store.transaction() as writer:
            _require_state(change_set(writer, number), "proposed")
            part = writer.proposed_part(number, after, SIMS_A_PART)
            tried = writer.try_expectations(part.values)
        yield tried, len(part.values)
        after = part.up_to


def approve(store: Store, number: int, by: str, now: Moment) -> Taken:
    """Put a proposal in force, as another person.

    Raises `ChangeSetNotFound`, `ChangeSetDecided` or `OwnProposal`.
    """
    with store.transaction() as writer:
        _require_other_eyes(writer, change_set(writer, number), by)
        proposed = writer.count_of_proposed(number)
        writer.begin_approval(number, by, now)
    store.finish_work()
    with store.snapshot() as reader:
        approved = change_set(reader, number)
    accepted = approved.added + approved.corrected
    return Taken(accepted, proposed - accepted)


def reject(store: Store, number: int, by: str, now: Moment) -> None:
    """Drop a proposal, as another person.

    Raises `ChangeSetNotFound`, `ChangeSetDecided` or `OwnProposal`.
    """
    with store.transaction() as writer:
        _require_other_eyes(writer, change_set(writer, number), by)
        writer.drop_proposed(number)
        writer.decide_change_set(number, "rejected", by, now)


def undo(store: Store, number: int, origin: Origin) -> int:
    """Take a whole change set back; give the number of the one that does so, which can be undone.

    Raises `ChangeSetNotFound`, `ChangeSetDecided`, or `ChangedSince` where a later change set has
    changed the same.
    """
    undoing = origin._replace(source=UNDO, detail=f"change set {number}")
    store.finish_work()
    with store.snapshot() as reader:
        undone = _undoable(reader, number)
        _require_unchanged(reader, undone)
    with store.transaction() as writer:
        undone = _undoable(writer, number)
        if undone.added + undone.corrected + undone.removed <= SIMS_A_PART:
            _require_unchanged(writer, undone)  # of larger ones, what is changed now stays
        undone_in = writer.begin_undo(undone, undoing)
    store.finish_work()
    return undone_in


def _undoable(reader: Reader, number: int) -> ChangeSet:
    undone = change_set(reader, number)
    _require_state(undone, "applied", "applying")
    return undone


def _require_unchanged(reader: Reader, undone: ChangeSet) -> None:
    changed = reader.changed_since(undone, reader.effect_of(undone))
    if len(changed):
        raise ChangedSince(_changed_since(reader, undone.change_set_id, changed))


def _changed_since(reader: Reader, number: int, changed: pl.DataFrame) -> str:
    present = reader.values_among(changed["iccid"]).join(changed, on=KEY, how="semi")
    later = ", ".join(map(str, present["change_set_id"].unique().sort()))
    by_whom = f" by change sets {later}; undo those first" if later else ""
    iccids = changed["iccid"].unique().sort()
    first = ", ".join(str(Iccid(iccid)) for iccid in iccids[:SIMS_LISTED_MAX])
    more = len(iccids) - SIMS_LISTED_MAX
    and_more = f" and {more:,} more" if more > 0 else ""
    return (
        f"change set {number} cannot be undone: {len(iccids):,} of its SIMs were changed since"
        f"{by_whom}: {first}{and_more}"
    )


def _require_state(change_set: ChangeSet, *states: State) -> None:
    if change_set.state not in states:
        wanted = " or ".join(states)
        message = f"change set {change_set.change_set_id} is {change_set.state}, not {wanted}"
        raise ChangeSetDecided(message)


def _require_other_eyes(reader: Reader, change_set: ChangeSet, by: str) -> None:
    """Raise `OwnProposal` where one hand would both propose and decide."""
    _require_state(change_set, "proposed")
    actor = change_set.actor
    if not is_same_hand(actor, by, reader.app_keepers()):
        return
    shared = "" if by == actor else f", and whoever made one of the apps {actor} and {by} has both"
    message = (
        f"change set {change_set.change_set_id} was proposed by {actor}{shared}; another person "
        "has to decide about it"
    )
    raise OwnProposal(message)

"""The ledger: change sets approved, rejected or undone, and the log of a SIM's expectations."""

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
from tallystick.core.identities import Subscriber
from tallystick.core.ledger import ChangeSet, Stay, is_same_hand, stays_of
from tallystick.core.moments import Moment
from tallystick.store import Taken
from tallystick.store.ledger import (
    EXPECTATIONS,
    IDENTITIES,
    KEY,
    LEDGERED,
    WHOLE,
    Ledgered,
    LedgerPart,
)
from tallystick.store.unfinished import SIMS_A_PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.ledger import Origin, State
    from tallystick.store import Reader, Store, Tried

SIMS_LISTED_MAX = 20
"""SIMs that a refusal lists; the others are counted."""
UNDO = "undo"
OLD = "old"  # the column of a value before a change


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


class IdentityChange(NamedTuple):
    """What a change set did to one identity.

    None where there was, or is, nothing.
    """

    subscriber: Subscriber
    valid_from: Moment
    old_iccid: Iccid | None
    new_iccid: Iccid | None


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
    reader: Reader, change_set: ChangeSet, at_most: int, part: LedgerPart = WHOLE
) -> tuple[list[ExpectationChange] | list[IdentityChange], int]:
    """Give what a change set did, or would do: the first changes by SIM, and how many in all.

    A change set that was rejected did nothing. Where only SIMs of a part are asked about, no others
    are read.
    """
    of = LEDGERED[change_set.kind]
    is_proposed = change_set.state == "proposed"
    find_changes = _proposed_changes if is_proposed else _made_changes
    changes = find_changes(reader, change_set, part)
    first = changes.select(*of.key, OLD, of.value).sort(of.key).head(at_most)
    if of is IDENTITIES:
        return [_identity_change(row) for row in first.iter_rows()], len(changes)
    lists = reader.lists_of(first["iccid"])
    return [_change(row, lists) for row in first.iter_rows()], len(changes)


def _proposed_changes(reader: Reader, change_set: ChangeSet, part: LedgerPart) -> pl.DataFrame:
    after = reader.proposed(change_set.change_set_id, part)
    before = reader.values_among(after["iccid"]) if len(after) else after
    return after.join(before.select(*KEY, pl.col("imei").alias(OLD)), on=KEY, how="left")


def _made_changes(reader: Reader, change_set: ChangeSet, part: LedgerPart) -> pl.DataFrame:
    of = LEDGERED[change_set.kind]
    before, after = reader.effect_of(change_set, part)
    if change_set.undoes is None:
        ended = reader.ended_values_of(change_set, part)
        after = pl.concat([after, ended]).unique(of.key, keep="first")
    old = before.select(*of.key, pl.col(of.value).alias(OLD))
    new = after.select(*of.key, of.value)
    return new.join(old, on=of.key, how="full", coalesce=True)


def _identity_change(row: tuple[int, int, int | None, int | None]) -> IdentityChange:
    """One change: subscriber, moment, the SIM before and the SIM after."""
    subscriber, valid_from, *iccids = row
    old, new = (None if iccid is None else Iccid(iccid) for iccid in iccids)
    return IdentityChange(Subscriber(subscriber), Moment(valid_from), old, new)


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
        raise ChangedSince(_changed_since(reader, undone, changed))


def _changed_since(reader: Reader, undone: ChangeSet, changed: pl.DataFrame) -> str:
    of, number = LEDGERED[undone.kind], undone.change_set_id
    present = reader.present_at(of, changed)
    later = ", ".join(map(str, present["change_set_id"].unique().sort()))
    by_whom = f" by change sets {later}; undo those first" if later else ""
    numbers = changed[of.key[0]].unique().sort()
    first = ", ".join(_shown(of, number) for number in numbers[:SIMS_LISTED_MAX])
    more = len(numbers) - SIMS_LISTED_MAX
    and_more = f" and {more:,} more" if more > 0 else ""
    what = "SIMs" if of is EXPECTATIONS else "IMSIs and MSISDNs"
    return (
        f"change set {number} cannot be undone: {len(numbers):,} of its {what} were changed since"
        f"{by_whom}: {first}{and_more}"
    )


def _shown(of: Ledgered, number: int) -> str:
    return str(Iccid(number)) if of is EXPECTATIONS else Subscriber(number).masked


def is_own(reader: Reader, change_set: ChangeSet, by: str) -> bool:
    """Whether who would decide about a change set may be who brought it."""
    return is_same_hand(change_set.actor, by, reader.app_keepers())


def _require_state(change_set: ChangeSet, *states: State) -> None:
    if change_set.state not in states:
        wanted = " or ".join(states)
        message = f"change set {change_set.change_set_id} is {change_set.state}, not {wanted}"
        raise ChangeSetDecided(message)


def _require_other_eyes(reader: Reader, change_set: ChangeSet, by: str) -> None:
    """Raise `OwnProposal` where one hand would both propose and decide."""
    _require_state(change_set, "proposed")
    if not is_own(reader, change_set, by):
        return
    actor = change_set.actor
    shared = "" if by == actor else f", and whoever made one of the apps {actor} and {by} has both"
    message = (
        f"change set {change_set.change_set_id} was proposed by {actor}{shared}; another person "
        "has to decide about it"
    )
    raise OwnProposal(message)

"""The ledger: change sets approved, rejected or undone, and the log of a SIM's expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.approval import (
    Proposal,
    require_may_decide,
    require_may_drop,
    require_may_withdraw,
)
from tallystick.core.errors import (
    ChangedSince,
    ChangeSetDecided,
    ChangeSetNotFound,
    SimNotFound,
)
from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.identities import Subscriber
from tallystick.core.ledger import ChangeSet, HeldValue, held_values, is_same_hand
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

    from tallystick.core.approval import Decider
    from tallystick.core.ledger import Origin, State
    from tallystick.store import Facts, Reader, Store, Tried, Writer

Requirement = Callable[["Decider", Proposal], None]
"""A rule that holds somebody to what they may do about a proposal, and raises otherwise."""
SIMS_LISTED_MAX = 20
"""SIMs that a refusal lists; the others are counted."""
UNDO = "undo"
OLD = "old"  # the column of a value before a change


class Entry(NamedTuple):
    """A value that a SIM's expectation had: what put it, returned it and ended it, where known."""

    value: HeldValue
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
    held = held_values(reader.values_of(iccid), reader.undoings())
    if not held and reader.sim(iccid) is None:
        message = f"there is no SIM {iccid}, and nothing was ever expected of it"
        raise SimNotFound(message)
    numbers = {number for value in held for number in _change_sets_of(value)}
    change_sets = {number: reader.change_set(number) for number in numbers if number}
    return [Entry(value, *map(change_sets.get, _change_sets_of(value))) for value in held]


def _change_sets_of(value: HeldValue) -> tuple[int, int, int]:
    """The change sets that put, returned and ended a value; 0 where there is none."""
    return value.change_set_id, value.returned_in or 0, value.ended_in or 0


def change_set(reader: Reader, number: int) -> ChangeSet:
    """Give a change set by its number. Raises `ChangeSetNotFound`."""
    change_set = reader.change_set(number)
    if change_set is None:
        raise no_such_change_set(number)
    return change_set


def no_such_change_set(number: int) -> ChangeSetNotFound:
    """What is raised where there is no change set of a number, or none that the asker sees."""
    return ChangeSetNotFound(f"there is no change set {number}")


def changes_in(
    reader: Reader, change_set: ChangeSet, at_most: int, part: LedgerPart = WHOLE
) -> tuple[list[ExpectationChange] | list[IdentityChange], int]:
    """Give what a change set did, or would do: the first changes by SIM, and how many in all.

    A change set that was rejected did nothing. Where only SIMs of a part are asked about, no others
    are read.
    """
    of = LEDGERED[change_set.kind]
    changes = _changes_finder(change_set)(reader, change_set, part)
    first = changes.select(*of.key, OLD, of.value).sort(of.key).head(at_most)
    if of is IDENTITIES:
        return [_identity_change(row) for row in first.iter_rows()], len(changes)
    lists = reader.lists_of(first["iccid"])
    return [_change(row, lists) for row in first.iter_rows()], len(changes)


def _changes_finder(change_set: ChangeSet) -> Callable[..., pl.DataFrame]:
    if change_set.state != "proposed":
        return _made_changes
    return _proposed_changes if change_set.undoes is None else _undoing_changes


def _undoing_changes(reader: Reader, change_set: ChangeSet, part: LedgerPart) -> pl.DataFrame:
    """What the taking back of another change set, which is proposed, would do."""
    undone = _undone(reader, change_set)
    of = LEDGERED[undone.kind]
    before, after = reader.effect_of(undone, part)
    old = after.select(*of.key, pl.col(of.value).alias(OLD))
    return before.select(*of.key, of.value).join(old, on=of.key, how="full", coalesce=True)


def _undone(reader: Reader, undoing: ChangeSet) -> ChangeSet:
    """What a change set takes back."""
    assert undoing.undoes is not None  # noqa: S101 - asked of those that take one back
    return change_set(reader, undoing.undoes)


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
            proposal = change_set(writer, number)
            _require_state(proposal, "proposed")
            try_part = _try_part if proposal.undoes is None else _try_undoing_part
            tried, count, after = try_part(writer, proposal, after)
        yield tried, count


def _try_part(writer: Writer, proposal: ChangeSet, after: int) -> tuple[Tried, int, int | None]:
    """What the next part would do, how many values it has, and the SIM that it came to."""
    part = writer.proposed_part(proposal.change_set_id, after, SIMS_A_PART)
    return writer.try_expectations(part.values), len(part.values), part.up_to


def _try_undoing_part(
    writer: Writer, proposal: ChangeSet, after: int
) -> tuple[Tried, int, int | None]:
    """The same of a change set that takes another one back."""
    undone = _undone(writer, proposal)
    part = writer.effect_part(undone, after, SIMS_A_PART)
    effect = writer.effect_of(undone, part)
    effect = effect.without(writer.changed_since(undone, effect, part))
    tried = writer.try_taking_back(undone.kind, effect)
    return tried, tried.added + tried.corrected, None if part.is_last else part.up_to


def approve(store: Store, number: int, decider: Decider, now: Moment) -> Taken:
    """Put a proposal in force, as somebody who may decide about it.

    Raises `ChangeSetNotFound`, `ChangeSetDecided`, `RoleRefused` or `OwnProposal`; where it takes
    another change set back, also what `undo` does.
    """
    with store.snapshot() as reader:
        undoes = change_set(reader, number).undoes
        if undoes is not None:
            _decidable(reader, number, decider)
            _require_unchanged(reader, _undoable(reader, undoes))
    with store.transaction() as writer:
        proposal = _decidable(writer, number, decider)
        proposed = writer.count_of_proposed(number)
        _begin_approval(writer, proposal, decider.name, now)
    store.finish_work()
    with store.snapshot() as reader:
        approved = change_set(reader, number)
    if approved.undoes is not None:
        return Taken(approved.added + approved.corrected + approved.removed, 0)
    accepted = approved.added + approved.corrected
    return Taken(accepted, proposed - accepted)


def _begin_approval(writer: Writer, proposal: ChangeSet, by: str, now: Moment) -> None:
    number = proposal.change_set_id
    if proposal.undoes is None:
        writer.begin_approval(number, by, now)
        return
    undone = _undoable_now(writer, proposal.undoes)
    writer.decide_change_set(number, "applying", by, now)
    writer.begin_undo(undone, number)


def reject(store: Store, number: int, decider: Decider, now: Moment) -> None:
    """Drop a proposal, as somebody who may decide about it, or withdraw one's own.

    Raises `ChangeSetNotFound`, `ChangeSetDecided`, `RoleRefused` or `OwnProposal`.
    """
    _drop(store, number, decider, now, require_may_drop)


def withdraw(store: Store, number: int, decider: Decider, now: Moment) -> None:
    """Drop a proposal as its own maker alone may.

    Raises `ChangeSetNotFound`, `ChangeSetDecided` or `ChangeSetRefused`.
    """
    _drop(store, number, decider, now, require_may_withdraw)


def _drop(store: Store, number: int, decider: Decider, now: Moment, require: Requirement) -> None:
    with store.transaction() as writer:
        _proposed(writer, number, decider, require)
        writer.end_proposal(number)
        writer.decide_change_set(number, "rejected", decider.name, now)


def apply_at_once(store: Store, expectations: Facts, origin: Origin, decider: Decider) -> int:
    """Propose expectations and put them in force in one step; give the number of the change set.

    Raises `RoleRefused` or `OwnProposal` where somebody else has to decide.
    """
    with store.transaction() as writer:
        number = writer.begin_change_set(origin, "proposed")
        writer.propose(number, expectations)
        _decidable(writer, number, decider)
        writer.begin_approval(number, decider.name, origin.at)
    store.finish_work()
    return number


def undo(store: Store, number: int, origin: Origin) -> int:
    """Take a whole change set back; give the number of the one that does so, which can be undone.

    Where an account of its SIMs asks for approval, it is only proposed; where one is proposed
    already, that one's number is given. Raises `ChangeSetNotFound`, `ChangeSetDecided`, or
    `ChangedSince` where a later change set has changed the same.
    """
    undoing = origin._replace(source=UNDO, detail=f"change set {number}")
    store.finish_work()
    with store.snapshot() as reader:
        undone = _undoable(reader, number)
        _require_unchanged(reader, undone)
    with store.transaction() as writer:
        undone = _undoable_now(writer, number)
        if not origin.is_operators and writer.asking_for_undo(undone):
            return writer.proposed_undoing(number) or writer.begin_change_set(
                undoing, "proposed", number, undone.kind
            )
        undone_in = writer.begin_change_set(undoing, "applying", number, undone.kind)
        writer.begin_undo(undone, undone_in)
    store.finish_work()
    return undone_in


def _undoable_now(writer: Writer, number: int) -> ChangeSet:
    undone = _undoable(writer, number)
    if undone.added + undone.corrected + undone.removed <= SIMS_A_PART:
        _require_unchanged(writer, undone)  # of larger ones, what is changed now stays
    return undone


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


def proposal_of(reader: Reader, change_set: ChangeSet, by: str) -> Proposal:
    """A proposal as the rule asks of it (`core.approval`) where somebody would decide about it."""
    is_same = is_same_hand(change_set.actor, by, reader.app_keepers())
    asking = reader.asking_for_proposal(change_set) if is_same else ()
    return Proposal(change_set.change_set_id, change_set.actor, is_same, asking)


def _require_state(change_set: ChangeSet, *states: State) -> None:
    if change_set.state not in states:
        wanted = " or ".join(states)
        message = f"change set {change_set.change_set_id} is {change_set.state}, not {wanted}"
        raise ChangeSetDecided(message)


def _decidable(reader: Reader, number: int, decider: Decider) -> ChangeSet:
    """A proposal that somebody may decide about."""
    return _proposed(reader, number, decider, require_may_decide)


def _proposed(reader: Reader, number: int, decider: Decider, require: Requirement) -> ChangeSet:
    """A proposal about which somebody may do what the rule `require` asks for."""
    proposed = change_set(reader, number)
    _require_state(proposed, "proposed")
    require(decider, proposal_of(reader, proposed, decider.name))
    return proposed

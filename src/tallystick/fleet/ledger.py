"""Change sets of expectations: approved or rejected by another person, taken back, and what a SIM's ledger tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.errors import (
    ChangedSince,
    ChangeSetDecided,
    ChangeSetNotFound,
    OwnProposal,
    SimNotFound,
)
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.ledger import ChangeSet, Stay, stays_of
from tallystick.core.moments import Moment, since, wire
from tallystick.store.ledger import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from tallystick.core.ledger import Origin, State
    from tallystick.store import Reader, Store, Taken, Tried, Writer

SIMS_TOLD_MAX = 20  # in a refusal; the others are counted
UNDO = "undo"


class Entry(NamedTuple):
    """A value that a SIM's expectation had: what put it, what brought it back, and what ended it, where known."""

    stay: Stay
    put: ChangeSet | None
    returned: ChangeSet | None
    ended: ChangeSet | None


class Change(NamedTuple):
    """What a change set did, or would do, to one expectation; None where there was, or is, nothing."""

    iccid: Iccid
    effective_from: Moment
    old_imei: Imei | None
    new_imei: Imei | None


def log(reader: Reader, text: str) -> list[Entry]:
    """Every value that the expectations of a SIM ever had, in order. Raises `InvalidValue` or `SimNotFound`."""
    iccid = Iccid.parse(text)
    stays = stays_of(reader.values_of(iccid), reader.undoings())
    if not stays and reader.sim(iccid) is None:
        message = f"there is no SIM {iccid}, and nothing was ever expected of it"
        raise SimNotFound(message)
    numbers = {
        number
        for stay in stays
        for number in (stay.change_set_id, stay.returned_in, stay.ended_in)
        if number
    }
    found = {number: reader.change_set(number) for number in numbers}
    return [
        Entry(
            stay,
            found.get(stay.change_set_id),
            found.get(stay.returned_in or 0),
            found.get(stay.ended_in or 0),
        )
        for stay in stays
    ]


def change_set(reader: Reader, number: int) -> ChangeSet:
    """A change set by its number. Raises `ChangeSetNotFound`."""
    found = reader.change_set(number)
    if found is None:
        message = f"there is no change set {number}"
        raise ChangeSetNotFound(message)
    return found


def changes_in(reader: Reader, found: ChangeSet, at_most: int) -> tuple[list[Change], int]:
    """What a change set did, or would do: the first in order of SIM, and how many in all; nothing if rejected."""
    if found.state == "proposed":
        after = reader.proposed(found.change_set_id)
        before = reader.values_among(after["iccid"]) if len(after) else after
        both = after.join(before.select(*KEY, old_imei="imei"), on=KEY, how="left")
    else:
        before, after = reader.effect_of(found)
        if found.undoes is None:
            after = pl.concat([after, reader.ended_values_of(found.change_set_id)]).unique(
                KEY, keep="first"
            )
        both = after.select(*KEY, "imei").join(
            before.select(*KEY, old_imei="imei"), on=KEY, how="full", coalesce=True
        )
    first = both.select(*KEY, "old_imei", "imei").sort(KEY).head(at_most)
    return [_change(*row) for row in first.iter_rows()], len(both)


def _change(iccid: int, moment: int, old_imei: int | None, imei: int | None) -> Change:
    return Change(
        Iccid(iccid),
        Moment(moment),
        None if old_imei is None else Imei(old_imei),
        None if imei is None else Imei(imei),
    )


def try_proposal(store: Store, number: int) -> tuple[Tried, int]:
    """What a proposal would do now, and how many expectations it has; nothing of it stays.

    Raises `ChangeSetNotFound` or `ChangeSetDecided`.
    """
    with store.transaction() as writer:
        _require(change_set(writer, number), "proposed")
        proposed = writer.proposed(number)
        return writer.try_expectations(proposed), len(proposed)


def approve(store: Store, number: int, by: str, now: Moment) -> Taken:
    """Put a proposal in force, as another person. Raises `ChangeSetNotFound`, `ChangeSetDecided` or `OwnProposal`."""
    with store.transaction() as writer:
        _require_other_eyes(change_set(writer, number), by)
        taken = writer.take_expectations(writer.proposed(number), number)
        _decide(writer, number, "applied", by, now)
    return taken


def reject(store: Store, number: int, by: str, now: Moment) -> None:
    """Drop a proposal, as another person. Raises `ChangeSetNotFound`, `ChangeSetDecided` or `OwnProposal`."""
    with store.transaction() as writer:
        _require_other_eyes(change_set(writer, number), by)
        _decide(writer, number, "rejected", by, now)


def undo(store: Store, number: int, origin: Origin) -> int:
    """Take a whole change set back; give the number of the one that does so, which can be undone in turn.

    Raises `ChangeSetNotFound`, `ChangeSetDecided`, or `ChangedSince` where a later change set has changed the same.
    """
    with store.transaction() as writer:
        found = change_set(writer, number)
        _require(found, "applied", "applying")
        effect = writer.effect_of(found)
        if len(changed := writer.changed_since(found, effect)):
            raise ChangedSince(_changed_since(writer, number, changed))
        return writer.undo(
            found, effect, origin._replace(source=UNDO, detail=f"change set {number}")
        )


def _changed_since(reader: Reader, number: int, changed: pl.DataFrame) -> str:
    present = reader.values_among(changed["iccid"]).join(changed, on=KEY, how="semi")
    later = ", ".join(map(str, present["change_set_id"].unique().sort()))
    iccids = changed["iccid"].unique().sort()
    told = ", ".join(str(Iccid(iccid)) for iccid in iccids[:SIMS_TOLD_MAX])
    more = f" and {len(iccids) - SIMS_TOLD_MAX:,} more" if len(iccids) > SIMS_TOLD_MAX else ""
    by = f" by change sets {later}; undo those first" if later else ""
    return f"change set {number} cannot be undone: {len(iccids):,} of its SIMs were changed since{by}: {told}{more}"


def _require(found: ChangeSet, *states: State) -> None:
    if found.state not in states:
        message = f"change set {found.change_set_id} is {found.state}, not {' or '.join(states)}"
        raise ChangeSetDecided(message)


def _require_other_eyes(found: ChangeSet, by: str) -> None:
    _require(found, "proposed")
    if by == found.actor:
        message = f"change set {found.change_set_id} was proposed by {by}; another person has to decide about it"
        raise OwnProposal(message)


def _decide(writer: Writer, number: int, state: State, by: str, now: Moment) -> None:
    writer.drop_proposed(number)
    writer.decide_change_set(number, state, by, now)


def described(found: ChangeSet, zone: tzinfo) -> dict[str, Any]:
    """A change set for programs; what is not known or was not given is null."""
    told: Mapping[str, Any] = found._asdict()
    moments = {
        name: None if told[name] is None else wire(told[name], zone)
        for name in ("brought_at", "decided_at")
    }
    texts = {name: told[name] or None for name in ("detail", "ticket", "reason", "decided_by")}
    return {**told, **moments, **texts}


def described_whole(reader: Reader, number: int, at_most: int, zone: tzinfo) -> dict[str, Any]:
    """A change set and what it did, or would do, to the first expectations of it. Raises `ChangeSetNotFound`."""
    found = change_set(reader, number)
    changes, in_all = changes_in(reader, found, at_most)
    told = [_described_change(each, zone) for each in changes]
    return described(found, zone) | {"changes_in_all": in_all, "changes": told}


def _described_change(change: Change, zone: tzinfo) -> dict[str, Any]:
    return {
        "iccid": str(change.iccid),
        "effective_from": since(change.effective_from, zone),
        "old_imei": None if change.old_imei is None else str(change.old_imei),
        "new_imei": None if change.new_imei is None else str(change.new_imei),
    }

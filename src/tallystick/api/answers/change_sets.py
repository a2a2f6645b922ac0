"""What change sets and their changes read like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.identifiers import text_or_none
from tallystick.core.moments import since, wire
from tallystick.fleet.ledger import IdentityChange

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from tallystick.core.ledger import ChangeSet
    from tallystick.fleet.ledger import ExpectationChange


def change_set_answer(change_set: ChangeSet, zone: tzinfo) -> dict[str, Any]:
    """A change set, as it reads in a zone; what is not known or was not given is null."""
    answer = change_set._asdict()
    for name in ("brought_at", "decided_at"):
        answer[name] = None if answer[name] is None else wire(answer[name], zone)
    for name in ("detail", "ticket", "reason", "decided_by"):
        answer[name] = answer[name] or None
    return answer


def change_set_with_changes(
    change_set: ChangeSet,
    changes: Iterable[ExpectationChange | IdentityChange],
    in_all: int,
    zone: tzinfo,
) -> dict[str, Any]:
    """A change set and the first of its changes, as they read in a zone, and how many there are."""
    return change_set_answer(change_set, zone) | {
        "changes_in_all": in_all,
        "changes": [change_answer(change, zone) for change in changes],
    }


def change_answer(change: ExpectationChange | IdentityChange, zone: tzinfo) -> dict[str, Any]:
    """What became of one expectation or identity, as it reads in a zone."""
    if isinstance(change, IdentityChange):
        subscriber = change.subscriber
        return {
            "imsi": subscriber.imsi,
            "msisdn": subscriber.msisdn,
            "valid_from": since(change.valid_from, zone),
            "old_iccid": text_or_none(change.old_iccid),
            "new_iccid": text_or_none(change.new_iccid),
        }
    return {
        "iccid": str(change.iccid),
        "effective_from": since(change.effective_from, zone),
        "old_imei": text_or_none(change.old_imei),
        "new_imei": text_or_none(change.new_imei),
    }

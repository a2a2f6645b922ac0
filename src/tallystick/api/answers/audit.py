"""What a record of the audit reads like in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tallystick.core.moments import Moment, wire

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.acts import AuditRecord


def audit_answer(record: AuditRecord, zone: tzinfo) -> dict[str, Any]:
    """A record of the audit, as it reads; `at_us` and `digest` are for who proves the chain."""
    entry = record.entry
    return {
        "number": record.number,
        "at": wire(Moment(entry.at), zone),
        "at_us": entry.at,
        "via": entry.via,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
        "outcome": entry.outcome,
        "request_id": entry.request_id,
        "details": json.loads(entry.details),
        "digest": record.digest.hex(),
    }

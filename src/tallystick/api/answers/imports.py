"""What an import of a file reads like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.imports import THOUSANDTHS, receipt_in
from tallystick.core.moments import wire, wire_or_none

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.imports import ImportRecord


def import_answer(record: ImportRecord, zone: tzinfo) -> dict[str, Any]:
    """An import of a file, as it reads.

    `share` is how much of the work is done, of 1, null where the size of the file is not known;
    `receipt` is null until there is one.
    """
    return {
        "id": record.number,
        "state": str(record.state),
        "kind": record.kind,
        "file": record.file,
        "actor": record.actor,
        "begun_at": wire(record.begun_at, zone),
        "ended_at": wire_or_none(record.ended_at, zone),
        "share": None if record.share is None else record.share / THOUSANDTHS,
        "facts": record.facts,
        "message": record.message,
        "reject_lines": record.reject_lines,
        "receipt": receipt_in(record),
    }

"""How intake by files does: the sources of imports, and what each has brought lately."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.imports import accepted_in, doubts_in, receipt_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.imports import ImportRecord


class ImportSource(NamedTuple):
    """What one actor has brought of one kind of facts, over some imports.

    `last` is the newest import that brought facts which were not known; None where none did.
    `refused_in` and `doubtful_in` are the numbers of the newest imports with refused lines and with
    doubts.
    """

    actor: str
    kind: str
    files: int
    last: ImportRecord | None
    accepted: int
    refused: int
    refused_in: int | None
    doubts: int
    doubtful_in: int | None


def sources_of(records: Iterable[ImportRecord]) -> list[ImportSource]:
    """The sources of imports, of which the newest comes first; by kind, then by actor."""
    ordered = sorted(records, key=lambda each: (each.kind, each.actor, -each.number))
    by_source = groupby(ordered, key=lambda each: (each.actor, each.kind))
    return [_source(actor, kind, list(imports)) for (actor, kind), imports in by_source]


def _source(actor: str, kind: str, records: Sequence[ImportRecord]) -> ImportSource:
    receipts = [(each, receipt_in(each) or NO_RECEIPT) for each in records]
    accepted = [(each, accepted_in(receipt)) for each, receipt in receipts]
    refused = [(each, receipt["rejected"]) for each, receipt in receipts]
    doubts = [(each, doubts_in(receipt)) for each, receipt in receipts]
    refused_in, doubtful_in = _newest(refused), _newest(doubts)
    return ImportSource(
        actor,
        kind,
        len(records),
        _newest(accepted),
        _sum(accepted),
        _sum(refused),
        None if refused_in is None else refused_in.number,
        _sum(doubts),
        None if doubtful_in is None else doubtful_in.number,
    )


NO_RECEIPT: dict[str, Any] = {"accepted": 0, "rejected": 0, "doubts": {}}
"""What an import counts as that has none."""


def _sum(counts: Iterable[tuple[ImportRecord, int]]) -> int:
    return sum(count for _, count in counts)


def _newest(counts: Iterable[tuple[ImportRecord, int]]) -> ImportRecord | None:
    """The first of some imports that has any."""
    return next((each for each, count in counts if count), None)

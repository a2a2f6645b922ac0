"""What explanations of mismatches read like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, wire, wire_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from tallystick.store.explanations import KeptExplanation


class ExplanationAnswer(msgspec.Struct):
    """What somebody said of a mismatch.

    `until` is null where it holds until the SIM is seen in that hardware again; `ended_at` and
    `ended_by` are null while nobody took it back or replaced it.
    """

    iccid: str
    imei: str
    activated_at: str
    explained_by: str
    explained_at: str
    ticket: str | None
    note: str | None
    until: str | None
    ended_by: str | None
    ended_at: str | None


class ExplanationList(msgspec.Struct):
    """What was said of a SIM's mismatches, the newest of them first."""

    explanations: list[ExplanationAnswer]


def explanation_list(kept: Iterable[KeptExplanation], zone: tzinfo) -> ExplanationList:
    """Explanations as they read in a zone."""
    return ExplanationList([_explanation(each, zone) for each in kept])


def _explanation(kept: KeptExplanation, zone: tzinfo) -> ExplanationAnswer:
    note, until, _ = kept.explanation
    return ExplanationAnswer(
        str(Iccid(kept.iccid)),
        str(Imei(kept.post_imei)),
        wire(Moment(kept.activated_at), zone),
        note.by,
        wire(note.at, zone),
        note.ticket or None,
        note.text or None,
        wire_or_none(until, zone),
        kept.ended_by or None,
        None if kept.ended_at is None else wire(Moment(kept.ended_at), zone),
    )

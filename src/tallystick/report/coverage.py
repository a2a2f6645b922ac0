"""Coverage: what the answer of a report rests on, and so what an empty one means."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.moments import wire
from tallystick.report.answer import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from tallystick.report.answer import Question
    from tallystick.store import Reader
    from tallystick.store.coverage import Coverage, Uncovered
    from tallystick.store.identities import Unattributed


class Lacking(StrEnum):
    """What a SIM, or an activation, may lack, without which it cannot be in the report."""

    UNSEEN = "unseen"
    UNCONFIRMED = "unconfirmed"
    WITHOUT_EXPECTATION = "without-expectation"
    UNATTRIBUTED = "unattributed"
    """Activations that name their SIM by an IMSI or MSISDN that was no SIM's at that moment."""


SUBSCRIBERS_A_PAGE = 1_000


def unattributed(reader: Reader) -> Iterator[Unattributed]:
    """The activations that wait until it is known whose IMSI or MSISDN they name.

    By number and source, in order of the number.
    """
    after = BEFORE_ALL
    while page := reader.unattributed_after(after, SUBSCRIBERS_A_PAGE):
        yield from page
        after = page[-1].subscriber


def described_unattributed(waiting: Unattributed, zone: tzinfo) -> dict[str, Any]:
    """Waiting activations of a number and a source for programs, the times printed in a zone."""
    subscriber = waiting.subscriber
    return {
        "imsi": str(subscriber) if subscriber.kind == "imsi" else None,
        "msisdn": str(subscriber) if subscriber.kind == "msisdn" else None,
        "source": waiting.source,
        "activations": waiting.activations,
        "first_at": wire(waiting.first_at, zone),
        "last_at": wire(waiting.last_at, zone),
    }


def coverage(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Coverage:
    """How many SIMs a report is about, and of how many of them something is known.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    return reader.coverage(scope_of(reader, visible, question, generations), question.window)


def described(covered: Coverage, zone: tzinfo) -> dict[str, Any]:
    """Coverage for programs, with the time printed in a zone."""
    return covered._asdict() | {
        "newest": None if covered.newest is None else wire(covered.newest, zone)
    }


def uncovered(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    lacking: Lacking,
) -> Iterator[Uncovered]:
    """The SIMs that lack something else than an identity, by ICCID within each account.

    Raises the same, before the first.
    """
    scope = scope_of(reader, visible, question, generations)
    if lacking is Lacking.UNSEEN:
        return reader.unseen(scope, question.window)
    if lacking is Lacking.UNCONFIRMED:
        return reader.unconfirmed(scope)
    return reader.without_expectation(scope)

"""What a report rests on, and what waits, as it reads in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.core.moments import since, wire

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.store.doubtful import LastExpectation
    from tallystick.store.identities import Unattributed


class Waiting(msgspec.Struct):
    """Activations of a source that name a SIM by a number that no identity tells of.

    One of `imsi` and `msisdn` is null.
    """

    imsi: str | None
    msisdn: str | None
    source: str
    activations: int
    first_at: str
    last_at: str


class Expected(msgspec.Struct):
    """Where a SIM is expected by its last expectation; from the beginning: null."""

    iccid: str
    imei: str
    effective_from: str | None


def waiting_answer(waiting: Unattributed, zone: tzinfo) -> Waiting:
    """Waiting activations of a number and a source, as they read in a zone."""
    return Waiting(
        waiting.subscriber.imsi,
        waiting.subscriber.msisdn,
        waiting.source,
        waiting.activations,
        wire(waiting.first_at, zone),
        wire(waiting.last_at, zone),
    )


def expected_answer(expectation: LastExpectation, zone: tzinfo) -> Expected:
    """The last expectation of a SIM, as it reads in a zone."""
    return Expected(
        str(expectation.iccid),
        str(expectation.imei),
        since(expectation.effective_from, zone),
    )

"""What would make the device database agree with the network about one SIM.

A SIM stays in the hardware it was seen in last, and is expected elsewhere: who wrote the pair down
may have written the wrong one. The correction is an expectation that takes the place of the one in
force, under its key, so that the past is right too. Where the SIM had been in other hardware
before, under the same expectation, it has moved since: only what comes after the move is corrected,
for else a row would open where there was none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tallystick.core.allowed import NONE, NOWHERE, Allowed
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import in_force_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.identifiers import Imei
    from tallystick.core.pairing import Activation, Expectation


class Place(StrEnum):
    """Where a SIM with a mismatch is to be expected."""

    SEEN = "seen"
    """In the hardware that it was seen in."""
    NOWHERE = "nowhere"
    """In none: whatever it is seen in is a mismatch."""
    NONE = "none"
    """Nobody says where: it is not judged."""


class Since(StrEnum):
    """From when on."""

    MOVE = "move"
    """From the mismatch on: it was right before."""
    BEGINNING = "beginning"
    """In the place of what was expected then: that was wrong all along."""


@dataclass(frozen=True, slots=True)
class Correction:
    """From this moment on the SIM is to be expected in this hardware."""

    effective_from: Moment
    imei: Imei


def correction_of(
    seen_in: Imei, seen_at: Moment, in_force: Expectation | None, place: Place, since: Since
) -> tuple[Moment, Imei | Allowed]:
    """Give moment and value of the expectation that answers a mismatch as somebody chose.

    The SIM was `seen_in` hardware at `seen_at`, while `in_force` was expected; None: nothing that
    was written down.
    """
    values: dict[Place, Imei | Allowed] = {
        Place.SEEN: seen_in,
        Place.NOWHERE: Allowed(NOWHERE),
        Place.NONE: Allowed(NONE),
    }
    replaced = BEGINNING if in_force is None else in_force.effective_from
    return (seen_at if since is Since.MOVE else replaced), values[place]


def corrections(
    activations: Iterable[Activation], expectations: Iterable[Expectation]
) -> list[Correction]:
    """Give what makes one SIM's last stay expected, in order of time.

    Nothing where it is expected already, or expected nowhere. Among the expectations may be the one
    that its account's policy implies (`with_first_use`): nothing was written down then that could
    be wrong, so the SIM has moved, and the correction is dated.

    Several where expectations followed one another during that stay. Taken in, they close the rows
    that the stay has had since it was last expected, and open none.
    """
    seen, in_force = sorted(set(activations)), sorted(expectations)
    if not seen:
        return []
    start = _start_of_last_stay(seen)
    last = seen[-1].imei
    before = in_force_at(in_force, seen[start - 1].activated_at) if start else None
    corrections: dict[Moment, Correction] = {}
    for activation in seen[start:]:
        expected = in_force_at(in_force, activation.activated_at)
        if expected is None or expected.fits(last):
            # What was unexpected before is over: the SIM is where it belongs, or nobody says where.
            corrections.clear()
            continue
        since = activation.activated_at if expected == before else expected.effective_from
        corrections.setdefault(expected.effective_from, Correction(since, last))
    return list(corrections.values())


def _start_of_last_stay(seen: Sequence[Activation]) -> int:
    start = len(seen) - 1
    while start and seen[start - 1].imei.identity == seen[-1].imei.identity:
        start -= 1
    return start

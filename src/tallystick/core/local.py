"""What a fact can change, and what can be said of a SIM from a part of its history.

A fact costs the same, whatever lies behind it: it can change the verdicts of few activations, and
those follow from their neighbours in time.

- An activation: its own verdict, and that of the next one, whose predecessor it is.
- An expectation: the activations from its moment to the next expectation, and the one behind them.
- Whether a SIM is held to its first use: everything, and so does an activation that is the first of
  such a SIM.

What is told of the last rows before may change too: when the SIM was next seen in other hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.pairing import FirstUse, is_fit
from tallystick.core.reasons import Departure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.identifiers import Imei

BEFORE_ALL_TIMES = -(2**62)
AFTER_ALL_TIMES = 2**62
SPANS_MAX = 64  # of one SIM; more of them are taken as one, from the first to the last


class Span(NamedTuple):
    """A stretch of time of one SIM in which verdicts may have changed, both ends within it.

    So may the first activation behind it.
    """

    first_at: int
    last_at: int


EVER = Span(BEFORE_ALL_TIMES, AFTER_ALL_TIMES)
"""A SIM's whole history."""


def span_of_activation(activated_at: int) -> Span:
    """What an activation can change."""
    return Span(activated_at, activated_at)


def span_of_expectation(effective_from: int, next_effective_from: int | None) -> Span:
    """What an expectation can change that was put, corrected or taken away.

    All until the next one is in force.
    """
    if next_effective_from is None:
        return Span(effective_from, AFTER_ALL_TIMES)
    return Span(effective_from, next_effective_from - 1)


def bounded(spans: Iterable[Span]) -> list[Span]:
    """The spans of one SIM in order, so many at most that each can be looked at by itself."""
    in_order = sorted(set(spans))
    if len(in_order) <= SPANS_MAX:
        return in_order
    return [Span(in_order[0].first_at, max(span.last_at for span in in_order))]


class Expected(NamedTuple):
    """What is expected at a moment; `first_use` is the policy that says so, if one does."""

    value: Allowed
    first_use: FirstUse = FirstUse.OFF


class Seen(NamedTuple):
    """One activation and what was expected then; None where nothing was."""

    activated_at: int
    imei: int
    expected: Expected | None

    @property
    def hardware(self) -> int:
        """The hardware, as it is compared."""
        return self.imei // HARDWARE

    @property
    def is_unexpected(self) -> bool:
        """Whether the SIM was seen where it is not expected."""
        return not (
            self.expected is None or is_fit(self.expected.value, self.expected.first_use, self.imei)
        )

    @property
    def is_at_home(self) -> bool:
        """Whether the SIM was seen where it is expected."""
        return self.expected is not None and not self.is_unexpected


class LocalRow(NamedTuple):
    """A row that follows from a part of a SIM's history.

    `departure` is None where that part does not have it.
    """

    activated_at: int
    post_imei: int
    pre_imei: int | Imei | None
    expected: Expected
    departure: Departure | None

    @property
    def hardware(self) -> int:
        """The hardware that the SIM was found in."""
        return self.post_imei // HARDWARE


def rows_from(first_at: int, seen: Sequence[Seen]) -> list[LocalRow]:
    """The rows from a moment on that follow from a part of a SIM's history, in order.

    `seen` is in order of time and IMEI; it begins with the last activation before `first_at`, if
    there is one.
    """
    verdicts = [activation.is_unexpected for activation in seen]
    hardware = [imei // HARDWARE for _, imei, _ in seen]
    departures = _departures(seen, verdicts, hardware)
    rows = []
    for place, (activated_at, imei, expected) in enumerate(seen):
        if activated_at < first_at or not verdicts[place]:
            continue
        if place and verdicts[place - 1] and hardware[place - 1] == hardware[place]:
            continue
        assert expected is not None  # noqa: S101 - what is unexpected is expected elsewhere
        pre_imei = seen[place - 1].imei if place else expected.value.first_imei
        rows.append(LocalRow(activated_at, imei, pre_imei, expected, departures[place]))
    return rows


def _departures(
    seen: Sequence[Seen], verdicts: Sequence[bool], hardware: Sequence[int]
) -> list[Departure | None]:
    """For each activation the next one in other hardware."""
    departures: list[Departure | None] = []
    departure: Departure | None = None
    for place in range(len(seen) - 1, -1, -1):
        departures.append(departure)
        if place and hardware[place - 1] != hardware[place]:
            activated_at, _, expected = seen[place]
            is_back = expected is not None and not verdicts[place]
            departure = Departure(activated_at, is_back)
    departures.reverse()
    return departures


def departure_in(hardware: int, later: Iterable[Seen]) -> Departure | None:
    """The first of later activations, in order, that is in other hardware."""
    elsewhere = (activation for activation in later if activation.hardware != hardware)
    first = next(elsewhere, None)
    return None if first is None else Departure(first.activated_at, first.is_at_home)

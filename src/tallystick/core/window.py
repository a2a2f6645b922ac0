"""The window of a report: strictly between two moments, at most three calendar months."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime

from tallystick.core.errors import WindowRefused
from tallystick.core.moments import BEGINNING, LAST, Moment, moment_of

EARLIEST_MIN = datetime(2017, 11, 1)  # noqa: DTZ001 - compared on the wall clock, in any offset
MONTHS_MAX = 3
MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Window:
    """Moments strictly after `earliest` and strictly before `latest`."""

    earliest: Moment
    latest: Moment


def months_later(start: datetime, months: int) -> datetime:
    """Give the same wall clock some months later, clamped to the month's end.

    Three months after 30 November is 28 or 29 February.
    """
    year, month = divmod(start.year * MONTHS_A_YEAR + start.month - 1 + months, MONTHS_A_YEAR)
    if year > MAXYEAR:
        return datetime.max.replace(tzinfo=UTC)  # the last moment there is, in any offset
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def window_between(earliest: datetime, latest: datetime) -> Window:
    """Check two aware datetimes against the contract's bounds. Raises `WindowRefused`."""
    if earliest.replace(tzinfo=None) < EARLIEST_MIN:
        message = (
            f"earliest must not lie before {EARLIEST_MIN.isoformat()}, not {earliest.isoformat()}"
        )
        raise WindowRefused(message)
    _require_order(earliest, latest)
    limit = months_later(earliest, MONTHS_MAX)
    if latest > limit:
        message = (
            f"latest must not lie more than {MONTHS_MAX} calendar months after earliest: "
            f"{limit.isoformat()} at most, not {latest.isoformat()}"
        )
        raise WindowRefused(message)
    return Window(moment_of(earliest), moment_of(latest))


def span_between(earliest: datetime | None, latest: datetime | None) -> Window:
    """The window of a question of our own: of any length, and open where a bound is None.

    Raises `WindowRefused`.
    """
    if earliest and latest:
        _require_order(earliest, latest)
    return Window(
        Moment(BEGINNING - 1) if earliest is None else moment_of(earliest),
        Moment(LAST + 1) if latest is None else moment_of(latest),
    )


def _require_order(earliest: datetime, latest: datetime) -> None:
    if latest < earliest:
        message = (
            "latest must not lie before earliest, "
            f"not {latest.isoformat()} before {earliest.isoformat()}"
        )
        raise WindowRefused(message)

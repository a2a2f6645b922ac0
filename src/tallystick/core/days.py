"""The days of a window, as a zone's calendar has them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tallystick.core.moments import Moment, in_zone, moment_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.window import Window

ONE_DAY = timedelta(days=1)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The wall clock at which a day begins in a zone."""
    return datetime.combine(day, time(), zone)


def days_of(window: Window, zone: tzinfo) -> list[date]:
    """The days in a zone that a window touches, in order; none of an empty window."""
    first, last = Moment(window.earliest + 1), Moment(window.latest - 1)
    if last < first:
        return []
    day, end = in_zone(first, zone).date(), in_zone(last, zone).date()
    return [day + number * ONE_DAY for number in range((end - day).days + 1)]


def beginnings(days: list[date], zone: tzinfo) -> list[Moment]:
    """The moments at which days begin in a zone: 23 or 25 hours apart where its clocks change."""
    return [moment_of(midnight(day, zone)) for day in days]

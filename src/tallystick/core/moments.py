"""Moments: timestamps as they come over the wire, and as they are kept.

Inside, a moment is an integer: microseconds since 1970-01-01T00:00:00Z. `parse` gives an aware
datetime that still knows the offset it was written in, because the window's bounds are counted on
that wall clock (contract, section 1).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown

if TYPE_CHECKING:
    from datetime import tzinfo

Moment = NewType("Moment", int)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BEGINNING = Moment((datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND)
"""The first moment there is: an expectation without a date is in force from here."""
DAYS_OF_NEVER = (
    (1, 1, 1),
    (1601, 1, 1),
    (1753, 1, 1),
    (1899, 12, 30),
    (1899, 12, 31),
    (1900, 1, 1),
    (1970, 1, 1),
    (1980, 1, 1),
    (1980, 1, 6),
)
"""Systems write midnight of these days where something never happened: .NET, Windows, SQL Server,
spreadsheets and databases, Unix, DOS and GPS begin to count on them."""
LAST = Moment((datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND)
"""The last moment there is."""

FORM = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>(?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2})?)"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?"
    r"(?P<offset>[+-][0-9]{2}(?::?[0-9]{2})?)?(?P<utc>[Zz])?)?",
)
FRACTION_DIGITS = 6
MICROSECONDS_A_SECOND = 1_000_000
SECONDS_A_DAY = 86_400
MICROSECONDS_A_DAY = SECONDS_A_DAY * MICROSECONDS_A_SECOND
SECONDS_A_MINUTE = 60
MINUTES_A_DAY = SECONDS_A_DAY // SECONDS_A_MINUTE


def parse(text: str, zone: tzinfo = UTC) -> datetime:
    """Read ISO 8601 / RFC 3339: `Z`, an offset, or both, where the offset wins.

    A time that names no zone is in `zone`, a date alone is its midnight there. Of a time of day
    that a zone has twice, the first is meant.
    Digits of the fraction beyond microseconds are cut off. Raises `InvalidValue`.
    """
    form = FORM.fullmatch(text)
    if form is None:
        message = f"must be a timestamp like 2026-03-01T00:00:00Z, not {shown(text)}"
        raise InvalidValue(message)
    fraction = (form["fraction"] or "")[:FRACTION_DIGITS].ljust(FRACTION_DIGITS, "0")
    try:
        moment = datetime.fromisoformat(f"{form['date']}T{form['time'] or '00:00'}").replace(
            microsecond=int(fraction), tzinfo=_zone(form, zone)
        )
        moment.astimezone(UTC)  # a moment that UTC has no year for is refused here, not later
    except (ValueError, OverflowError) as error:
        message = f"is no moment that exists: {shown(text)} ({error})"
        raise InvalidValue(message) from error
    return moment


def _zone(form: re.Match[str], zone: tzinfo) -> tzinfo:
    offset = form["offset"]
    if offset is None:
        return UTC if form["utc"] else zone
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if minutes > 59:  # noqa: PLR2004 - minutes of an hour
        message = f"offset {offset} has no such minute"
        raise ValueError(message)
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if offset[0] == "-" else span)


@lru_cache
def zone_named(name: str) -> tzinfo:
    """The zone of an IANA name; `ValueError` where there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        message = "must be a zone of the IANA database, like America/Los_Angeles"
        raise ValueError(message) from error


def moment_of(aware: datetime) -> Moment:
    """The moment of an aware datetime."""
    return Moment((aware - EPOCH) // MICROSECOND)


@lru_cache
def never_in(zone: tzinfo) -> frozenset[Moment]:
    """The moments that mean never where times without a zone are of this one.

    They are midnight of the days of never in that zone, and in UTC.
    """
    return frozenset(
        moment_of(datetime(*day, tzinfo=each)) for day in DAYS_OF_NEVER for each in (UTC, zone)
    )


def parse_moment(text: str) -> Moment:
    """The moment that a wire timestamp names. Raises `InvalidValue`."""
    return moment_of(parse(text))


def parse_named(name: str, text: str) -> datetime:
    """The time that something of this name says. Raises `InvalidValue`, which names it."""
    try:
        return parse(text)
    except InvalidValue as refusal:
        message = f"{name} {refusal}"
        raise InvalidValue(message) from refusal


def in_zone(moment: Moment, zone: tzinfo) -> datetime:
    """The wall clock of a moment in a zone; clamped where the zone's calendar ends."""
    aware = EPOCH + timedelta(microseconds=moment)
    try:
        return aware.astimezone(zone)
    except OverflowError:
        return aware


def wire(moment: Moment, zone: tzinfo) -> str:
    """Print a moment with seconds in a zone: UTC as `Z`, any other with its offset."""
    if zone is UTC:
        day, second = divmod(moment // MICROSECONDS_A_SECOND, SECONDS_A_DAY)
        return f"{_date(day)}T{_clock(second)}Z"
    return in_zone(moment, zone).isoformat(timespec="seconds")[:25]


def wire_or_none(moment: Moment | None, zone: tzinfo) -> str | None:
    """Print a moment that may not be known."""
    return None if moment is None else wire(moment, zone)


def since(moment: Moment, zone: tzinfo) -> str | None:
    """Print from when on something is in force; None is from the beginning."""
    return None if moment == BEGINNING else wire(moment, zone)


def exact(moment: Moment) -> str:
    """Print a moment in UTC so that it reads back the same: with a fraction where it has one."""
    fraction = moment % MICROSECONDS_A_SECOND
    second = wire(moment, UTC)
    return f"{second[:-1]}.{fraction:06}Z" if fraction else second


# Rows print by the hundred thousand, and nearly all of them in UTC and within a few years.


@lru_cache(4096)
def _date(day: int) -> str:
    return date.fromordinal(EPOCH.toordinal() + day).isoformat()


# A day has too many seconds to keep each: to remember one takes longer than to print several.
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in range(MINUTES_A_DAY))
_SECONDS = tuple(f":{second:02}" for second in range(SECONDS_A_MINUTE))


def _clock(second: int) -> str:
    minute, second_of_minute = divmod(second, SECONDS_A_MINUTE)
    return _MINUTES[minute] + _SECONDS[second_of_minute]

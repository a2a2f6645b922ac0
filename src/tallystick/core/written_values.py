"""Identifiers and moments as files write them: what is dropped around a value, and what it means.

`identifiers.py` and `moments.py` say what is valid. Files from elsewhere write the same values with
blanks, quotes, hyphens and padding around, in a local time, or without check digits. Here that is
taken off, and a value that has lost digits on its way is refused with the reason.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Literal, NamedTuple

from tallystick.core.allowed import SEPARATOR, Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Iccid, Imei, Imsi, Mdn, Msisdn, Tac, luhn_holds, shown
from tallystick.core.moments import Moment, moment_of, parse

CheckDigit = Literal["keep", "add", "strip"]

EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
DROPPED_IN_DIGITS = str.maketrans("", "", " -")
DROPPED_IN_NUMBERS = str.maketrans("", "", "+ -.()")
PADDING = "Ff"  # what fills up half a byte where digits are kept two in a byte

# A date and a time of day without signs between, and one with slashes: as ISO 8601 has them.
UNSIGNED = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[Tt ]?(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
SLASHED = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})(.*)", re.DOTALL)
UNIX_TIME = re.compile(r"(?P<second>[0-9]{10})(?:\.(?P<fraction>[0-9]{1,9}))?|(?P<ms>[0-9]{13})")
DAY_OR_MONTH_FIRST = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}(?:[ T,].*)?", re.DOTALL)
WITHOUT_ZONE = re.compile(
    r"(?:[0-9]{4}([-/])[0-9]{2}\1[0-9]{2}[Tt ]|[0-9]{8}[Tt ]?)[0-9]{2}[0-9:]*(?:[.,][0-9]+)?"
)
MICROSECONDS = 1_000_000


class Conventions(NamedTuple):
    """What one source's values mean.

    `zone` is the zone of moments that name none; where it `is_zone_known`, somebody has said so,
    and else it is a guess that has to be told. `time_formats` are forms of `strptime` that are
    tried first. `check_digit` says what is done to every ICCID.
    """

    zone: tzinfo = UTC
    time_formats: tuple[str, ...] = ()
    check_digit: CheckDigit = "keep"
    is_zone_known: bool = False


PLAIN = Conventions()


def unwrapped(text: str) -> str:
    """A value without the blanks around it, and without what spreadsheets mark texts with.

    `="8914"` and `'8914` are what people write so that a spreadsheet keeps every digit.
    """
    text = text.strip()
    if text.startswith('="') and text.endswith('"') and len(text) > len('="'):
        return text[2:-1].strip()
    if text.startswith("'") and text[1:2].isdigit():
        return text[1:].removesuffix("'").strip()
    return text


def read_iccid(text: str) -> Iccid:
    """An ICCID without its padding. Raises `InvalidValue`."""
    return Iccid.parse(_digits(Iccid.LABEL, text))


def read_imei(text: str) -> Imei:
    """An IMEI without padding and hyphens. Raises `InvalidValue`."""
    return Imei.parse(_digits(Imei.LABEL, text))


def read_tac(text: str) -> Tac:
    """A TAC without hyphens. Raises `InvalidValue`."""
    return Tac.parse(_digits(Tac.LABEL, text))


def read_mdn(text: str) -> Mdn:
    """A phone number without the signs that people write into it. Raises `InvalidValue`."""
    return Mdn.parse(_number(Mdn.LABEL, text))


def read_msisdn(text: str) -> Msisdn:
    """A phone number with its country code, without such signs. Raises `InvalidValue`."""
    return Msisdn.parse(_number(Msisdn.LABEL, text))


def read_imsi(text: str) -> Imsi:
    """An IMSI without padding and blanks. Raises `InvalidValue`."""
    return Imsi.parse(_digits(Imsi.LABEL, text))


def read_allowed(text: str) -> Allowed:
    """The value of an expectation, each of its members read like an IMEI. Raises `InvalidValue`."""
    members = [_digits(Imei.LABEL, member) for member in text.split(SEPARATOR)]
    return Allowed.parse(SEPARATOR.join(members))


def _digits(label: str, text: str) -> str:
    if text.isascii() and text.isdigit():
        return text
    _refuse_exponent(label, text)
    return text.translate(DROPPED_IN_DIGITS).rstrip(PADDING) if text[:1].isdigit() else text


def _number(label: str, text: str) -> str:
    _refuse_exponent(label, text)
    return text.translate(DROPPED_IN_NUMBERS).rstrip(PADDING)


def _refuse_exponent(label: str, text: str) -> None:
    """Refuse a number in scientific notation: what stood behind its digits is gone."""
    if EXPONENT.fullmatch(text):
        message = (
            f"{label} {shown(text)} is a rounded number, so digits are lost: export the column as "
            "text"
        )
        raise InvalidValue(message)


def with_check_digit(iccid: Iccid, rule: CheckDigit) -> Iccid:
    """The ICCID with its check digit added or taken off.

    Nothing can be added to 20 digits, which stay as they are. Raises `InvalidValue` where too few
    digits would be left.
    """
    if rule == "keep":
        return iccid
    digits = str(iccid)
    if rule == "add" and len(digits) < Iccid.LENGTH_MAX:
        return Iccid.parse(next(filter(luhn_holds, (f"{digits}{last}" for last in range(10)))))
    return Iccid.parse(digits[:-1]) if rule == "strip" else iccid


def read_moment(text: str, conventions: Conventions = PLAIN) -> Moment:
    """The moment that a value of a file names.

    Forms: the given ones, ISO 8601 with or without its signs, dates with slashes and the year
    first, and seconds (10 digits) or milliseconds (13) since 1970. Raises `InvalidValue`.
    """
    for form in conventions.time_formats:
        moment = _moment_of_form(text, form, conventions.zone)
        if moment is not None:
            return moment
    if _has_year_and_hyphen(text):
        return moment_of(parse(text, conventions.zone))
    unix = UNIX_TIME.fullmatch(text)
    if unix:
        return _since_1970(unix)
    if DAY_OR_MONTH_FIRST.fullmatch(text):
        message = (
            f"{shown(text)} may have the day or the month first: say which with --time-format, "
            "like %d/%m/%Y or %m/%d/%Y"
        )
        raise InvalidValue(message)
    return moment_of(parse(_in_iso(text), conventions.zone))


def _has_year_and_hyphen(text: str) -> bool:
    """Whether a value begins as ISO 8601 has it, which no other form does."""
    return text[4:5] == "-" and text[:4].isdigit()


def is_without_zone(text: str, conventions: Conventions = PLAIN) -> bool:
    """Whether a value is a date and a time of day in a zone that has to be guessed."""
    if conventions.is_zone_known:
        return False
    for form in conventions.time_formats:
        moment = _of_form(text, form)
        if moment is not None:
            return moment.tzinfo is None and ("%H" in form or "%I" in form)
    return WITHOUT_ZONE.fullmatch(text) is not None


def _moment_of_form(text: str, form: str, zone: tzinfo) -> Moment | None:
    moment = _of_form(text, form)
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    try:
        return moment_of(aware.astimezone(UTC))
    except OverflowError as error:
        message = f"is no moment that exists: {shown(text)}"
        raise InvalidValue(message) from error


def _of_form(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - one without zone is of the source's
    except ValueError:
        return None


def _since_1970(unix: re.Match[str]) -> Moment:
    if unix["ms"]:
        return Moment(int(unix["ms"]) * 1000)
    fraction = (unix["fraction"] or "")[:6].ljust(6, "0")
    return Moment(int(unix["second"]) * MICROSECONDS + int(fraction))


def _in_iso(text: str) -> str:
    """A date and time of day with the signs of ISO 8601; any other text as it is."""
    if slashed := SLASHED.fullmatch(text):
        year, month, day, rest = slashed.groups()
        return f"{year}-{month}-{day}{rest}"
    form = UNSIGNED.fullmatch(text)
    if form is None:
        return text
    date = f"{form['year']}-{form['month']}-{form['day']}"
    if form["hour"] is None:
        return date + (form["zone"] or "")
    return f"{date}T{form['hour']}:{form['minute']}:{form['second'] or '00'}{form['zone'] or ''}"

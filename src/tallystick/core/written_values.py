"""Identifiers and moments as files write them: what is dropped around a value, and what it means.

`identifiers.py` and `moments.py` say what is valid. Files from elsewhere write the same values with
blanks, quotes, hyphens and padding around, in a local time, or without check digits. Here that is
taken off, and a value that has lost digits on its way is refused with the reason.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from tallystick.core.allowed import SEPARATOR, Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import (
    NAME_LENGTH_MAX,
    Iccid,
    Imei,
    Imsi,
    Mdn,
    Msisdn,
    Tac,
    luhn_holds,
    parse_name,
    shown,
)
from tallystick.core.moments import (
    BEGINNING,
    FORM,
    MICROSECONDS_A_SECOND,
    SECONDS_A_DAY,
    Moment,
    moment_of,
    never_in,
    parse,
)

CheckDigit = Literal["keep", "add", "strip"]

MARKED = re.compile(r"=?\"(?P<text>[^\"]*)\"")
MARKED_NAME = re.compile(r"(?:\s+|\s*=)\"(?P<text>[^\"]*)\"\s*")
EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
# Blanks and hyphens as people type them, and as web pages and word processors set them.
BLANKS = " \u00a0\u2007\u2009\u202f\u200b\ufeff"
HYPHENS = "-\u2010\u2011\u2013"
DROPPED_IN_DIGITS = str.maketrans("", "", BLANKS + HYPHENS)
DROPPED_IN_NUMBERS = str.maketrans("", "", f"+.(){BLANKS}{HYPHENS}")
PADDING = "Ff"  # what fills up half a byte where digits are kept two in a byte
FRACTION = re.compile(r"([0-9]+)\.0")  # as programs write whole numbers that they keep as floats
# Or a number with a dot before its last digits.
UNCLEAR_FRACTION = re.compile(r"[0-9]+\.0{2,3}|[0-9]{7,}\.(?:[1-9]|[0-9]{2})")
EXACT_MAX = 2**53  # up to here a float is exact
GROUPED = re.compile(r"[0-9]{1,3}([.,'\u2019])[0-9]{3}(?:\1[0-9]{3})+")
GROUP_SIGNS = str.maketrans("", "", ".,'\u2019")
SLASHED_IMEI = re.compile(r"[0-9]{6}/[0-9]{2}/[0-9]{6}(?:/[0-9]{1,2})?")
# With its name before it: `imsi-…` and `imei-…` in the records of 5G, `urn:gsma:imei:…` in SIP,
# `urn:imei:…` in LwM2M, `+CCID: …` and `+QCCID: …` of modems.
NAMED = re.compile(
    r"(?:urn:(?:gsma:)?|\+Q?)?(?P<name>i?ccid|imsi|imei)(?:sv)?[-:] ?(?P<number>[0-9].*)",
    re.IGNORECASE,
)
INTERNATIONAL = "00"  # what is dialled in the place of the `+`
INLAND = "0"  # what is dialled before a number of the same country
# The zero that is dialled within a country, as people write it behind the country code.
INLAND_ZERO = re.compile(r"(?P<country>(?:\+|00)[ -]?[0-9]{1,3} ?)\(0\)")

ABSENT = frozenset({"null", "\\n", "nan", "nat", "n/a", "#n/a", "na", "<na>", "-", "--"})
"""What databases, programs and people write where there is no value, in small letters."""
NO_VALUE = frozenset({"0000-00-00", "0000-00-00 00:00:00", str(None)})
"""What MySQL writes where there is no date, and Python where there is no value, in these letters:
`none` ends an expectation."""
NO_NAMES = frozenset(
    {"nan", "NaN", "NaT", "<NA>", "None", "null", "NULL", "\\N"}
    | {"#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"}
)
"""What programs and spreadsheets write in the place of a name, in these letters."""

# A date and a time of day without signs between. Digits of another century are more likely no
# date, or one with two digits for the year.
UNSIGNED = re.compile(
    r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[Tt ]?(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
# Seconds, milliseconds, microseconds or nanoseconds since 1970; the last two up to the year 2033,
# since so many digits that begin with a 2 may be a date with a time of day.
UNIX_TIME = re.compile(
    r"(?P<second>[0-9]{10})(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"|(?P<ms>[0-9]{13})(?:\.0+)?|(?P<us>1[0-9]{15})|(?P<ns>1[0-9]{18})"
)
DAY_OR_MONTH_FIRST = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<sign>[/.-])[0-9]{1,2}(?P=sign)(?P<year>[0-9]{4}|[0-9]{2})"
    r"(?:[ T,].*)?",
    re.DOTALL,
)
# A date with the year first and a time of day, in which zeros may be left out and a half of the day
# or a zone be named behind.
YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<sign>[-/.]) ?|年)(?P<month>[0-9]{1,2})(?:(?P=sign) ?|月)"
    r"(?P<day>[0-9]{1,2})[.日]?"
    r"(?:(?:[Tt_ ] *|-(?=[0-9]{2}[.]))(?P<hour>[0-9]{1,2})(?P<colon>[:.])(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2}))?(?P<fraction>[.,][0-9]{1,9})?"
    r"(?: ?(?P<half>[AaPp])\.? ?[Mm]\.?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# What languages write behind a moment to say twice in which zone it is: Java and Go.
ZONE_AGAIN = re.compile(
    r"(?P<moment>.*:[0-9]{2}(?:[.,][0-9]+)?(?:[Zz]| ?[+-][0-9]{2}:?[0-9]{2}))"
    r"(?:\[[A-Za-z0-9_/+-]{1,40}\]| (?:UTC|GMT|[+-][0-9]{4})(?: m=[+-][0-9.]{1,30})?)"
)
DATE_OF_DOTNET = re.compile(r"\\?/Date\((?P<ms>[0-9]{13})\)\\?/")
MINUS = "\u2212"
# A day that stands before a moment which names its own day, as where both are columns.
DAY_BEFORE = re.compile(
    r"(?P<day>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}) "
    r"(?P<moment>(?P<own>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2})[Tt ](?P<clock>.*))",
    re.DOTALL,
)
# With two digits for the year, if it is a date at all.
SHORT_YEAR = re.compile(
    r"([2-9][0-9]{9}|[0-9]{12})(?P<fraction>\.[0-9]+)?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
SHORT_YEAR_FORMS = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}
ZERO_DAYS = frozenset({"1899-12-30", "1899-12-31", "1900-01-00"})
"""The days that spreadsheets and databases write before a time of day that has none."""
# Days as spreadsheets count them, mostly since 1899-12-30: of the years from 1954 to 2118.
SERIAL = re.compile(r"(?P<days>[2-7][0-9]{4})(?:[.,](?:0+|(?P<part>[0-9]{1,17})))?")
DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
DAY_ZERO_OF_1904 = datetime(1904, 1, 1, tzinfo=UTC)
"""The day from which some workbooks count, mostly such as old Macs made."""
ZONE_LETTERS = re.compile(r"(?P<before>.*[0-9])\s*(?P<letters>[A-Z]{2,5})", re.DOTALL)
UTC_NAMES = frozenset({"UTC", "GMT"})
HALF_DAY_HOURS = 12
MONTHS = 12
# A date that does not begin with its year, and a time of day.
LIKELY = re.compile(
    r"(?P<weekday>[A-Za-z]{3,9},? )?"
    r"(?P<one>[0-9]{1,2}|[A-Za-z]{3,9})(?P<sign>[/.-]|\.? {1,2}|)(?P<two>[0-9]{1,2}|[A-Za-z]{3,9})"
    r"(?P<behind>[/.-]|,? |)(?P<year>[0-9]{4}|[0-9]{2})"
    r"(?P<clock>[ T,:@]{1,3}[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2}(?:[.,][0-9]{1,6})?)?"
    r"(?: ?[AaPp][Mm])?)?(?P<zone> ?[+-][0-9]{4}| GMT| UTC)?"
)
# A day, the name of a month in any language, and a year.
NAMED_MONTH = re.compile(
    r"[0-9]{1,2}\.?[ -]+(?:de )?[^\W\d_]{3,}\.?,?[ -]+(?:de )?[0-9]{4}(?: .*)?"
)
# As the command `date` writes it, and C.
YEAR_LAST = re.compile(
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?P<zone> UTC| GMT)?"
    r" [0-9]{4}"
)


class Conventions(NamedTuple):
    """What one source's values mean.

    `zone` is the zone of moments that name none; where it `is_zone_known`, somebody has said so,
    and else it is a guess that has to be told. `time_formats` are forms of `strptime` that are
    tried first. `check_digit` says what is done to every ICCID. A spreadsheet's count of days is
    since `day_zero`.
    """

    zone: tzinfo = UTC
    time_formats: tuple[str, ...] = ()
    check_digit: CheckDigit = "keep"
    is_zone_known: bool = False
    day_zero: datetime = DAY_ZERO


PLAIN = Conventions()


def unwrapped(text: str, *, is_name: bool = False) -> str:
    """A value without the blanks around it, and without what spreadsheets mark texts with.

    `="8914"` and `'8914` are what people write so that a spreadsheet keeps every digit. A quote
    behind a blank is none that opens a value in CSV, and is written for one all the same. Other
    quotes may be a part of a name.
    """
    marked = MARKED_NAME.fullmatch(text) if is_name else MARKED.fullmatch(text.strip())
    text = text.strip()
    if marked:
        return marked["text"].strip()
    if text.startswith("'") and text[1:2].isdigit():
        return text[1:].removesuffix("'").strip()
    return text


def pasted(text: str) -> str:
    """A number as people paste it, read like a number of a file, with its name before it or not.

    Any other text, and one that may have lost digits, stays as it is.
    """
    bare = unwrapped(text)
    named = NAMED.fullmatch(bare)
    number = named["number"] if named else bare
    try:
        digits = _number("", _digits("", number))
    except InvalidValue:
        return bare
    return digits if digits.isascii() and digits.isdigit() else bare


def is_absent(text: str) -> bool:
    """Whether a value says that there is none.

    Names are never asked: an account may be `NA`.
    """
    return text.lower() in ABSENT or text in NO_VALUE


def read_name(label: str, text: str, length_max: int = NAME_LENGTH_MAX) -> str:
    """A name that a person may have given. Raises `InvalidValue`."""
    if text in NO_NAMES:
        message = (
            f"{label} must be a name; programs write {shown(text)} where they have none: "
            "write the name, or take the line out"
        )
        raise InvalidValue(message)
    return parse_name(label, text, length_max)


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
    """A phone number with its country code, without such signs. Raises `InvalidValue`.

    No country code begins with a zero, so that `00` in front is what is dialled for the `+`, and
    one zero in front is what is dialled within a country.
    """
    digits = _number(Msisdn.LABEL, text).removeprefix(INTERNATIONAL)
    if digits.startswith(INLAND):
        message = f"msisdn must begin with its country code, not with 0: {Msisdn.shown(text)}"
        raise InvalidValue(message)
    return Msisdn.parse(digits)


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
    named = NAMED.fullmatch(text)
    if named and label.endswith(named["name"].casefold()):
        text = named["number"]
    text = _without_fraction(label, text)
    if GROUPED.fullmatch(text):
        return text.translate(GROUP_SIGNS)
    if SLASHED_IMEI.fullmatch(text):
        return text.replace("/", "")
    return text.translate(DROPPED_IN_DIGITS).rstrip(PADDING) if text[:1].isdigit() else text


def _number(label: str, text: str) -> str:
    international = INLAND_ZERO.sub(r"\g<country>", text)
    return _without_fraction(label, international).translate(DROPPED_IN_NUMBERS).rstrip(PADDING)


def _without_fraction(label: str, text: str) -> str:
    """A number without the fraction of zeros that a program wrote behind it.

    One in scientific notation is refused, and one that is too large to be exact: digits are gone.
    """
    whole = FRACTION.fullmatch(text)
    if UNCLEAR_FRACTION.fullmatch(text):
        message = (
            f"{label} {shown(text)} may end in a fraction or in digits: write its digits alone"
        )
        raise InvalidValue(message)
    if EXPONENT.fullmatch(text) or (whole and int(whole[1]) >= EXACT_MAX):
        message = (
            f"{label} {shown(text)} is a rounded number, so digits are lost: export the column as "
            "text"
        )
        raise InvalidValue(message)
    return whole[1] if whole else text


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

    Forms: the given ones; ISO 8601 with or without its signs; the year first, with one digit or two
    for the rest, `PM`, or `UTC` behind; seconds (10 digits), milliseconds (13), microseconds (16)
    or nanoseconds (19) since 1970; days and a fraction as a spreadsheet counts them, to the second.
    Raises `InvalidValue`.
    """
    for form in conventions.time_formats:
        moment = _moment_of_form(text, form, conventions.zone)
        if moment is not None:
            return moment
    if FORM.fullmatch(text):
        return moment_of(parse(text, conventions.zone))
    text = _without_more(text)
    is_unclear = _form_of_short_year(text) is not None
    unix = UNIX_TIME.fullmatch(text)
    if unix and not is_unclear:
        return _since_1970(unix)
    serial = SERIAL.fullmatch(text)
    if serial and serial["part"]:
        local = _of_serial(serial, conventions.day_zero)
        return moment_of(local.replace(tzinfo=conventions.zone))
    iso = _in_iso(_of_one_day(text))
    if is_unclear or FORM.fullmatch(iso) is None:
        what_to_do = _help(text, conventions.day_zero)
        message = f"must be a timestamp like 2026-03-01T00:00:00Z, not {shown(text)}{what_to_do}"
        raise InvalidValue(message)
    return moment_of(parse(iso, conventions.zone))


def moment_or_never(text: str, conventions: Conventions = PLAIN) -> Moment | None:
    """The moment that a value of a file names; None where systems write it for never.

    Midnight of the first day there is has no moment in zones that are ahead of UTC. Raises
    `InvalidValue`.
    """
    try:
        moment = read_moment(text, conventions)
    except InvalidValue:
        if read_moment(text, conventions._replace(zone=UTC)) == BEGINNING:
            return None
        raise
    return None if moment in never_in(conventions.zone) else moment


def _without_more(text: str) -> str:
    """A moment without what programs write around and behind it."""
    text = text.replace(MINUS, "-")
    dotnet = DATE_OF_DOTNET.fullmatch(text)
    twice = ZONE_AGAIN.fullmatch(text)
    if dotnet:
        return dotnet["ms"]
    return twice["moment"] if twice else text


def _of_one_day(text: str) -> str:
    """A moment without a day that stands before it and says the same.

    Its own day is left out where it is none; the text stays as it is where the days differ.
    """
    both = DAY_BEFORE.fullmatch(text)
    if both is None:
        return text
    own = both["own"].replace("/", "-")
    if own in ZERO_DAYS:
        return f"{both['day']} {both['clock']}"
    return both["moment"] if own == both["day"].replace("/", "-") else text


def _form_of_short_year(text: str) -> str | None:
    """The form of digits that may be a date with two digits for the year and a time of day.

    Ten digits that begin with 1 are seconds since 1970, up to the year 2033.
    """
    digits = SHORT_YEAR.fullmatch(text)
    form = SHORT_YEAR_FORMS[len(digits[1])] if digits else ""
    if digits is None or _of_form(digits[1], form) is None:
        return None
    return form + ".%f" * bool(digits["fraction"]) + "%z" * bool(digits["zone"])


def _help(text: str, day_zero: datetime) -> str:
    """What to do about a value that is no moment, where its form says it."""
    serial = SERIAL.fullmatch(text)
    letters = ZONE_LETTERS.fullmatch(text)
    if serial:
        day = _of_serial(serial, day_zero)
        return (
            f": it may be a spreadsheet's count of days ({day:%Y-%m-%d}); format "
            "the column as a date, and export it again"
        )
    if EXPONENT.fullmatch(text):
        return ": a rounded number has lost digits; export the column as text"
    if short_year := _form_of_short_year(text):
        return f": the year may have two digits; if so, say it with --time-format '{short_year}'"
    if letters and letters["letters"] not in {"AM", "PM"}:
        return _help_about_zone(letters["before"], letters["letters"])
    if DAY_OR_MONTH_FIRST.fullmatch(text):
        forms = " or ".join(f"'{form}'" for form in likely_forms(text)) or "and that form"
        return f": the day or the month may be first; say which with --time-format {forms}"
    return _help_about_form(text)


def _help_about_form(text: str) -> str:
    """What to do about a date whose form may be named."""
    forms = " or ".join(f"'{form}'" for form in likely_forms(text))
    if not forms and NAMED_MONTH.fullmatch(text):
        return ": write its month as a number, for the month's name is not read"
    year_last = YEAR_LAST.fullmatch(text)
    zone = " and --zone UTC" if year_last and year_last["zone"] else ""
    return f": if all are of this form, name it with --time-format {forms}{zone}" if forms else ""


def _help_about_zone(before: str, letters: str) -> str:
    """What to do about letters behind a time of day."""
    if letters not in UTC_NAMES:
        return (
            f": {letters} may be several zones; write the offset, like -05:00, or leave it out and "
            "name the zone with --zone"
        )
    forms = " or ".join(f"'{form} {letters}'" for form in likely_forms(before))
    return f": name the form with --time-format {forms} and --zone UTC" if forms else ""


def _of_serial(serial: re.Match[str], day_zero: datetime) -> datetime:
    """The time of a spreadsheet's count of days, to the second; its zone is not known."""
    seconds = round(float(f"0.{serial['part'] or 0}") * SECONDS_A_DAY)
    return day_zero + timedelta(days=int(serial["days"]), seconds=seconds)


def is_without_zone(text: str, conventions: Conventions = PLAIN) -> bool:
    """Whether a value is a date and a time of day in a zone that has to be guessed."""
    if conventions.is_zone_known:
        return False
    for form in conventions.time_formats:
        moment = _of_form(text, form)
        if moment is not None:
            return moment.tzinfo is None and ("%H" in form or "%I" in form)
    text = _without_more(text)
    if UNIX_TIME.fullmatch(text):
        return False
    serial = SERIAL.fullmatch(text)
    if serial and serial["part"]:
        return True
    iso = FORM.fullmatch(_in_iso(_of_one_day(text)))
    return iso is not None and bool(iso["time"]) and not (iso["offset"] or iso["utc"])


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
    if unix["us"] or unix["ns"]:
        return Moment(int(unix["us"] or unix["ns"][:-3]))
    fraction = (unix["fraction"] or "")[:6].ljust(6, "0")
    return Moment(int(unix["second"]) * MICROSECONDS_A_SECOND + int(fraction))


def _in_iso(text: str) -> str:
    """A date and time of day as ISO 8601 has it; any other text as it is."""
    if year_first := YEAR_FIRST.fullmatch(text):
        return _padded(year_first)
    form = UNSIGNED.fullmatch(text)
    if form is None:
        return text
    date = f"{form['year']}-{form['month']}-{form['day']}"
    if form["hour"] is None:
        return date + (form["zone"] or "")
    return f"{date}T{form['hour']}:{form['minute']}:{form['second'] or '00'}{form['zone'] or ''}"


def _padded(form: re.Match[str]) -> str:
    """A date with the year first, and a time of day of 24 hours, with all their zeros."""
    date = f"{form['year']}-{form['month']:0>2}-{form['day']:0>2}"
    if form["hour"] is None:
        return date
    hour = int(form["hour"])
    if form["half"]:
        if not 1 <= hour <= HALF_DAY_HOURS:
            return ""  # 13 PM is no time of day
        hour = hour % HALF_DAY_HOURS + HALF_DAY_HOURS * (form["half"] in "Pp")
    zone = form["zone"] or ""
    zone = "Z" if zone in UTC_NAMES else zone
    second, fraction = form["second"] or "00", form["fraction"] or ""
    return f"{date}T{hour:02}:{form['minute']}:{second}{fraction}{zone}"


def likely_forms(text: str) -> list[str]:
    """The forms of `strptime` that a value probably has, whose year does not stand first.

    Two, where nothing says whether the day or the month is first; none, where it is not seen.
    """
    if year_last := YEAR_LAST.fullmatch(text):
        return [f"%a %b %d %H:%M:%S{year_last['zone'] or ''} %Y"]
    form = LIKELY.fullmatch(text)
    if form is None or not _has_order(form):
        return []
    year = "%Y" if len(form["year"]) > 2 else "%y"  # noqa: PLR2004 - digits of a year
    clock = "" if form["clock"] is None else _clock_form(form["clock"])
    one, two, sign, behind = form["one"], form["two"], form["sign"], form["behind"]
    if two[:1].isalpha():
        orders = [("%d", _month_form(two))]
    elif one[:1].isalpha():
        orders = [(_month_form(one), "%d")]
    else:
        of_day, of_month = ("%d", "%m"), ("%m", "%d")
        orders = [of_day] * (int(two) <= MONTHS) + [of_month] * (int(one) <= MONTHS)
    weekday = _weekday_form(form["weekday"] or "")
    zone = re.sub("[+-][0-9]{4}", "%z", form["zone"] or "")
    forms = [
        f"{weekday}{first}{sign}{second}{behind}{year}{clock}{zone}" for first, second in orders
    ]
    return [form for form in forms if _of_form(text, form)]  # not with a month of other languages


def _has_order(form: re.Match[str]) -> bool:
    """Whether a likely date has signs between its parts, or a name of a month."""
    has_month = form["one"].isalpha() != form["two"].isalpha()
    return has_month or bool(form["sign"] and form["behind"] and form["one"].isdigit())


def _weekday_form(name: str) -> str:
    """The form of a day of the week, with what stands behind it."""
    day = name.rstrip(", ")
    short = "%a" if len(day) == 3 else "%A"  # noqa: PLR2004 - letters of a short name
    return name and short + name[len(day) :]


def _month_form(name: str) -> str:
    return "%b" if len(name) == 3 else "%B"  # noqa: PLR2004 - letters of a short name


def _clock_form(clock: str) -> str:
    """The form of a time of day, with what stands before it."""
    parts = iter(("%I" if clock[-1:] in "Mm" else "%H", "%M", "%S", "%f"))
    form = re.sub(r"[0-9]+", lambda _: next(parts), clock)
    return re.sub(r"[AaPp][Mm]$", "%p", form)

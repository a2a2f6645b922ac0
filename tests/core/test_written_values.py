"""What files from elsewhere write is read as what it means, or refused with what to do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tallystick.core.errors import InvalidValue
from tallystick.core.moments import parse_moment
from tallystick.core.written_values import (
    Conventions,
    is_without_zone,
    likely_forms,
    read_allowed,
    read_iccid,
    read_imei,
    read_mdn,
    read_moment,
    read_msisdn,
)
from tallystick.intake import fast_parse

if TYPE_CHECKING:
    from collections.abc import Callable

ICCID, IMEI = "89148000000800000011", "352099001761481"

READ: list[tuple[Callable[[str], object], str, str]] = [
    (read_imei, "352,099,001,761,481", IMEI),
    (read_imei, "352.099.001.761.481", IMEI),
    (read_imei, "352\u2019099\u2019001\u2019761\u2019481", IMEI),
    (read_imei, "352099/00/176148/1", IMEI),
    (read_imei, "352099001761481.0", IMEI),
    (read_iccid, "8914 8000\u00a00008\u202f0000\u200b00 11", ICCID),
    (read_mdn, "5096300011.0", "5096300011"),
    (read_mdn, "509.630.0011", "5096300011"),
    (read_msisdn, "00882285000000012", "882285000000012"),
    (read_msisdn, "882285000000012.0", "882285000000012"),
    (read_msisdn, "+49 (0)171 2345678", "491712345678"),
    (read_mdn, "0049 (0) 171 2345678", "00491712345678"),
    (read_mdn, "001 555 123 4567", "0015551234567"),
    (read_msisdn, "1800555.0000", "18005550000"),
    (read_imei, "urn:gsma:imei:35209900-176148-1", IMEI),
    (read_imei, "imeisv-3520990017614801", "3520990017614801"),
    (read_iccid, "ICCID: 89148000000800000011", ICCID),
    (read_iccid, "+QCCID: 89148000000800000011F", ICCID),
    (read_imei, "urn:imei:352099001761481", IMEI),
]


@pytest.mark.parametrize(("read", "text", "digits"), READ, ids=[text for _, text, _ in READ])
def test_digits_are_read_without_what_stands_between_them(
    read: Callable[[str], object], text: str, digits: str
) -> None:
    assert str(read(text)) == digits


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (read_imei, "9900034205355730.0", "rounded number"),
        (read_imei, "imsi-352099001761481", "must be 14-16 digits"),
        (read_imei, ICCID, "as long as an ICCID: the columns may be swapped"),
        (read_iccid, IMEI, "as long as an IMEI or an IMSI: the columns may be swapped"),
        (read_iccid, f"{ICCID}.0", "rounded number"),
        (read_allowed, "35209900/35209901", "must be an IMEI"),
        (read_imei, "352,099,001,761,4815", "must be 14-16 digits"),
        (read_mdn, "5096300011.00", "may end in a fraction or in digits"),
        (read_mdn, "5096300011.5", "may end in a fraction or in digits"),
        (read_msisdn, "0171 2345678", "must begin with its country code, not with 0"),
    ],
)
def test_digits_that_may_be_others_are_refused(
    read: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(InvalidValue, match=reason):
        read(text)


MOMENTS = {
    "2026/3/5 9:15": "2026-03-05T09:15:00Z",
    "2026-3-5 9:05:00": "2026-03-05T09:05:00Z",
    "2026-03-05 10:15:30 PM": "2026-03-05T22:15:30Z",
    "2026-03-05 12:15 a.m.": "2026-03-05T00:15:00Z",
    "2026-03-05 10:15:30 UTC": "2026-03-05T10:15:30Z",
    "2026-03-05 10:15:30 +0100": "2026-03-05T09:15:30Z",
    "2026-03-05 10:15:30+01:00": "2026-03-05T09:15:30Z",
    "2026-03-05 10:15:30.5": "2026-03-05T10:15:30.5Z",
    "2026-03-05 2026/03/05 10:15:30": "2026-03-05T10:15:30Z",
    "2026-03-05 1899-12-30 10:15:30": "2026-03-05T10:15:30Z",
    "2026/03/05 1900-01-00T10:15:30Z": "2026-03-05T10:15:30Z",
    "2026.03.05 10:15:30": "2026-03-05T10:15:30Z",
    "2026. 3. 5. 10:15:30": "2026-03-05T10:15:30Z",
    "2026年3月5日 10:15:30": "2026-03-05T10:15:30Z",
    "2026-03-05_10:15:30": "2026-03-05T10:15:30Z",
    "2026-03-05-10.15.30.000001": "2026-03-05T10:15:30.000001Z",
    "2026-03-05T11:15:30+01:00[Europe/Berlin]": "2026-03-05T10:15:30Z",
    "2026-03-05 11:15:30 +0100 +0100": "2026-03-05T10:15:30Z",
    "2026-03-05 10:15:30.5 +0000 UTC m=+0.001": "2026-03-05T10:15:30.5Z",
    "2026-03-05T10:15:30\u221205:00": "2026-03-05T15:15:30Z",
    "/Date(1772704800000)/": "2026-03-05T10:00:00Z",
    "1711150930": "2024-03-22T23:42:10Z",
    "2524608000": "2050-01-01T00:00:00Z",
    "202603051015": "2026-03-05T10:15:00Z",
    "1772704800000.0": "2026-03-05T10:00:00Z",
    "1772704800000001": "2026-03-05T10:00:00.000001Z",
    "1772704800000001999": "2026-03-05T10:00:00.000001Z",
    "46086.42743055556": "2026-03-05T10:15:30Z",
    "46086,4375": "2026-03-05T10:30:00Z",
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_read_in_any_form_that_means_one_only(text: str) -> None:
    assert read_moment(text) == parse_moment(MOMENTS[text])
    (value,) = fast_parse.moments(pl.Series([text]))
    assert value in {None, read_moment(text)}


def test_a_moment_since_1970_has_a_zone_and_a_spreadsheets_count_of_days_has_none() -> None:
    assert not any(map(is_without_zone, ("1772704800.0", "1772704800000", "2026-03-05 1:05 GMT")))
    assert all(map(is_without_zone, ("46086.4375", "2026/3/5 9:15", "2026-03-05 10:15 PM")))
    assert not is_without_zone("46086.4375", Conventions(is_zone_known=True))


@pytest.mark.parametrize(
    ("text", "help_given"),
    [
        ("2026-03-04 2026-03-05T10:15:30Z", "must be a timestamp like"),
        ("2026-03-05-10:00", "must be a timestamp like"),
        ("Thu, 05 Mar 2026 10:15:30 GMT", "--time-format '%a, %d %b %Y %H:%M:%S GMT'"),
        ("Thu Mar  5 10:15:30 UTC 2026", "--time-format '%a %b %d %H:%M:%S UTC %Y' and --zone UTC"),
        ("Mar 5, 2026 @ 10:15:30.000", "--time-format '%b %d, %Y @ %H:%M:%S.%f'"),
        ("05MAR2026:10:15:30", "--time-format '%d%b%Y:%H:%M:%S'"),
        ("2026-03-05 1901-01-01 10:15:30", "must be a timestamp like"),
        ("260305101500", "two digits; if so, say it with --time-format '%y%m%d%H%M%S'"),
        ("200112101500", "two digits"),
        ("190305101500", "two digits"),
        ("200112101500Z", "two digits"),
        ("260305101500.5+0100", "if so, say it with --time-format '%y%m%d%H%M%S.%f%z'"),
        ("2603051015", "two digits; if so, say it with --time-format '%y%m%d%H%M'"),
        ("2603051015.0", "two digits"),
        ("28991230", "must be a timestamp like"),
        ("46086.0", r"count of days"),
        ("5-Mar-26 10:15 UTC", "--time-format '%d-%b-%y %H:%M UTC' and --zone UTC"),
        ("2026-03-05 25:15 UTC", "must be a timestamp like .*UTC'$"),
        ("05-03-2026 UTC", "--time-format '%d-%m-%Y UTC' or '%m-%d-%Y UTC' and --zone UTC"),
        ("99/99/2026", "--time-format and that form"),
        ("46086", r"count of days \(2026-03-05\); format the column as a date"),
        ("1.7727E+12", "rounded number has lost digits"),
        ("2026-03-05 10:15:30 EST", "EST may be several zones; .* name the zone with --zone"),
        ("01.03.2026 10:15", r"--time-format '%d\.%m\.%Y %H:%M' or '%m\.%d\.%Y %H:%M'"),
        ("2026-03-05 13:15 AM", "must be a timestamp like"),
        ("2026030510300000", "must be a timestamp like"),
        ("10:15:30", "must be a timestamp like"),
    ],
)
def test_what_may_be_no_moment_is_refused_with_what_to_do(text: str, help_given: str) -> None:
    with pytest.raises(InvalidValue, match=help_given):
        read_moment(text)


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("3/4/2026 01:15:00 PM", [datetime(2026, 4, 3, 13, 15), datetime(2026, 3, 4, 13, 15)]),  # noqa: DTZ001 - a clock
        ("25/03/26 9:15", [datetime(2026, 3, 25, 9, 15)]),  # noqa: DTZ001
        ("3-25-2026", [datetime(2026, 3, 25)]),  # noqa: DTZ001
        ("05-MAR-26 10.15.30.000000 AM", [datetime(2026, 3, 5, 10, 15, 30)]),  # noqa: DTZ001
        ("Mar 5, 2026", [datetime(2026, 3, 5)]),  # noqa: DTZ001
        ("5 March 2026 10:15", [datetime(2026, 3, 5, 10, 15)]),  # noqa: DTZ001
        ("2026-03-05", []),
    ],
)
def test_the_forms_that_are_proposed_read_the_value(text: str, moments: list[datetime]) -> None:
    assert [datetime.strptime(text, form) for form in likely_forms(text)] == moments  # noqa: DTZ007

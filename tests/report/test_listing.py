"""Pages of rows and their counts say what the report says, on each engine."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from tallystick.core.days import days_of
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment, parse_moment, zone_named
from tallystick.core.reason_json import decode
from tallystick.core.reasons import NARROWING, Cause, Code, likely_cause
from tallystick.core.window import Window
from tallystick.report.answer import Question, answer_explained
from tallystick.report.coverage import sampled
from tallystick.report.listing import Filters, Lister, digits_of, every_row, page
from tallystick.report.overview import counted_rows
from tallystick.store.listing import Order
from tallystick.thingspace.rows import read_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.report.answer import Explained
    from tallystick.store import Reader, Store

START = parse_moment("2026-03-27T00:00:00Z")
DAY_US = 86_400_000_000
NOW = Moment(START + 30 * DAY_US)
WINDOW = Window(START, Moment(START + 4 * DAY_US))
ACCOUNTS = ("a", "b")
GENERATIONS = ("4G", "5G")
# Leading zeros, each length, and digits that pad.
ICCIDS = [
    Iccid.parse(text)
    for text in (
        "890148000000000000",
        "8901480000000000001",
        "89014800000000000020",
        "893100000000",
    )
    if len(text) >= Iccid.LENGTH_MIN
] + [Iccid.parse(f"8949{n:016d}") for n in range(12)]
IMEIS = [
    Imei.parse(text)
    for text in ("00990000000001", "352099001761481", "3571520912345600", "357152091234565")
]


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """A few SIMs of two accounts and generations, seen here and there at the same moments."""
    choose = random.Random(7)
    with store.transaction() as writer:
        writer.take_sims(
            [
                Sim(
                    iccid,
                    Mdn.parse(f"{n:010d}") if n % 2 else None,
                    ACCOUNTS[n % 2],
                    None,
                    GENERATIONS[n % 3 > 1],
                )
                for n, iccid in enumerate(ICCIDS)
            ]
        )
        writer.take_expectations(
            [SimExpectation(iccid, BEGINNING, choose.choice(IMEIS)) for iccid in ICCIDS]
        )
        writer.take_activations(
            [
                SimActivation(
                    choose.choice(ICCIDS),
                    Moment(START + choose.randrange(1, 40) * DAY_US // 10),
                    choose.choice(IMEIS),
                )
                for _ in range(150)
            ]
        )
        writer.take_group_members([GroupMember("a", "g", iccid) for iccid in ICCIDS[:6:2]])
    with store.snapshot() as snapshot:
        yield snapshot


def whole(reader: Reader, question: Question) -> list[Explained]:
    """The rows that the report gives."""
    portions = answer_explained(reader, reader.accounts(), question, GENERATIONS, "UTC")
    return [row for rows in portions for row in rows]


@pytest.mark.parametrize("code", NARROWING)
def test_a_reason_leaves_the_rows_that_tell_it(reader: Reader, code: Code) -> None:
    lister = Lister(reader, reader.accounts(), GENERATIONS, "UTC", NOW)
    listed = page(lister, Question(WINDOW), Filters(reason=code), None, 500, order=Order.OLDEST)
    assert listed.rows == [
        row
        for row in whole(reader, Question(WINDOW))
        if code in {reason.code for reason in decode(row[1])}
    ]


def fits(row: Explained, digits: str, own: Cause | None) -> bool:
    """Whether a row has some digits, and a cause by the SIM's own facts."""
    read = read_row(row[0])
    numbers = (read.iccid, read.mdn or "", read.pre_imei or "", read.post_imei)
    reasons = [each for each in decode(row[1]) if not each.count]
    return any(digits in number for number in numbers) and own in {None, likely_cause(reasons)}


def place_of(row: Explained, *first: str) -> tuple[object, ...]:
    """Where a row stands in an order of some fields, and of time within."""
    read = read_row(row[0])
    fields = (*first, "sim_ota_date", "iccid", "post_imei")
    return tuple(getattr(read, name) for name in fields)


PLACE_IN = {
    Order.NEWEST: place_of,
    Order.OLDEST: place_of,
    Order.ICCID: lambda row: place_of(row, "iccid"),
    Order.ACCOUNT: lambda row: place_of(row, "account_name"),
    Order.IMEI: lambda row: place_of(row, "post_imei"),
}


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    ("accounts", "group"),
    [((), None), (("a",), None), (("b", "a"), None), (("a",), "g"), (("a",), "Unassigned Devices")],
)
def test_pages_one_behind_the_other_are_the_report(
    reader: Reader, accounts: tuple[str, ...], group: str | None, order: Order
) -> None:
    question = Question(WINDOW, accounts, group)
    lister = Lister(reader, reader.accounts(), GENERATIONS, "UTC", NOW)
    rows: list[Explained] = []
    behind = None
    for _ in range(100):
        part = page(lister, question, Filters(), behind, 7, order=order)
        rows += part.rows
        behind = part.behind
        if behind is None:
            break
        assert len(part.rows) == 7
    expected = whole(reader, question)
    assert len(expected) > 7
    assert rows == sorted(expected, key=PLACE_IN[order], reverse=order is Order.NEWEST)
    portions = every_row(lister, question, Filters(), order=order)
    assert [row for each in portions for row in each] == rows


@pytest.mark.parametrize("digits", ["", "8901480", "0099", "0000", "2345", "5600", "4565", "9999"])
@pytest.mark.parametrize("cause", [None, Cause.UNCLEAR, Cause.PAPERWORK, Cause.THEFT])
def test_filters_leave_what_the_report_has_of_that_kind(
    reader: Reader, digits: str, cause: Cause | None
) -> None:
    lister = Lister(reader, reader.accounts(), GENERATIONS, "UTC", NOW)
    question = Question(WINDOW)
    listed = page(lister, question, Filters(cause, digits=digits), None, 500, order=Order.OLDEST)
    assert listed.rows == [row for row in whole(reader, question) if fits(row, digits, cause)]


@pytest.mark.parametrize("zone_name", ["UTC", "Asia/Kolkata", "Europe/Berlin"])
def test_counts_are_those_of_the_reports_rows(reader: Reader, zone_name: str) -> None:
    """Berlin's clocks change within the window."""
    zone = zone_named(zone_name)
    question = Question(WINDOW)
    counted = counted_rows(reader, reader.accounts(), question, GENERATIONS, zone)
    rows = whole(reader, question)
    days: dict[date, int] = {}
    for wire, _ in rows:
        day = parse_day(read_row(wire).sim_ota_date, zone_name)
        days[day] = days.get(day, 0) + 1
    assert counted.total == len(rows) == sum(counted.causes.values())
    assert {day: sum(causes.values()) for day, causes in counted.days if causes} == days
    assert dict(counted.accounts) == {
        name: sum(read_row(wire).account_name == name for wire, _ in rows) for name in ACCOUNTS
    }
    assert sum(count for _, count in counted.types) == len(rows)
    own = [likely_cause([each for each in decode(told) if not each.count]) for _, told in rows]
    assert counted.causes == {cause: own.count(cause) for cause in set(own)}


def parse_day(timestamp: str, zone_name: str) -> date:
    """The day of a timestamp in a zone."""
    return datetime.fromisoformat(timestamp).astimezone(zone_named(zone_name)).date()


def test_an_empty_window_has_no_days() -> None:
    assert days_of(Window(START, START), UTC) == []
    assert days_of(Window(START, Moment(START + DAY_US)), UTC) == [date(2026, 3, 27)]
    midnight = Window(Moment(START - 1), Moment(START + DAY_US + 1))
    assert days_of(midnight, UTC) == [date(2026, 3, 27), date(2026, 3, 28)]


def test_a_sample_of_few_sims_is_all_of_them(reader: Reader) -> None:
    looked_at = sampled(reader, reader.accounts(), Question(WINDOW), GENERATIONS)
    assert looked_at.is_all
    assert looked_at.sims == looked_at.expected == len(ICCIDS)
    nobody_yet = Question(Window(Moment(0), Moment(1)))
    assert sampled(reader, reader.accounts(), nobody_yet, GENERATIONS).seen == 0
    assert sampled(reader, reader.accounts(), Question(WINDOW, ("a",)), ("4G",)).sims < len(ICCIDS)


def test_a_sample_of_many_sims_is_bounded(store: Store) -> None:
    many = [Iccid.parse(f"8949{n * 7:016d}") for n in range(3000)]
    with store.transaction() as writer:
        writer.take_sims([Sim(iccid, None, "a", None, "4G") for iccid in many])
    with store.snapshot() as reader:
        looked_at = sampled(reader, reader.accounts(), Question(WINDOW), GENERATIONS)
    assert (looked_at.is_all, looked_at.expected, looked_at.seen) == (False, 0, 0)
    assert 900 <= looked_at.sims <= 1000


def test_digits_to_look_for_are_four_at_least() -> None:
    assert digits_of(" 3520-9900 ") == "35209900"
    assert digits_of("") == ""
    for text in ("123", "١٢٣٤", "1" * 21, "abcd", "12.4"):
        with pytest.raises(InvalidValue, match="4-20 digits"):
            digits_of(text)

"""Pages of rows and their counts say what the report says, on each engine."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import apsw
import pytest

from tallystick.core.days import days_of
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.ledger import UNKNOWN_ORIGIN
from tallystick.core.moments import BEGINNING, Moment, parse_moment, zone_named
from tallystick.core.reason_json import decode
from tallystick.core.reasons import NARROWING, Cause, Code, likely_cause
from tallystick.core.window import Window
from tallystick.report import listing
from tallystick.report.answer import Question, answer_explained
from tallystick.report.coverage import sampled
from tallystick.report.listing import Filters, Lister, digits_of, every_row, page
from tallystick.report.overview import counted_rows
from tallystick.store import open_store
from tallystick.store.listing import OF_TIME, Order, Place
from tallystick.thingspace.rows import read_row, wire_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def fill(store: Store) -> None:
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


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """What `fill` put into a store."""
    fill(store)
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


def test_a_place_in_order_of_account_holds_when_its_sim_moves_or_is_removed(store: Store) -> None:
    """Moved behind all others, the SIM is listed again; no row between is lost."""
    first, second, third, others = ICCIDS[:4]
    with store.transaction() as writer:
        writer.take_sims(
            [
                *(Sim(iccid, None, "a", None, "4G") for iccid in (first, second, third)),
                Sim(others, None, "b", None, "4G"),
            ]
        )
        writer.take_expectations([SimExpectation(n, BEGINNING, IMEIS[0]) for n in ICCIDS[:4]])
        writer.take_activations(
            [
                SimActivation(iccid, Moment(START + minute), IMEIS[1])
                for minute, iccid in enumerate(ICCIDS[:4], 1)
            ]
        )

    def listed(behind: Place | None) -> tuple[list[int], Place | None]:
        """The SIMs of the next page of one row, and of all behind it; where the page ends."""
        with store.snapshot() as reader:
            lister = Lister(reader, reader.accounts(), GENERATIONS, "UTC", NOW)
            rows = [
                page(lister, Question(WINDOW), Filters(), behind, size, order=Order.ACCOUNT)
                for size in (1, 500)
            ]
        return [iccid for _, iccid, _ in rows[1].keys], rows[0].behind

    everything, behind_first = listed(None)
    assert everything == [first, second, third, others]
    with store.transaction() as writer:
        writer.take_sims([Sim(first, None, "c", None, "4G")])
    assert listed(behind_first)[0] == [second, third, others, first]
    behind_second = listed(behind_first)[1]
    with store.transaction() as writer:
        writer.remove_sims([second], UNKNOWN_ORIGIN)
    assert listed(behind_second)[0] == [third, others, first]


@pytest.mark.parametrize("account", ["b", "c", ""])
def test_a_place_in_an_account_that_the_asker_does_not_see_is_unknown(
    reader: Reader, account: str
) -> None:
    """There is an account b and none that is called c: the answers are the same."""
    of_a = {"a": reader.accounts()["a"]}
    lister = Lister(reader, of_a, GENERATIONS, "UTC", NOW)
    behind = Place((START, ICCIDS[1], IMEIS[0]), account)
    with pytest.raises(InvalidValue, match="behind names no account of yours"):
        page(lister, Question(WINDOW), Filters(), behind, 5, order=Order.ACCOUNT)


@pytest.mark.parametrize("order", [order for order in Order if order not in OF_TIME])
def test_a_file_in_another_order_than_of_time_reads_the_window_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order
) -> None:
    """However many parts it comes in."""
    asked: list[str] = []

    def watch(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, watch])
    monkeypatch.setattr(listing, "ROWS_AT_ONCE", 2)
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", wire_row) as store:
        store.init("UTC")
        fill(store)
        with store.snapshot() as reader:
            expected = len(whole(reader, Question(WINDOW)))
            asked.clear()
            lister = Lister(reader, reader.accounts(), GENERATIONS, "UTC", NOW)
            parts = list(every_row(lister, Question(WINDOW), Filters(), order=order))
    assert sum(map(len, parts)) == expected
    assert len(parts) == -(-expected // 2) > 3
    assert sum("listed_mismatches" in sql for sql in asked) == 1

"""What a store promises on every engine: whole transactions, snapshots, an answer at once."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tallystick.core.errors import SettingRefused, StoreMissing
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.core.window import Window
from tallystick.store import Batch, Scope, open_store, shortlist, shortlist_of
from tallystick.store.queries import migrations_for, parse_sql
from tallystick.thingspace.rows import read_row, wire_row
from tests.engines import change, engine_of
from tests.kept import everything_in, report_of, rule_of
from tests.store.few import (
    EVERYTHING,
    FOREIGN,
    HOME,
    ICCIDS,
    MDN,
    ONE,
    THIRD,
    THREE,
    TWO,
    expected,
    mismatch,
    rows,
    seen,
    sim,
    start,
    take,
)

if TYPE_CHECKING:
    from tallystick.store import Store


# Transactions


def test_a_transaction_that_fails_leaves_nothing_behind(mismatched: Store) -> None:
    before = everything_in(mismatched)

    def fail() -> None:
        with mismatched.transaction() as writer:
            writer.take(Sim, [sim(TWO, "made in vain"), sim(ONE, "b")])
            writer.take(SimExpectation, [expected(ONE, FOREIGN), expected(TWO)])
            writer.take(SimActivation, [seen(TWO)])
            message = "midway"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert everything_in(mismatched) == before
    with mismatched.snapshot() as reader:
        assert list(reader.accounts()) == ["a"]


def test_the_store_can_be_written_after_a_transaction_failed(mismatched: Store) -> None:
    with pytest.raises(KeyError), mismatched.transaction() as writer:
        writer.take(str, [])
    take(mismatched, sim(TWO), expected(TWO), seen(TWO))
    assert rows(mismatched) == [mismatch(ONE), mismatch(TWO)]


def test_a_transaction_sees_what_it_has_written(store: Store) -> None:
    with store.transaction() as writer:
        writer.take(Sim, [sim(ONE)])
        assert writer.sim(ONE) == sim(ONE)


def test_a_snapshot_keeps_what_it_saw_first_while_a_writer_commits(mismatched: Store) -> None:
    with mismatched.snapshot() as reader:
        accounts = tuple(reader.accounts().values())
        before = list(reader.report(Scope(accounts, ("4G",)), EVERYTHING))
        take(mismatched, sim(TWO), expected(TWO), seen(TWO), expected(ONE, FOREIGN))
        assert list(reader.report(Scope(accounts, ("4G",)), EVERYTHING)) == before
        assert reader.sim(TWO) is None
    assert rows(mismatched) == [mismatch(TWO)]


def test_an_uncommitted_change_is_seen_by_nobody_else(mismatched: Store) -> None:
    with mismatched.transaction() as writer:
        writer.take(SimExpectation, [expected(ONE, FOREIGN)])
        assert rows(mismatched) == [mismatch(ONE)]
    assert rows(mismatched) == []


def test_an_answer_that_was_not_read_to_its_end_keeps_no_later_reader_in_the_past(
    mismatched: Store,
) -> None:
    """A client that hangs up leaves its answer half read; the next one must see the present."""
    many = ICCIDS[1:]
    with mismatched.transaction() as writer:
        writer.take(Sim, [sim(iccid) for iccid in many])
        writer.take(SimExpectation, [expected(iccid) for iccid in many])
        writer.take(SimActivation, [seen(iccid) for iccid in many])
    with mismatched.snapshot() as reader:
        half_read = reader.report(Scope((1,), ("4G",)), EVERYTHING)
        next(half_read)
    take(mismatched, seen(ONE, THIRD, at=20))
    assert len(rows(mismatched)) == len(ICCIDS) + 1
    del half_read


def test_many_threads_read_while_one_writes(mismatched: Store) -> None:
    counts: list[list[int]] = [[] for _ in range(4)]

    def read(into: list[int]) -> None:
        into.extend(len(rows(mismatched)) for _ in range(20))

    threads = [threading.Thread(target=read, args=(into,)) for into in counts]
    for thread in threads:
        thread.start()
    for iccid in ICCIDS[1:20]:
        take(mismatched, sim(iccid), expected(iccid), seen(iccid))
    for thread in threads:
        thread.join()
    assert all(len(into) == 20 for into in counts)
    assert all(one <= other for into in counts for one, other in pairwise(into))
    assert len(rows(mismatched)) == 20


# Processes

WRITERS_S_MAX = 180  # a cluster on a busy machine takes more than a minute
WRITE_MANY = """
import sys
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

url, name = sys.argv[1:]
with open_store(url, wire_row) as store:
    for number in range(25):
        iccid = Iccid.parse(f"8914800000080{name}{number:04d}")
        with store.transaction() as writer:
            writer.take(Sim, [Sim(iccid, None, f"account {number % 5}", Moment(number), "4G")])
            home, foreign = Imei.parse("352099001761481"), Imei.parse("357152091234562")
            writer.take(SimExpectation, [SimExpectation(iccid, BEGINNING, home)])
            writer.take(SimActivation, [SimActivation(iccid, Moment(number), foreign)])
"""


def test_two_processes_that_write_at_once_both_succeed(store: Store, database: str) -> None:
    writers = [start(WRITE_MANY, database, name) for name in ("101", "202")]
    answers = [writer.communicate(timeout=WRITERS_S_MAX) for writer in writers]
    assert answers == [("", "")] * 2
    with store.snapshot() as reader:
        counts = reader.counts()
        assert (counts.accounts, counts.sims, counts.activations, counts.mismatches) == (
            5,
            50,
            50,
            50,
        )


# Refusals


def test_a_store_that_is_not_there_is_missing_and_is_not_made_by_asking(database: str) -> None:
    with open_store(database, wire_row) as store:
        assert store.is_empty()
        for ask in (store.snapshot, store.transaction):
            with (
                pytest.raises(
                    StoreMissing, match=r"there is no store; make one with `tallystick init`"
                ),
                ask(),
            ):
                pass
        assert store.is_empty()


def test_another_engine_is_refused() -> None:
    with pytest.raises(
        SettingRefused, match="TALLYSTICK_DATABASE must begin with sqlite:/// or postgresql://"
    ):
        open_store("mysql://host/fleet", wire_row)


# Migrations


def test_a_fresh_store_has_the_current_schema_and_opening_it_again_changes_nothing(
    database: str,
) -> None:
    with open_store(database, wire_row) as store:
        assert store.init("America/Los_Angeles") == len(migrations_for(engine_of(database)))
        take(store, sim(ONE), expected(ONE), seen(ONE))
        before = everything_in(store)
    with open_store(database, wire_row) as store:
        assert store.init("UTC") == 0
        assert everything_in(store) == before
        with store.snapshot() as reader:
            assert reader.wire_zone() == "America/Los_Angeles"


# Facts that wait


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], ids=str
)
def test_facts_wait_for_their_sim_and_for_each_other(store: Store, order: tuple[int, ...]) -> None:
    facts = (sim(ONE), expected(ONE), seen(ONE))
    take(store, *(facts[position] for position in order[:2]))
    assert rows(store) == []
    take(store, facts[order[2]])
    assert rows(store) == [mismatch(ONE)]


def test_what_waits_is_known_before_its_sim_is(store: Store) -> None:
    take(store, expected(ONE), seen(ONE))
    with store.snapshot() as reader:
        assert reader.sim(ONE) is None
        assert reader.expectations_of(ONE) == [Expectation(BEGINNING, HOME)]
        assert reader.activations_of(ONE) == [Activation(Moment(10), FOREIGN)]


def test_a_group_member_waits_for_its_sim(store: Store) -> None:
    take(store, GroupMember("a", "g", ONE), expected(ONE), seen(ONE))
    assert rows(store, "a", group="g") == []
    take(store, sim(ONE))
    assert rows(store, "a", group="g") == [mismatch(ONE)]
    assert rows(store, "a", group=None) == []


# Batches together


@pytest.mark.parametrize("columns", [False, True])
def test_batches_taken_together_are_counted_as_if_one_by_one(
    store: Store, *, columns: bool
) -> None:
    take(store, sim(ONE), expected(ONE), seen(ONE, at=1))
    batches: list[list[SimActivation]] = [
        [seen(ONE, at=2)],
        [seen(ONE, at=2), seen(ONE, at=3)],
        [],
        [seen(ONE, at=1)],
    ]
    with store.transaction() as writer:
        facts = [
            pl.DataFrame(batch, schema=dict.fromkeys(SimActivation._fields, pl.Int64), orient="row")
            if columns
            else batch
            for batch in batches
        ]
        taken = writer.take_all(SimActivation, [Batch(each) for each in facts])
    assert [each[:2] for each in taken] == [(1, 0), (1, 1), (0, 0), (0, 1)]
    assert [each.activated_at for each in everything_in(store).activations] == [1, 2, 3]
    assert rows(store) == [mismatch(ONE)]


# Shortlist beforehand


@pytest.mark.parametrize("crowd", [1, 1000])
def test_what_was_judged_before_expectations_changed_is_judged_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    monkeypatch.setattr(shortlist, "DENSE_SIMS_MIN", crowd)
    take(store, sim(ONE), expected(ONE), sim(TWO), expected(TWO, FOREIGN))
    activations = pl.DataFrame([seen(ONE), seen(TWO)], schema=SimActivation._fields, orient="row")
    with store.snapshot() as reader:
        found = shortlist_of(reader, activations)
    assert found.spans["iccid"].to_list() == [ONE]
    take(store, expected(ONE, FOREIGN), expected(TWO, HOME))
    with store.transaction() as writer:
        writer.take(SimActivation, activations, found)
    assert rows(store) == [mismatch(TWO)]


def test_an_expected_activation_between_two_unexpected_ones_opens_a_row_however_it_comes(
    store: Store,
) -> None:
    """It is no suspect by itself: its SIM is one for the row it has."""
    take(store, sim(ONE), expected(ONE), seen(ONE, at=10), seen(ONE, at=30))
    with store.transaction() as writer:
        writer.take(
            SimActivation,
            pl.DataFrame([seen(ONE, HOME, at=20)], schema=SimActivation._fields, orient="row"),
        )
    assert rows(store) == [mismatch(ONE), mismatch(ONE)]


# Changes show at once


def test_a_sim_that_moves_to_another_account_takes_its_rows_along(mismatched: Store) -> None:
    take(mismatched, sim(ONE, "b"))
    assert rows(mismatched, "a") == []
    assert rows(mismatched, "b") == [mismatch(ONE)]
    (row,) = report_of(mismatched, EVERYTHING, "b")
    assert read_row(row).account_name == "b"


def test_a_number_an_activation_date_and_a_generation_that_change_show_at_once(
    mismatched: Store,
) -> None:
    (row,) = map(read_row, report_of(mismatched, EVERYTHING))
    assert (row.mdn, row.activation_date) == ("5096300001", "1970-01-01T00:00:00Z")
    take(mismatched, sim(ONE, date=60_000_000))
    (row,) = map(read_row, report_of(mismatched, EVERYTHING))
    assert (row.mdn, row.activation_date) == (None, "1970-01-01T00:01:00Z")
    take(mismatched, sim(ONE, mdn=Mdn.parse("0123456789"), generation="5G"))
    assert rows(mismatched) == []
    (row,) = map(read_row, report_of(mismatched, EVERYTHING, generations=("5G",)))
    assert row.mdn == "0123456789"


def test_a_corrected_expectation_takes_past_rows_with_it_and_back(mismatched: Store) -> None:
    take(mismatched, expected(ONE, FOREIGN))
    assert rows(mismatched) == []
    take(mismatched, expected(ONE, THIRD))
    assert rows(mismatched) == [mismatch(ONE, THIRD)]
    with mismatched.snapshot() as reader:
        assert reader.expectations_of(ONE) == [Expectation(BEGINNING, THIRD)]


def test_another_expectation_changes_the_rows_from_its_moment_on(mismatched: Store) -> None:
    take(mismatched, seen(ONE, HOME, at=20), seen(ONE, FOREIGN, at=30))
    assert rows(mismatched) == [mismatch(ONE), mismatch(ONE)]
    take(mismatched, expected(ONE, FOREIGN, since=20))
    assert rows(mismatched) == [mismatch(ONE), mismatch(ONE, FOREIGN, HOME)]


def test_a_late_activation_moves_the_row_it_comes_before(mismatched: Store) -> None:
    take(mismatched, seen(ONE, at=5))
    (row,) = map(read_row, report_of(mismatched, EVERYTHING))
    assert row.sim_ota_date == "1970-01-01T00:00:00Z"
    assert report_of(mismatched, Window(Moment(5), EVERYTHING.latest)) == []
    take(mismatched, seen(ONE, THIRD, at=7))
    assert rows(mismatched) == [mismatch(ONE), mismatch(ONE, FOREIGN, THIRD), mismatch(ONE, THIRD)]


def test_the_other_digits_of_the_same_hardware_show_as_they_were_taken_in_last(
    mismatched: Store,
) -> None:
    take(mismatched, expected(ONE, Imei.parse("35209900176148")))
    assert rows(mismatched) == [(str(ONE), "35209900176148", str(FOREIGN))]


def test_taken_facts_are_counted_as_new_or_repeated(store: Store) -> None:
    with store.transaction() as writer:
        assert writer.take(Sim, [sim(ONE), sim(ONE), sim(TWO, "b")]) == (2, 1, ("a", "b"))
        assert writer.take(Sim, [sim(ONE, mdn=MDN)]) == (1, 0, ())
        assert writer.take(
            SimExpectation, [expected(ONE), expected(ONE), expected(ONE, THIRD)]
        ) == (2, 1, ())
        assert writer.take(SimActivation, [seen(ONE), seen(ONE), seen(ONE, at=11)]) == (2, 1, ())
        assert writer.take(GroupMember, [GroupMember("c", "g", ONE)] * 2) == (1, 1, ("c",))
        assert writer.take(SimActivation, []) == (0, 0, ())


# Scopes of the report


@pytest.fixture
def grouped(store: Store) -> Store:
    """Three SIMs found elsewhere: one in group g; one in another account, with a shared number."""
    take(store, sim(ONE, mdn=MDN), sim(TWO), sim(THREE, "b", mdn=MDN))
    for iccid in (ONE, TWO, THREE):
        take(store, expected(iccid), seen(iccid))
    take(store, GroupMember("a", "g", ONE))
    return store


def test_a_report_is_of_the_accounts_it_names(grouped: Store) -> None:
    assert rows(grouped, "a") == [mismatch(ONE), mismatch(TWO)]
    assert rows(grouped, "b") == [mismatch(THREE)]
    assert rows(grouped, "a", "b") == [mismatch(ONE), mismatch(TWO), mismatch(THREE)]


def test_a_group_has_its_members_and_the_unassigned_are_the_rest_of_the_account(
    grouped: Store,
) -> None:
    assert rows(grouped, "a", group="g") == [mismatch(ONE)]
    assert rows(grouped, "a", group=None) == [mismatch(TWO)]
    assert rows(grouped, "b", group=None) == [mismatch(THREE)]


def test_a_sim_is_in_one_group_of_an_account_at_a_time(grouped: Store) -> None:
    take(grouped, GroupMember("a", "h", ONE))
    assert rows(grouped, "a", group="g") == []
    assert rows(grouped, "a", group="h") == [mismatch(ONE)]


def test_a_membership_holds_while_the_sim_is_in_that_account(grouped: Store) -> None:
    take(grouped, sim(ONE, "b"))
    assert rows(grouped, "b", group=None) == [mismatch(ONE), mismatch(THREE)]
    take(grouped, GroupMember("b", "g", ONE))
    assert rows(grouped, "a", group="g") == []
    assert rows(grouped, "b", group="g") == [mismatch(ONE)]
    take(grouped, sim(ONE, "a"))
    assert rows(grouped, "a", group="g") == [mismatch(ONE)]
    assert rows(grouped, "b", group="g") == []


def test_groups_of_the_same_name_in_two_accounts_are_two(grouped: Store) -> None:
    take(grouped, GroupMember("b", "g", THREE))
    assert rows(grouped, "a", group="g") == [mismatch(ONE)]
    assert rows(grouped, "b", group="g") == [mismatch(THREE)]


def test_listed_sims_are_picked_within_the_accounts(grouped: Store) -> None:
    assert rows(grouped, "a", iccids=(TWO, THREE, TWO)) == [mismatch(TWO)]
    assert rows(grouped, "a", "b", iccids=(THREE, TWO)) == [mismatch(TWO), mismatch(THREE)]
    assert rows(grouped, "a", iccids=(ICCIDS[99],)) == []
    assert rows(grouped, "a", iccids=()) == []


def test_listed_sims_are_picked_within_a_group(grouped: Store) -> None:
    assert rows(grouped, "a", group="g", iccids=(ONE, TWO)) == [mismatch(ONE)]
    assert rows(grouped, "a", group=None, iccids=(ONE, TWO)) == [mismatch(TWO)]


def test_a_number_finds_every_sim_that_has_it(grouped: Store) -> None:
    with grouped.snapshot() as reader:
        assert sorted(reader.iccids_of([MDN])) == [ONE, THREE]
        assert reader.iccids_of([Mdn.parse("0000000000")]) == []
        assert reader.iccids_of([]) == []


def test_a_number_of_another_length_is_another_number(grouped: Store) -> None:
    with grouped.snapshot() as reader:
        assert reader.iccids_of([Mdn.parse(f"{MDN}0")]) == []


@pytest.mark.parametrize(
    ("scope", "accounts"),
    [
        ({}, ("a",)),
        ({}, ("a", "b")),
        ({"group": "g"}, ("a",)),
        ({"group": None}, ("a",)),
        ({"iccids": (ONE, TWO)}, ("a",)),
        ({"iccids": (ONE, TWO)}, ("a", "b")),
    ],
    ids=str,
)
def test_a_window_is_open_at_both_ends_in_every_scope(
    grouped: Store, scope: dict[str, object], accounts: tuple[str, ...]
) -> None:
    found = [
        bool(report_of(grouped, Window(Moment(earliest), Moment(latest)), *accounts, **scope))  # type: ignore[arg-type] # scope words
        for earliest, latest in ((9, 11), (10, 11), (9, 10), (10, 10), (0, 10**15))
    ]
    assert found == [True, False, False, False, True]


@pytest.mark.parametrize("generations", [("4G",), ("5G",), ("4G", "5G"), ("3G",)])
@pytest.mark.parametrize("scope", [{}, {"group": "g"}, {"iccids": (ONE, TWO)}], ids=str)
def test_only_the_generations_asked_for_are_reported_in_every_scope(
    grouped: Store, scope: dict[str, object], generations: tuple[str, ...]
) -> None:
    take(grouped, sim(TWO, generation="5G"), GroupMember("a", "g", TWO))
    wanted = [
        mismatch(iccid)
        for iccid, generation in ((ONE, "4G"), (TWO, "5G"))
        if generation in generations
    ]
    assert rows(grouped, "a", generations=generations, **scope) == wanted


def test_rows_are_ordered_by_the_activations_time_then_iccid_across_accounts(store: Store) -> None:
    for place, iccid in enumerate(ICCIDS[:40]):
        take(store, sim(iccid, "ab"[place % 2]), expected(iccid), seen(iccid, at=100 - place // 4))
    read = [read_row(row) for row in report_of(store, EVERYTHING)]
    assert len(read) == 40
    assert [row.iccid for row in read] == [
        str(iccid)
        for _, iccid in sorted((100 - place // 4, iccid) for place, iccid in enumerate(ICCIDS[:40]))
    ]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 999, 1000, 1001, 1111])
def test_every_fact_of_a_batch_is_taken_whatever_its_size(store: Store, count: int) -> None:
    iccids = ICCIDS[:count]
    with store.transaction() as writer:
        assert writer.take(Sim, [sim(iccid) for iccid in iccids]).accepted == count
        assert writer.take(SimExpectation, [expected(iccid) for iccid in iccids]).accepted == count
        assert writer.take(SimActivation, [seen(iccid) for iccid in iccids]).accepted == count
        assert (
            writer.take(GroupMember, [GroupMember("a", "g", iccid) for iccid in iccids]).accepted
            == count
        )
    everything = everything_in(store)
    assert len(everything.kept) == len(everything.sims) == count
    assert everything.kept == rule_of(everything)


def test_within_one_statement_the_later_value_of_a_key_counts(store: Store) -> None:
    corrections = [expected(ONE, imei) for imei in (HOME, FOREIGN, THIRD)] * 100
    with store.transaction() as writer:
        assert writer.take(SimExpectation, [*corrections, expected(ONE)]).accepted == 301
    assert everything_in(store).expectations == [expected(ONE)]


# Queries


def test_a_querys_name_cannot_stand_twice_in_one_file() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        parse_sql("-- name: a\n-- One.\nSELECT 1;\n-- name: a\n-- Two.\nSELECT 2;\n")


BEFORE_GROUPS = {
    "sqlite": (4, "PRAGMA user_version = 4"),
    "postgresql": (3, "UPDATE store_schema SET number = 3"),
}
KEPT_BEFORE = """
INSERT INTO store (the_only_one, wire_zone) VALUES (1, 'UTC');
INSERT INTO accounts (account_id, name) VALUES (1, 'a');
INSERT INTO groups (group_id, account_id, name) VALUES (1, 1, 'Unassigned Devices'), (2, 1, 'West');
INSERT INTO group_members (account_id, iccid, group_id) VALUES (1, 10, 1), (1, 20, 2);
"""


def test_an_upgraded_store_keeps_the_default_group_as_none_and_the_others_without_a_description(
    database: str,
) -> None:
    count, version = BEFORE_GROUPS[engine_of(database)]
    for _, text in migrations_for(engine_of(database))[:count]:
        change(database, text)
    change(database, KEPT_BEFORE)
    change(database, version)
    with open_store(database, wire_row) as store:
        store.init("UTC")
        with store.snapshot() as reader:
            assert reader.groups(1) == [(2, "West", "")]
        with store.transaction() as writer:
            assert writer.leave_groups(1, [10]) == 0
            assert writer.leave_groups(1, [20]) == 1

"""Plans of PostgreSQL: what a query touches grows with what it asks about, not with its square.

Each query is run on a store that was never analysed, as it is right behind a load, and again
behind ANALYZE. Before it, one walk over the whole store may look cheaper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tallystick.store.engines.postgresql_connection import PLANNED_ANEW
from tallystick.store.engines.postgresql_server import SESSION
from tallystick.store.engines.postgresql_statements import (
    PARAMETER,
    Numbers,
    NumbersDumper,
    Texts,
    TextsDumper,
    numbered,
    of_arrays,
    own_queries,
    parameters_of,
)
from tests.engines import POSTGRESQL, database_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tallystick.store import Store

SIMS, SIMS_OF_SOAK = 10_000, 1_000_000
ACCOUNTS = 2_000
ASKED_SIMS = 5_000
MISMATCHED_ONE_IN = 5
# Each SIM has one expectation and two activations; of every fifth there is a row. Numbers are those
# of SIMs in steps of a hundred, as the last two digits are kept.
FILL = """
INSERT INTO accounts (account_id, name) SELECT g, 'a' || g FROM generate_series(1, {accounts}) AS g;
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
SELECT g * 100, NULL, 1 + g % {accounts}, 0, '4G' FROM generate_series(1, {sims}) AS g;
INSERT INTO expectations (iccid, effective_from, imei) SELECT iccid, 0, iccid * 4 FROM sims;
INSERT INTO activations (iccid, activated_at, imei)
SELECT s.iccid, t.at, s.iccid * 4 FROM sims AS s CROSS JOIN (VALUES (1000), (2000)) AS t (at);
INSERT INTO mismatches (account_id, generation, activated_at, iccid, post_imei, pre_imei, wire)
SELECT account_id, generation, 1000, iccid, iccid / 4000 * 400, 0, '' FROM sims
WHERE iccid % {mismatched} = 0;
INSERT INTO sources (name) VALUES ('s');
INSERT INTO named_activations (subscriber, activated_at, imei, source_id, iccid)
SELECT iccid, 1000, iccid * 4, source_id, iccid FROM sims CROSS JOIN sources;
"""
# By name, how many rows for each that is asked about, of SIMs, accounts or hardware, are few.
ROWS_EACH_MAX = {
    "report_of_accounts": 6,
    "row_counts": 6,
    "mismatched_types": 8,
    "report_of_sims": 8,
    "covered_among": 6,
    "devices_among": 12,
    "count_found_in_hardware": 16,
    "suspects": 16,
    "sims_as_kept_between": 4,
    "values_between": 4,
    "verify_expectations": 6,
    "verify_activations": 8,
    "verify_sims_among": 6,
    "unconfirmed_among": 16,
}
# What transactions of calls ask, with plans that are kept.
OF_CALLS = (
    *("take_activation", "take_activation_returning", "loaded_sims", "relevant_activations"),
    *("neighbourhood", "in_force_at", "sims_of_rows", "lists_of_sims", "held_sims"),
    *("tracked_among", "tracked_in_several", "track", "note_sighting"),
    *("kept_rows", "kept_rows_between", "last_rows_before", "first_elsewhere"),
    *("first_sightings", "first_sightings_of_model", "first_activations", "next_expectations"),
    *("close", "explain", "following_from_named", "note_direct"),
)
MOMENTS_OF_CALLS = (
    *("activated_at", "first_at", "last_at", "moment", "before", "effective_from"),
    "first_seen_at",
)
LEFT_EMPTY = ("expected_imei", "reasons", "left_at", "is_back")
KINDS_OF_ARRAYS = {"generation": "text", "reasons": "bytea"}
CALLED_SIMS = 50
OF_CALL_MAX = 24  # rows for each SIM
# These ask about the rows of all accounts, and may look at each.
OF_WHOLE_STORE = {"report_of_accounts", "row_counts", "mismatched_types", "report_of_sims"}


@pytest.fixture
def engine() -> str:
    """This one only."""
    return POSTGRESQL


@pytest.fixture
def database(engine: str, tmp_path: Path) -> Iterator[str]:
    """The address of a store."""
    with database_on(engine, tmp_path) as address:
        yield address


def filling(sims: int) -> bytes:
    """What fills a store."""
    mismatched = MISMATCHED_ONE_IN * 100
    return FILL.format(sims=sims, accounts=ACCOUNTS, mismatched=mismatched).encode()


def rows_touched(node: dict[str, Any]) -> int:
    """How many rows the steps of a plan gave, or looked at and left out, in all of their runs."""
    left_out = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    of_this = (node["Actual Rows"] + left_out) * node["Actual Loops"]
    return int(of_this) + sum(map(rows_touched, node.get("Plans", ())))


def asked_about(sims: int) -> dict[str, object]:
    """What the queries ask about: SIMs in the middle of the store, all accounts, all time."""
    middle = sims // 2
    asked = [number * 100 for number in range(middle, middle + ASKED_SIMS)]
    return {
        "iccids": Numbers(asked),
        "first": asked[0],
        "last": asked[-1],
        "after": asked[0],
        "up_to": asked[-1],
        "at_most": 2 * ASKED_SIMS + 1,
        "account_ids": Numbers(range(1, ACCOUNTS + 1)),
        "generations": Texts(["4G", "5G"]),
        "hardware": Numbers({iccid // 4000 for iccid in asked}),
        "has_hardware": 0,
        "earliest": 0,
        "latest": 5_000,
    }


def assert_plans_are_narrow(
    driver: psycopg.Connection[Any], sims: int, *, is_analysed: bool
) -> None:
    queries, asked = own_queries(), asked_about(sims)
    driver.execute(f"BEGIN; {PLANNED_ANEW}".encode())
    too_many = {}
    for name, each_max in ROWS_EACH_MAX.items():
        given = {key: asked[key] for key in parameters_of(queries[name])}
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {numbered(queries[name])}"
        (((plan,),),) = driver.execute(explain.encode(), given).fetchall()
        of_whole_store = name in OF_WHOLE_STORE
        walked = sims if of_whole_store or not is_analysed else 0
        asked_rows = ASKED_SIMS + ACCOUNTS + walked
        touched = rows_touched(plan["Plan"])
        assert touched > 0
        if touched > each_max * asked_rows:
            too_many[name] = touched
    driver.execute("COMMIT")
    assert too_many == {}, f"analysed: {is_analysed}"


def prepare(name: str, sql: str) -> bytes:
    """What prepares a query, whose parameters are arrays in the order of `parameters_of`."""
    names = parameters_of(sql)
    kinds = ", ".join(f"{KINDS_OF_ARRAYS.get(each, 'bigint')}[]" for each in names)
    numbers = {each: f"${n}" for n, each in enumerate(names, 1)}
    query = PARAMETER.sub(lambda parameter: numbers[parameter[1]], sql)
    return f"PREPARE {name} ({kinds}) AS {query}".encode()


def explain_prepared(
    cursor: psycopg.ClientCursor[Any], how: str, name: str, given: Sequence[object]
) -> dict[str, Any]:
    places = ", ".join(["%s"] * len(given))
    explain = f"EXPLAIN ({how}, FORMAT JSON) EXECUTE {name} ({places})"
    (((plan,),),) = cursor.execute(explain.encode(), given).fetchall()
    return dict(plan["Plan"])


def asked_of_calls(sims: int) -> dict[str, object]:
    """What a transaction of calls asks about: some SIMs in the middle of the store."""
    middle = sims // 2
    iccids = [number * 100 for number in range(middle, middle + CALLED_SIMS)]
    return {
        "place": Numbers(range(CALLED_SIMS)),
        "iccid": Numbers(iccids),
        "iccids": Numbers(iccids),
        "imei": Numbers(iccid * 4 for iccid in iccids),
        "hardware": Numbers(iccid // 100 for iccid in iccids),
        "model": Numbers(iccid // 100_000_000 for iccid in iccids),
        "is_held": Numbers([0] * CALLED_SIMS),
        "account_id": Numbers(1 + iccid // 100 % ACCOUNTS for iccid in iccids),
        "generation": Texts(["4G"] * CALLED_SIMS),
        "post_imei": Numbers(iccid // 4000 * 400 for iccid in iccids),
        **dict.fromkeys(MOMENTS_OF_CALLS, Numbers([1500] * CALLED_SIMS)),
        **dict.fromkeys(LEFT_EMPTY, [None] * CALLED_SIMS),
    }


def explain_all(store: Store, database: str, sims: int) -> None:
    """Fill a store behind the program's back, and look at all plans, before ANALYZE and after."""
    assert not store.is_empty()
    with psycopg.connect(database, autocommit=True) as driver:
        driver.adapters.register_dumper(Numbers, NumbersDumper)
        driver.adapters.register_dumper(Texts, TextsDumper)
        driver.execute(filling(sims))
        driver.execute(numbered(own_queries()["set_up_session"]).encode(), SESSION)
        assert_plans_are_narrow(driver, sims, is_analysed=False)
        driver.execute("ANALYZE")
        assert_plans_are_narrow(driver, sims, is_analysed=True)


def test_what_a_query_touches_grows_with_what_it_asks_about(store: Store, database: str) -> None:
    explain_all(store, database, SIMS)


def test_plans_that_a_connection_has_kept_since_the_store_was_empty_are_narrow(
    store: Store, database: str
) -> None:
    """It tells of a query that finds no index for what it asks.

    Of settings it tells nothing: indexes look cheapest in an empty store with other settings too.
    """
    assert not store.is_empty()
    queries, asked = own_queries(), asked_of_calls(SIMS)
    rows_of_arrays = queries["rows_of_arrays"]
    sqls = {name: of_arrays(queries[name], rows_of_arrays) for name in OF_CALLS}
    given = {name: [asked[each] for each in parameters_of(sql)] for name, sql in sqls.items()}
    with psycopg.connect(database, autocommit=True) as driver:
        driver.adapters.register_dumper(Numbers, NumbersDumper)
        driver.adapters.register_dumper(Texts, TextsDumper)
        driver.execute(numbered(queries["set_up_session"]).encode(), SESSION)
        driver.execute("BEGIN; SET LOCAL enable_hashjoin = off")
        cursor = psycopg.ClientCursor(driver)
        for name, sql in sqls.items():
            driver.execute(prepare(name, sql))
            explain_prepared(cursor, "COSTS OFF", name, given[name])
        driver.execute(filling(SIMS))
        touched = {
            name: rows_touched(explain_prepared(cursor, "ANALYZE, TIMING OFF", name, given[name]))
            for name in sqls
        }
    assert min(touched.values()) > 0
    assert {name: rows for name, rows in touched.items() if rows > OF_CALL_MAX * CALLED_SIMS} == {}


@pytest.mark.soak
def test_the_same_holds_of_a_million_sims(store: Store, database: str) -> None:
    explain_all(store, database, SIMS_OF_SOAK)

"""What only PostgreSQL has: addresses, lost connections, arrays and frames, migrations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest

from tallystick.core.errors import SettingRefused, StoreBroken, StoreOutdated
from tallystick.core.facts import SimActivation, SimExpectation
from tallystick.store import Store, open_store
from tallystick.store.engines.bulk import fresh_of, insert_of, integers_of_array, rounds
from tallystick.store.engines.postgresql import PostgresqlEngine
from tallystick.store.engines.postgresql_server import address_of
from tallystick.store.engines.postgresql_statements import numbered, of_arrays, parameters_of
from tallystick.store.queries import migrations_for, queries_for
from tallystick.thingspace.rows import wire_row
from tests.empty_stores import empty_store_on
from tests.engines import POSTGRESQL, change, named
from tests.kept import everything_in, rule_of
from tests.store.few import (
    FOREIGN,
    HOME,
    ICCIDS,
    ONE,
    TWO,
    expected,
    mismatch,
    rows,
    seen,
    sim,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.empty_stores import Schemas

ACTIVATIONS = {"iccid": pl.Int64, "activated_at": pl.Int64, "imei": pl.Int64}


@pytest.fixture
def engine() -> str:
    """This one only."""
    return POSTGRESQL


@pytest.fixture
def database(engine: str, tmp_path: Path, schemas: dict[str, Schemas]) -> Iterator[str]:
    """The address of a store whose connections have a name of their own."""
    with empty_store_on(engine, tmp_path, schemas) as address:
        yield named(address)


# Addresses


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://db/fleet", "postgresql://db/fleet"),
        ("postgresql://ann:secret@db:5433/fleet?sslmode=require", "postgresql://ann@db:5433/fleet"),
        ("postgresql://db/fleet?user=ann&password=secret", "postgresql://ann@db/fleet"),
    ],
)
def test_a_store_is_named_without_its_password(url: str, name: str) -> None:
    assert address_of(url).name == name


def test_a_malformed_address_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingRefused) as refused:
        open_store("postgresql://ann:sec%zzret@db/fleet", wire_row)
    assert "ret" not in refused.value.message.replace("address", "")
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hid/den@db/fleet",
        "postgresql://ann:hid@den@db/fleet",
        "postgresql://ann:hid@den/hid@db/fleet",
        "postgresql://ann:hid/den@/fleet",
        "postgresql://ann:hidden",
        "postgresql://ann:hid:den@db:hidden/fleet",
        "postgresql://db/fleet?PASSWORD=hidden",
    ],
)
def test_a_password_that_is_not_encoded_is_never_told(url: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        open_store(url, wire_row)
    for part in ("hid", "den"):
        assert part not in refused.value.message
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "password", ["hid?den", "hid[den", "hid%2Fden", "hid%40den", "hid:den", "hid%3Fden", "hid%25"]
)
def test_an_encoded_password_is_no_part_of_the_name(password: str) -> None:
    address = address_of(f"postgresql://ann:{password}@db:5432/fleet")
    assert address.name == "postgresql://ann@db:5432/fleet"


def test_a_server_that_is_not_there_is_told_by_name_and_without_the_password() -> None:
    with open_store("postgresql://ann:secret@127.0.0.1:1/fleet", wire_row) as store:
        with (
            pytest.raises(StoreBroken, match=r"postgresql://ann@127\.0\.0\.1:1/fleet: ") as refused,
            store.snapshot(),
        ):
            pass
        assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("version", "reason"),
    [(99, "needs a newer Tallystick"), (1, "is older than this program; run `tallystick init`")],
)
def test_a_store_of_another_schema_is_outdated(
    store: Store, database: str, version: int, reason: str
) -> None:
    assert not store.is_empty()
    change(database, f"UPDATE store_schema SET number = {version}")  # noqa: S608 - one of the above
    with open_store(database, wire_row) as other:
        for ask in (other.snapshot, other.transaction):
            with (
                pytest.raises(StoreOutdated, match=rf"the store's schema \({version}\) {reason}"),
                ask(),
            ):
                pass


def test_a_program_that_has_the_store_open_while_a_newer_one_upgrades_it_writes_no_more(
    store: Store, database: str
) -> None:
    take(store, sim(ONE))
    change(database, "UPDATE store_schema SET number = 99")
    with pytest.raises(StoreOutdated, match=r"\(99\) needs a newer Tallystick"):
        take(store, sim(TWO))
    change(database, f"UPDATE store_schema SET number = {len(migrations_for(POSTGRESQL))}")  # noqa: S608 - a number
    take(store, sim(TWO))


# Connections


def end_connections(database: str) -> None:
    """End every other connection to this store, as a server that restarts does."""
    with psycopg.connect(database, autocommit=True) as driver:
        driver.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = current_setting('application_name') "
            "AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_was_lost_while_idle_is_replaced(store: Store, database: str) -> None:
    take(store, sim(ONE), expected(ONE), seen(ONE))
    assert rows(store) == [mismatch(ONE)]
    end_connections(database)
    assert rows(store) == [mismatch(ONE)]
    end_connections(database)
    take(store, sim(TWO), expected(TWO), seen(TWO))
    assert rows(store) == [mismatch(ONE), mismatch(TWO)]


def test_a_transaction_whose_connection_is_lost_is_refused_and_leaves_nothing_behind(
    store: Store, database: str
) -> None:
    def lose() -> None:
        with store.transaction() as writer:
            writer.take(SimExpectation, [expected(ONE)])
            end_connections(database)

    with pytest.raises(StoreBroken):
        lose()
    assert everything_in(store).expectations == []


def test_a_name_with_a_nul_is_no_name(store: Store) -> None:
    with store.snapshot() as reader:
        assert reader.account_id("a\0b") is None


# Arrays and frames


def test_a_parameter_is_told_from_a_cast_and_a_remainder() -> None:
    assert numbered("SELECT a::text, 5 % 2 FROM t WHERE b = :b_1") == (
        "SELECT a::text, 5 %% 2 FROM t WHERE b = %(b_1)s"
    )
    assert parameters_of("SELECT :b, :a, :b") == ("b", "a")


def test_a_key_that_comes_again_is_left_to_a_later_statement() -> None:
    insert = insert_of(queries_for(POSTGRESQL)["put_expectation"])
    assert rounds([(1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 1, 3)], insert) == [
        [(1, 1, 1), (2, 1, 1)],
        [(1, 1, 2)],
        [(1, 1, 3)],
    ]


def test_new_rows_of_a_frame_are_told_from_known_and_repeated_ones() -> None:
    insert = insert_of(queries_for(POSTGRESQL)["take_activation"])
    assert insert
    frame = pl.DataFrame(
        [(1, 1, 1), (2, 1, 1), (2, 1, 1), (3, 1, 1)], schema=ACTIVATIONS, orient="row"
    )
    known = pl.DataFrame([(1, 1, 1), (9, 9, 9)], schema=ACTIVATIONS, orient="row")
    assert fresh_of(frame, insert, known).rows() == [(2, 1, 1), (3, 1, 1)]


@pytest.mark.parametrize(
    "known", [0, 10, 1200], ids=["none known", "some known", "many more known"]
)
def test_a_frame_is_taken_in_as_its_rows_are(store: Store, known: int) -> None:
    """Through COPY, and through a statement where much is known between its first and last SIM."""
    some = [ICCIDS[0], *ICCIDS[5:9], ICCIDS[-1]]
    with store.transaction() as writer:
        writer.take(SimExpectation, [expected(iccid) for iccid in ICCIDS[:known]])
        writer.take(SimActivation, [seen(iccid) for iccid in ICCIDS[:known]])
        writer.take_sims([sim(iccid) for iccid in ICCIDS])
    frame = pl.DataFrame([(iccid, 10, FOREIGN) for iccid in some], schema=ACTIVATIONS, orient="row")
    corrected = frame.select("iccid", effective_from=pl.lit(-(10**15)), imei=pl.lit(int(HOME)))
    new = len([iccid for iccid in some if iccid not in ICCIDS[:known]])
    with store.transaction() as writer:
        assert writer.take(SimActivation, pl.concat([frame, frame.tail(1)])) == (
            new,
            len(some) + 1 - new,
            (),
        )
        assert writer.take(SimExpectation, pl.concat([corrected, corrected])).accepted == len(some)
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)


def test_an_array_as_the_server_sends_it_is_a_column(database: str) -> None:
    numbers = [0, -1, -3, 1, 1 << 31, 1 << 32, (1 << 63) - 1, -(1 << 63)]
    with psycopg.connect(database) as driver:
        cursor = driver.cursor(binary=True)
        cursor.execute("SELECT array_send(CAST(%s AS bigint[]))", [numbers])
        (sent,) = cursor.fetchone() or (b"",)
        cursor.execute("SELECT array_send(CAST('{1,NULL,3}' AS bigint[]))")
        (sent_with_null,) = cursor.fetchone() or (b"",)
    assert integers_of_array("number", sent).to_list() == numbers
    assert integers_of_array("number", None).to_list() == []
    with pytest.raises(RuntimeError, match="column number has nulls"):
        integers_of_array("number", sent_with_null)


# Migrations


def test_the_schema_of_a_fresh_store_is_the_last_one(store: Store, database: str) -> None:
    assert not store.is_empty()
    assert PostgresqlEngine(database).schema_version() == len(migrations_for(POSTGRESQL))


def test_every_query_is_one_that_the_schema_understands(store: Store, database: str) -> None:
    """Prepared, not run: a column or table misspelt in a query that no test runs comes out here."""
    assert not store.is_empty()
    with psycopg.connect(database, autocommit=True) as driver:
        for name, written in queries_for(POSTGRESQL).items():
            sql = written
            if "pg_dist_" in sql or "citus" in sql or "create_" in sql or "_distributi" in sql:
                continue  # what a cluster alone has
            if "bt_index_check" in sql:
                continue  # what the extension amcheck alone has
            if name == "rows_of_arrays":
                continue  # no query by itself: it stands in the place of VALUES
            if "WITH asked" in sql:
                sql = of_arrays(sql, queries_for(POSTGRESQL)["rows_of_arrays"])
            dollars = re.sub(r"carray\((:\w+)\)", r"carray(CAST(\1 AS bigint[]))", sql)
            dollars = dollars.replace("(:generations AS bigint[])", "(:generations AS text[])")
            for number, parameter in enumerate(parameters_of(sql), 1):
                dollars = re.sub(rf":{parameter}\b", f"${number}", dollars)
            driver.execute(f"PREPARE {name} AS {dollars}".encode())

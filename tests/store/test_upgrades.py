"""Stores that older versions made are upgraded by `init`, lose nothing, and follow the rule.

`tests/dumps/` has one store for each schema number that a version had, up to 27 on SQLite and 26 on
PostgreSQL. The first commit with that number made it and filled it with facts of all kinds that it
knew; from 15 and 14 on it also left the renaming of an account half done. That of schema 26 on
PostgreSQL was made of the one of 25, by a later commit that took facts in. A dump is never edited.

An older number without a dump came in one commit with the number after it. SQLite's 28 and 29 and
PostgreSQL's 27 have none either: no released version ever had them alone. Commit d4d4b5a had
number 2 on SQLite with another column in `imports`, but no command that makes a store; the dump is
of the commit after it.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import psycopg
import pytest

from tallystick.core.acts import first_misfit
from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.errors import StoreOutdated
from tallystick.core.facts import Sim
from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.moments import Moment
from tallystick.core.roles import Role
from tallystick.operations.integrity import check_integrity
from tallystick.operations.verify import verify
from tallystick.store import open_store
from tallystick.store.engines.postgresql_connection import WRITING, PostgresqlConnection
from tallystick.store.engines.postgresql_server import address_of
from tallystick.store.engines.spread import spread
from tallystick.store.engines.sqlite import path_of
from tallystick.store.queries import migrations_for, statements_of
from tallystick.thingspace.rows import wire_row
from tests.engines import (
    CITUS,
    ENGINES,
    POSTGRESQL,
    SQLITE,
    alone_on,
    change,
    database_on,
    rows_of,
)
from tests.reason_bits import bits_by_the_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.store import Store

DUMPS = Path(__file__).parents[1] / "dumps"
SCHEMA_OF_DUMPS = "dumped."
DEFAULT_GROUP = "Unassigned Devices"
NEW_ICCID = Iccid.parse("89148000000800009999")

TABLES = {
    SQLITE: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    POSTGRESQL: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}
COLUMNS = {
    SQLITE: "SELECT name FROM pragma_table_info('{table}')",
    POSTGRESQL: """
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = CAST('{table}' AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
    """,
}
# What says how a store is kept, and not what it keeps.
UNCOMPARED = {
    ("store_schema", "number"),
    # They follow from facts: `verify` compares them with the rule.
    *(("mismatches", column) for column in ("expected_imei", "reasons", "wire")),
    *(("apps", column) for column in ("secret_sha256", "issue_salt")),
    *(("apps", column) for column in ("token_sha256", "token_expires_at")),
    *(("apps", column) for column in ("former_token_sha256", "former_token_expires_at")),
}
# What has a table of its own by now: the column of `apps` that tells whether a store has it in the
# old place, the old question, and the new one with the same answer.
MOVED = (
    (
        "secret_sha256",
        "SELECT key, secret_sha256 FROM apps",
        "SELECT key, secret_sha256 FROM app_secrets WHERE expires_at IS NULL",
    ),
    (
        "token_sha256",
        "SELECT key, issue_salt, token_sha256, token_expires_at FROM apps WHERE token_expires_at>0",
        "SELECT key, salt, token_sha256, expires_at FROM tokens WHERE length(salt) > 0",
    ),
    (
        "former_token_sha256",
        """
        SELECT key, former_token_sha256, former_token_expires_at FROM apps
        WHERE former_token_expires_at > 0
        """,
        "SELECT key, token_sha256, expires_at FROM tokens WHERE length(salt) = 0",
    ),
)
# The last dumps before users had roles.
BEFORE_ROLES = {SQLITE: "0017.sql", POSTGRESQL: "0016.sql"}
SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
POSTGRESQL_SCHEMA = (
    """
    SELECT
        c.table_name,
        row_number() OVER (PARTITION BY c.table_name ORDER BY c.ordinal_position),
        c.column_name, c.data_type, c.collation_name,
        c.is_nullable, c.column_default, c.is_identity, c.identity_generation
    FROM information_schema.columns AS c
    WHERE c.table_schema = current_schema()
    """,
    """
    SELECT CAST(c.conrelid AS regclass)::text, c.conname, pg_get_constraintdef(c.oid, TRUE)
    FROM pg_constraint AS c
    WHERE c.connamespace = CAST(current_schema() AS regnamespace)
    """,
    """
    SELECT i.relname, pg_get_indexdef(i.oid, 0, TRUE)
    FROM pg_class AS i
    WHERE i.relnamespace = CAST(current_schema() AS regnamespace) AND i.relkind = 'i'
    """,
    """
    SELECT
        f.proname, pg_get_function_arguments(f.oid), pg_get_function_result(f.oid), f.prosrc,
        f.provolatile, f.proparallel, f.proisstrict
    FROM pg_proc AS f
    WHERE f.pronamespace = CAST(current_schema() AS regnamespace)
    """,
)

Rows = list[tuple[Any, ...]]


def dumps() -> list[Any]:
    """Each dump with its engine, named by both."""
    return [
        pytest.param(engine, dump, id=f"{engine} {dump.stem}")
        for engine in (SQLITE, POSTGRESQL)
        for dump in sorted((DUMPS / engine).glob("*.sql"))
    ]


@contextmanager
def older_store(engine: str, dump: Path, folder: Path) -> Iterator[str]:
    """The address of a store as an older version left it."""
    text = dump.read_text("utf-8")
    with database_on(engine, folder) as database:
        if engine == SQLITE:
            driver = apsw.Connection(str(path_of(database)))
            driver.execute(text)
            driver.close()
        else:
            load_into_postgresql(database, text)
        yield database


def load_into_postgresql(database: str, text: str) -> None:
    """Run a dump in the schema that the address names."""
    with psycopg.connect(database, autocommit=True) as driver:
        (schema,) = driver.execute("SELECT current_schema()").fetchone() or ("",)
        driver.execute(text.replace(SCHEMA_OF_DUMPS, f"{schema}.").encode())


def columns_by_table(engine: str, database: str) -> dict[str, list[str]]:
    """The columns of each table whose content an upgrade may not change."""
    columns: dict[str, list[str]] = {}
    for (table,) in rows_of(database, TABLES[engine]):
        names = columns_of(engine, database, table)
        columns[table] = [name for name in names if (table, name) not in UNCOMPARED]
    return columns


def columns_of(engine: str, database: str, table: str) -> list[str]:
    """The columns of a table."""
    return [name for (name,) in rows_of(database, COLUMNS[engine].format(table=table))]


def content_of(database: str, columns: Mapping[str, list[str]]) -> dict[str, Rows]:
    """What these columns hold, each table's rows in one order."""
    content: dict[str, Rows] = {}
    for table, names in columns.items():
        query = f"SELECT {', '.join(names)} FROM {table}"  # noqa: S608 - the store's own names
        rows = rows_of(database, query)
        content[table] = sorted(rows, key=repr)
    return content


def moved_content(engine: str, database: str) -> dict[str, Rows]:
    """What has another place in a store of this program: what asks for it there, and the answer."""
    columns = columns_of(engine, database, "apps")
    return {new: sorted(rows_of(database, old)) for column, old, new in MOVED if column in columns}


def without_default_group(content: dict[str, Rows], columns: Mapping[str, list[str]]) -> None:
    """Take out the group that the schema with descriptions of groups no longer keeps."""
    group_id = columns["groups"].index("group_id")
    name = columns["groups"].index("name")
    gone = {row[group_id] for row in content["groups"] if row[name] == DEFAULT_GROUP}
    for table in ("groups", "group_members"):
        group_id = columns[table].index("group_id")
        content[table] = [row for row in content[table] if row[group_id] not in gone]


def schema_of(engine: str, database: str) -> Rows:
    """Every table, column, constraint, index and function, without comments and layout."""
    if engine == SQLITE:
        rows = rows_of(database, SQLITE_SCHEMA)
        return sorted((*names, plain(sql)) for *names, sql in rows)
    parts = [rows_of(database, query) for query in POSTGRESQL_SCHEMA]
    return [row for part in parts for row in sorted(part, key=repr)]


def plain(sql: str) -> str:
    """A statement without comments and layout."""
    without_comments = re.sub(r"--[^\n]*", "", sql)
    words = " ".join(without_comments.split())
    return re.sub(r"\s*([(),])\s*", r"\1", words)


@cache
def fresh_schema(engine: str) -> Rows:
    """The schema of a store that this version makes."""
    with tempfile.TemporaryDirectory() as folder, database_on(engine, Path(folder)) as database:
        with open_store(database, wire_row) as store:
            store.init("UTC")
        return schema_of(engine, database)


def assert_sound(store: Store) -> None:
    """The kept answer is the rule's, the database finds no damage, and the audit has its chain."""
    verified = list(verify(store, wire_row))
    assert sum(part.rows for part in verified) > 0
    assert [difference for part in verified for difference in part.differences] == []
    assert [damage for check in check_integrity(store) for damage in check.damage] == []
    with store.snapshot() as reader:
        for iccid, value, text in reader.whole_lists_between(BEFORE_ALL, BEHIND_ALL):
            for member in Allowed.read(value, text).members:
                assert reader.sims_of_hardware(member // HARDWARE, iccid - 1, 1) == [iccid]
        audit, anchor, head = reader.audit_records(), reader.audit_anchor(), reader.audit_head()
        assert first_misfit(audit, anchor, head) is None


def take_in_new_account(store: Store) -> None:
    """Take in a SIM of an account that the store does not know yet."""
    with store.transaction() as writer:
        writer.take_sims([Sim(NEW_ICCID, None, "new account", Moment(0), "4G")])
    with store.snapshot() as reader:
        assert "new account" in reader.accounts()


@pytest.mark.parametrize(("engine", "dump"), dumps())
def test_an_older_store_is_upgraded_loses_nothing_and_takes_in_new_facts(
    engine: str, dump: Path, tmp_path: Path
) -> None:
    with older_store(engine, dump, tmp_path) as database:
        columns = columns_by_table(engine, database)
        before = content_of(database, columns)
        moved = moved_content(engine, database)
        with open_store(database, wire_row) as store:
            steps = store.init("UTC")
            assert steps == len(migrations_for(engine)) - int(dump.stem)
            before["unfinished_work"] = []
            without_default_group(before, columns)
            columns.setdefault("unfinished_work", ["subject"])
            assert content_of(database, columns) == before
            assert {new: sorted(rows_of(database, new)) for new in moved} == moved
            assert schema_of(engine, database) == fresh_schema(engine)
            if engine == SQLITE:
                assert [bits for (bits,) in rows_of(database, LISTED_REASONS)] == (
                    bits_by_the_rule(database)
                )
            take_in_new_account(store)
            assert_sound(store)


LISTED_REASONS = """
    SELECT reasons FROM listed_mismatches
    ORDER BY account_id, generation, activated_at, iccid, post_imei
"""


@pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
def test_an_older_store_on_citus_is_upgraded_where_it_is_spread(tmp_path: Path) -> None:
    dump = DUMPS / POSTGRESQL / "0026.sql"
    with older_store(CITUS, dump, tmp_path) as database, open_store(database, wire_row) as store:
        connection = PostgresqlConnection(address_of(database))
        connection.begin(WRITING)
        with alone_on(CITUS), closing(connection), connection.ending():
            spread(connection)
        assert store.init("UTC") == len(migrations_for(POSTGRESQL)) - 26
        assert store.is_spread()
        take_in_new_account(store)
        assert_sound(store)


def test_a_migration_is_cut_where_its_statements_end() -> None:
    statements = [
        "-- What it's for; and why.\nUPDATE a SET b = 'x;--y''; z'",
        'ALTER TABLE a  -- one;\n    ADD COLUMN "c;d" bigint',
        "DO $$ BEGIN PERFORM 1; END $$",
    ]
    assert statements_of(";\n\n".join([*statements, "-- The end.\n"])) == statements


LAST_STEP = dict.fromkeys((SQLITE, POSTGRESQL), "change sets by state")


@pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL])
def test_a_plan_says_what_init_then_does_and_changes_nothing(engine: str, tmp_path: Path) -> None:
    dump = DUMPS / engine / "0010.sql"
    with older_store(engine, dump, tmp_path) as database:
        columns = columns_by_table(engine, database)
        before = content_of(database, columns)
        with open_store(database, wire_row) as store:
            plan = store.plan("Asia/Kathmandu")
            assert content_of(database, columns) == before
            assert (plan.have, plan.want) == (10, len(migrations_for(engine)))
            assert [step.number for step in plan.steps] == list(range(11, plan.want + 1))
            assert plan.steps[-1].title == LAST_STEP[engine]
            assert sum(step.rows for step in plan.steps) > 0
            with pytest.raises(StoreOutdated), store.snapshot():
                pass
            assert store.init("UTC") == len(plan.steps)
            with store.snapshot() as reader:
                kept = reader.counts().mismatches
            assert (plan.rows_explained, plan.rows_reprinted) == (kept, kept)
            assert store.plan("UTC").steps == ()


def test_a_store_of_a_newer_program_has_no_plan(tmp_path: Path) -> None:
    with older_store(SQLITE, DUMPS / SQLITE / "0014.sql", tmp_path) as database:
        change(database, "PRAGMA user_version = 99")
        with open_store(database, wire_row) as store:
            with pytest.raises(StoreOutdated, match=r"schema \(99\) needs a newer Tallystick"):
                store.plan("UTC")
            with pytest.raises(StoreOutdated, match=r"schema \(99\) needs a newer Tallystick"):
                store.init("UTC")


@pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL])
def test_the_users_of_an_older_store_may_look_and_no_more(engine: str, tmp_path: Path) -> None:
    dump = DUMPS / engine / BEFORE_ROLES[engine]
    with older_store(engine, dump, tmp_path) as database, open_store(database, wire_row) as store:
        store.init("UTC")
        with store.snapshot() as reader:
            roles = {user.name: (user.all_accounts, user.role) for user in reader.users()}
    assert roles == {"ann": (False, Role.VIEWER), "bob": (True, Role.VIEWER)}

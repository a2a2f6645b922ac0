"""Stores that are made already and hold nothing: for tests that ask for one, which most do.

Making a store takes far longer than most tests. On SQLite a file is made once and then copied. On
PostgreSQL a schema is emptied and used again, if the test has left its tables as they were.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, Self

import psycopg
from psycopg.sql import SQL, Identifier, Placeholder

from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import (
    CITUS,
    IN_ONE_LINE,
    REFERRING_FIRST,
    SQLITE,
    address_of,
    drop,
    empty_sqlite_file,
    made,
    new_schema,
    server_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SMALL_BYTES_MAX = 65_536
LOCK_WAIT = "SET lock_timeout = '10s'"
TABLES: LiteralString = """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' ORDER BY c.oid
"""
# Which tables hold or held something.
FILLED: LiteralString = f"""
    SELECT c.relname, pg_relation_size(c.oid) <= %s FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0
    ORDER BY {REFERRING_FIRST}
"""  # noqa: S608
# What is not kept under the tables' own names on a cluster, so that they look empty: what lies on
# its machines, and what is joined to that by references. The rows of `shard_turns` stay.
SPREAD: LiteralString = f"""
    SELECT c.relname FROM pg_dist_partition AS p
    INNER JOIN pg_class AS c ON c.oid = p.logicalrelid
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relname <> 'shard_turns'
    ORDER BY {REFERRING_FIRST}
"""  # noqa: S608
COUNT_ANEW: LiteralString = """
    SELECT setval(c.oid, 1, FALSE) FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'S'
"""
# What tells whether the tables of a schema are made up as they were, whatever is in them. A row of
# the catalog that is changed bears a younger transaction (xmin). Those of tables are compared by
# what they say, for to truncate a table changes its row, too; a table that was ever analysed
# (reltuples) is not as new, for the planner knows of what it held.
SHAPE: LiteralString = """
    WITH relations AS (
        SELECT c.* FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(%(schema)s)
    ),
    changes (transaction) AS (
        SELECT a.xmin FROM relations AS r INNER JOIN pg_attribute AS a ON a.attrelid = r.oid
        UNION ALL
        SELECT i.xmin FROM relations AS r INNER JOIN pg_index AS i ON i.indexrelid = r.oid
        UNION ALL
        SELECT c.xmin FROM pg_constraint AS c
        WHERE c.connamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT p.xmin FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace(%(schema)s)
    )
    SELECT
        (SELECT count(*) FROM changes),
        (SELECT max(transaction::text::bigint) FROM changes),
        (
            SELECT string_agg(concat_ws(' ', relname, reloptions, reltuples), ' ' ORDER BY oid)
            FROM relations WHERE relkind IN ('r', 'S')
        )
"""


class Schema(NamedTuple):
    """A store that was made: its tables, and the rows that a new store has in them."""

    name: str
    tables: tuple[str, ...]
    rows: dict[str, list[tuple[Any, ...]]]
    shape: str


class Schemas:
    """Schemas of one engine that are made and empty, to be used one after the other."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._driver: psycopg.Connection[Any] | None = None
        self._names: list[str] = []
        self._free: list[Schema] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._driver is None:
            return
        for name in self._names:
            drop(self._driver, self._engine, name)
        self._driver.close()

    @contextmanager
    def address(self) -> Iterator[str]:
        """The address of an empty store; what the block leaves in it is removed."""
        if self._driver is None:
            self._driver = psycopg.connect(server_of(self._engine), autocommit=True)
            self._driver.execute(LOCK_WAIT)
        schema = self._free.pop() if self._free else self._made(self._driver)
        yield address_of(self._engine, schema.name)
        if self._was_emptied(self._driver, schema):
            self._free.append(schema)

    def _made(self, driver: psycopg.Connection[Any]) -> Schema:
        name = new_schema(driver)
        self._names.append(name)
        with open_store(address_of(self._engine, name), wire_row) as store:
            made(store, self._engine)
        tables = tuple(table for (table,) in driver.execute(TABLES, (name,)))
        if self._engine == CITUS:
            spread = {table for (table,) in driver.execute(SPREAD, (name,))}
            tables = tuple(table for table in tables if table not in {*spread, "shard_turns"})
        rows = {table: _rows(driver, name, table) for table in tables}
        return Schema(name, tables, rows, _shape(driver, name))

    def _was_emptied(self, driver: psycopg.Connection[Any], schema: Schema) -> bool:
        """Empty it; give whether it is as new. It waits for transactions that a test has left."""
        if _shape(driver, schema.name) != schema.shape:
            return False
        try:
            with driver.transaction():
                if self._engine == CITUS:
                    _empty_machines(driver, schema.name)
                _empty(driver, schema)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return (
                False  # a thread that the test has left still writes: the schema is not used again
            )
        return True


def _shape(driver: psycopg.Connection[Any], schema: str) -> str:
    row = driver.execute(SHAPE, {"schema": schema}).fetchone()
    return str(row)


def _rows(driver: psycopg.Connection[Any], schema: str, table: str) -> list[tuple[Any, ...]]:
    return driver.execute(SQL("TABLE {}").format(Identifier(schema, table))).fetchall()


def _empty_machines(driver: psycopg.Connection[Any], schema: str) -> None:
    """Leave nothing of what a cluster keeps under other names."""
    driver.execute(IN_ONE_LINE)
    for (table,) in driver.execute(SPREAD, (schema,)).fetchall():
        driver.execute(SQL("DELETE FROM {}").format(Identifier(schema, table)))


def _empty(driver: psycopg.Connection[Any], schema: Schema) -> None:
    """Leave in each table what a new store has in it, and have every number begin at 1."""
    tables = SQL(", ").join(Identifier(schema.name, table) for table in schema.tables)
    driver.execute(SQL("LOCK TABLE {}").format(tables))
    for table, is_small in driver.execute(FILLED, (SMALL_BYTES_MAX, schema.name)).fetchall():
        # To truncate a table takes as long as to delete thousands of rows.
        statement = SQL("DELETE FROM {}") if is_small else SQL("TRUNCATE {} CASCADE")
        driver.execute(statement.format(Identifier(schema.name, table)))
    driver.execute(COUNT_ANEW, (schema.name,))
    for table, rows in schema.rows.items():
        _put(driver, schema.name, table, rows)


def _put(
    driver: psycopg.Connection[Any], schema: str, table: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    for row in rows:
        values = SQL(", ").join(Placeholder() * len(row))
        insert = SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE VALUES ({})")
        driver.execute(insert.format(Identifier(schema, table), values), row)


@contextmanager
def empty_store_on(engine: str, folder: Path, schemas: Mapping[str, Schemas]) -> Iterator[str]:
    """The address of a store that holds nothing, on one of the engines; `schemas` are its own."""
    if engine == SQLITE:
        path = folder / "store.db"
        path.write_bytes(empty_sqlite_file())
        yield f"sqlite:///{path}"
    else:
        with schemas[engine].address() as address:
            yield address

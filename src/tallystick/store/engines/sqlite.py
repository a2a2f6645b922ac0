"""The embedded engine: SQLite in WAL mode through apsw.

One connection writes, a pool of others reads; a reader sees the last commit and never waits for the
writer. Driver errors become ours here and nowhere else.
"""

from __future__ import annotations

import re
import weakref
from array import array
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import apsw
import apsw.ext
import polars as pl

from tallystick.core.errors import (
    ClusterMissing,
    StoreBroken,
    StoreBusy,
    StoreRefused,
)
from tallystick.store.connection import (
    TURN_WAIT_S_MAX,
    Attempt,
    joined,
    require_schema,
    unknown_outcome,
)
from tallystick.store.engines.checkpoints import Checkpoints, Space
from tallystick.store.engines.copying import copy_pages
from tallystick.store.engines.files import StoreFiles, is_read_by_others, make_private
from tallystick.store.engines.turnstile import TurnMissedError, Turnstile
from tallystick.store.queries import migrations_for, queries_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from tallystick.background import Loops
    from tallystick.store.touched import Touched

ENGINE = "sqlite"
BUSY_WAIT_MS_MAX = int(TURN_WAIT_S_MAX * 1000)
CACHE_KIB = 16_384
# Holds what a long transaction changes, so that no page goes to the log twice.
WRITER_CACHE_KIB = 131_072
MMAP_BYTES_MAX = 1 << 40
PAGE_BYTES = 4096
# A statement that carries many rows costs a fraction of as many statements.
ROWS_A_STATEMENT = (1000, 100)
# The same rows as one value, at half the cost.
JOINED_IN_SQL = {"report_of_account": "report_of_account_joined"}
ROWS_A_VALUE_MAX = 16_000  # rows of one such value, some 4 MiB
# Prepared: the named ones, and some of them for each number of rows up to a hundred.
STATEMENTS_KEPT = 400
# Of a column of integers: Python has read it before Polars, which takes 0.4 ms, has begun.
SHORT_BYTES_MAX = 8192
# apsw takes no empty array; what is looked up in sets is never negative.
NO_NUMBERS = array("q", [-1])
BROKEN = (
    OSError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.IOError,
    apsw.CorruptError,
    apsw.PermissionsError,
)
VALUES = re.compile(r"VALUES\s*\(([^)]*)\)")


def _not_a_store(path: Path) -> StoreBroken:
    message = f"{path}: is not a Tallystick store; name another file in TALLYSTICK_DATABASE"
    return StoreBroken(message)


def _schema_number(path: Path, driver: apsw.Connection) -> int:
    """The number of the last migration. Raises `StoreBroken` for another program's database.

    All migrations of a new store are one transaction: what has tables has a number, too.
    """
    number = int(driver.pragma("user_version"))
    if number == 0 and int(driver.pragma("schema_version")) > 0:
        number = int(driver.pragma("user_version"))  # a store may have been made in between
        if number == 0:
            raise _not_a_store(path)
    return number


class OurErrors:
    """Turns the driver's errors within a block into refusals that name the store.

    It is entered around each question, and so keeps nothing from one block to the next.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise the refusal that an error of the driver is."""
        if error is None:
            return
        refusal = _refusal_of(error, self._path)
        if refusal is not None:
            raise refusal from error


def _refusal_of(error: BaseException, path: Path) -> StoreRefused | None:
    """The refusal that an error of the driver, the system or the turnstile is; None of others."""
    if isinstance(error, apsw.BusyError | apsw.LockedError | TurnMissedError):
        message = f"{path}: another writer kept the store for {TURN_WAIT_S_MAX:g} s; try again"
        return StoreBusy(message)
    if isinstance(error, apsw.FullError):
        return StoreBroken(f"{path}: the disk is full; nothing of this transaction was taken in")
    if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE:
        message = f"{path}: the disk is full, so that the store cannot be opened; free space"
        return StoreBroken(message)
    if isinstance(error, apsw.NotADBError):
        return _not_a_store(path)
    if isinstance(error, apsw.CorruptError):
        return StoreBroken(f"{path}: {error}; see docs/howto/repair-a-damaged-store.md")
    return StoreBroken(f"{path}: {error}") if isinstance(error, BROKEN) else None


@contextmanager
def _saying_what_is_unknown(path: Path) -> Iterator[None]:
    """Tell commits that failed for sure from those that may hold, such as one that was not flushed.

    What could not be written whole does not hold: readers stop before it.
    """
    try:
        yield
    except apsw.IOError as error:
        if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_WRITE:
            raise
        raise unknown_outcome(str(path), str(error)) from error


@lru_cache(4 * ROWS_A_STATEMENT[-1])
def widened(sql: str, rows: int) -> str:
    """The same one-row `VALUES (…)` statement, carrying several rows."""
    form = VALUES.search(sql)
    if form is None:
        message = f"no VALUES to widen in {sql!r}"
        raise ValueError(message)
    one = "(" + ",".join("?" * (form[1].count(",") + 1)) + ")"
    return f"{sql[: form.start()]}VALUES {','.join([one] * rows)}{sql[form.end() :]}"


def _flat(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The values of all rows, one row behind the other."""
    return list(chain.from_iterable(rows))


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    """Where the rows of each statement begin and end."""
    start = 0
    for rows in ROWS_A_STATEMENT:
        while start + rows <= count:
            yield start, start + rows
            start += rows
    if start < count:
        yield start, count


class SqliteConnection:
    """One connection: named queries in, plain tuples out."""

    sees_one_moment = True

    @staticmethod
    def asks_ranges_for(sims: int) -> bool:  # noqa: ARG004 - the form of every engine
        """True: what is known of a range of SIMs is asked as easily as of some in it."""
        return True

    @staticmethod
    def reaches_all() -> bool:
        """True, for one file has everything."""
        return True

    def change_sims(self, iccids: Collection[int]) -> None:
        """Whoever writes may change what is kept of any SIM."""

    def __init__(self, path: Path, flags: int) -> None:
        self._our_errors = OurErrors(path)
        self._path = path
        self._queries = queries_for(ENGINE)
        # Cursors that may not be read to their end.
        self._open: weakref.WeakSet[apsw.Cursor] = weakref.WeakSet()
        with self._our_errors:
            self._driver = apsw.Connection(
                str(path), flags=flags, statementcachesize=STATEMENTS_KEPT
            )
            self._driver.set_busy_timeout(BUSY_WAIT_MS_MAX)
            # Else the driver's SQLite plans most statements anew each time that they are run, in
            # case their parameters ask for another plan: ours are the same for all of them.
            self._driver.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            self._driver.pragma("cache_size", -CACHE_KIB)
            self._driver.pragma("mmap_size", MMAP_BYTES_MAX)

    @property
    def driver(self) -> apsw.Connection:
        """The driver's own connection, for this module."""
        return self._driver

    @staticmethod
    def set_of(values: Iterable[int] | Iterable[str]) -> object:
        """Integers, or texts, as one parameter, read in SQL through `carray(:name)`."""
        members = tuple(values)
        return apsw.carray(
            members
            if members and isinstance(members[0], str)
            else array("q", members) or NO_NUMBERS
        )

    def rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Run a named query and give its rows as they are asked for."""
        with self._our_errors:
            cursor = self._driver.cursor()
            self._open.add(cursor)
            yield from cursor.execute(self._queries[query], parameters or None)

    stream = rows  # SQLite gives each row as it finds it

    def joined(self, query: str, **parameters: object) -> Iterator[bytes]:
        """Run a query of one column of bytes; give many rows at a time, with commas between."""
        if query in JOINED_IN_SQL:
            count, value = self.row(
                JOINED_IN_SQL[query], at_most=ROWS_A_VALUE_MAX + 1, **parameters
            ) or (0, b"")
            if count <= ROWS_A_VALUE_MAX:
                return iter((value,) if count else ())
        return joined(wire for (wire,) in self.stream(query, **parameters))

    def row(self, query: str, **parameters: object) -> tuple[Any, ...] | None:
        """Run a named query and give its first row, if there is one."""
        with self._our_errors:
            cursor = self._driver.execute(self._queries[query], parameters or None)
            first = cursor.fetchone()
            cursor.close()
            return first

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Run a named query of integers, none of them null, and give its rows as columns.

        Each column comes as one value, which costs a third of as many rows, and leaves Python's
        lock alone.
        """
        with self._our_errors:
            cursor = self._driver.cursor()
            sql, names = self._in_columns(query)
            values = next(cursor.execute(sql, parameters or None))
        return pl.DataFrame(
            [_integers(name, value) for name, value in zip(names, values, strict=True)]
        )

    def _in_columns(self, query: str) -> tuple[str, list[str]]:
        sql = self._queries[query].rstrip(";")
        names = [name for name, _ in apsw.ext.query_info(self._driver, sql).description]
        columns = ", ".join(f"CAST(group_concat({name}) AS BLOB)" for name in names)
        return f"SELECT {columns} FROM ({sql})", names  # noqa: S608 - a named query of ours, by its own columns

    def run(self, query: str, **parameters: object) -> int:
        """Run a named statement and give the number of rows it changed."""
        with self._our_errors:
            before = self._driver.total_changes()
            self._driver.execute(self._queries[query], parameters or None)
            return self._driver.total_changes() - before

    def run_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a named statement for all of the rows, in order; give how many rows it changed."""
        if not VALUES.search(self._queries[query]):
            return self._run_each(self._queries[query], rows)
        wide = (_flat(rows[start:end]) for start, end in _stretches(len(rows)))
        return self._run_wide(query, len(rows), wide)

    def rows_of_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What a named one-row `VALUES` statement returns, run for all of the rows at once."""
        sql = self._queries[query]
        returned: list[tuple[Any, ...]] = []
        with self._our_errors:
            for start, end in _stretches(len(rows)):
                values = _flat(rows[start:end])
                returned += self._driver.execute(widened(sql, end - start), values)
        return returned

    def run_frame(self, query: str, frame: pl.DataFrame) -> int:
        """The same for the rows of a frame, at a third of the cost where all are integers."""
        if any(kind != pl.Int64 for kind in frame.dtypes):
            return self.run_many(query, frame.rows())
        values = frame.select(pl.concat_arr(pl.all())).to_series().explode()
        width = frame.width
        wide = (
            values[start * width : end * width].to_list() for start, end in _stretches(len(frame))
        )
        return self._run_wide(query, len(frame), wide)

    def _run_each(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        with self._our_errors:
            before = self._driver.total_changes()
            self._driver.executemany(sql, rows)
            return self._driver.total_changes() - before

    def _run_wide(self, query: str, count: int, wide: Iterable[list[Any]]) -> int:
        sql = self._queries[query]
        with self._our_errors:
            before = self._driver.total_changes()
            for (start, end), values in zip(_stretches(count), wide, strict=True):
                self._driver.execute(widened(sql, end - start), values)
            return self._driver.total_changes() - before

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Part of a transaction that is undone at the end of the block unless it is kept."""
        attempt = Attempt()
        self._driver.execute("SAVEPOINT attempt")
        try:
            yield attempt
        finally:
            if not attempt.kept:
                self._driver.execute("ROLLBACK TO attempt")
            self._driver.execute("RELEASE attempt")

    @contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        """One transaction around the block: committed at its end, undone when it raises."""
        with self._our_errors:
            self._driver.execute(begin)
        try:
            yield
            self._end_reads()
            with self._our_errors, _saying_what_is_unknown(self._path):
                self._driver.execute("COMMIT")
        finally:
            self._end_reads()
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")

    def _end_reads(self) -> None:
        """An answer that is half read would keep this connection in its snapshot."""
        while self._open:
            self._open.pop().close()

    def close(self) -> None:
        """Close the connection."""
        self._driver.close()


class SqliteEngine:
    """A store in one file."""

    kind = ENGINE

    def __init__(self, url: str, loops: Loops) -> None:
        self._path = path_of(url)
        self._our_errors = OurErrors(self._path)
        self._files = StoreFiles(self._path)
        self._turnstile = Turnstile(self._path)
        self._checkpoints = Checkpoints(self._path, self._files, loops)
        self._writer: SqliteConnection | None = None
        self._idle: list[SqliteConnection] = []

    @property
    def name(self) -> str:
        """What messages call this store."""
        return str(self._path)

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """A connection that sees one moment of the store."""
        with self.glancing() as connection, connection.transaction("BEGIN"):
            yield connection

    @contextmanager
    def glancing(self) -> Iterator[SqliteConnection]:
        """A connection that sees the present anew with each question."""
        self._files.require_lately_same()
        connection = self._idle.pop() if self._idle else self._connect_reader()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    @contextmanager
    def writing(
        self,
        wait_s: float | None = None,
        touched: Touched | None = None,  # noqa: ARG002 - the form of every engine
        sims: frozenset[int] | None = None,  # noqa: ARG002 - the same
    ) -> Iterator[SqliteConnection]:
        """The connection that writes, within one transaction.

        One writer at a time, in and across processes, whatever it touches; who has waited for
        `wait_s` is refused. What
        is committed is in the store's file and its log: had those been deleted or replaced, nobody
        would find it again.
        """
        self._require_usable()
        with ExitStack() as turn:
            with self._our_errors:
                turn.enter_context(self._turnstile.turn(wait_s))
            yield turn.enter_context(self._writing_in_turn())

    @contextmanager
    def writing_if_free(self) -> Iterator[SqliteConnection | None]:
        """The same if nobody writes or waits for it, None otherwise; nobody is kept waiting."""
        self._require_usable()
        with ExitStack() as turn:
            with self._our_errors:
                is_free = turn.enter_context(self._turnstile.turn_if_free())
            yield turn.enter_context(self._writing_in_turn()) if is_free else None

    def _require_usable(self) -> None:
        """Refuse, before the turn is waited for, what would be refused behind it."""
        self._files.require_lately_same()
        if self._writer is None:
            self._require_current()

    @contextmanager
    def _writing_in_turn(self) -> Iterator[SqliteConnection]:
        self._files.require_same()
        if self._writer is None:
            self._writer = self._connect_writer()
        with self._our_errors:
            self._checkpoints.make_room(self._writer.driver, BUSY_WAIT_MS_MAX)
        with self._writer.transaction("BEGIN IMMEDIATE"):
            self._require_schema_of(self._writer)
            yield self._writer
        if not self._files.are_same():
            raise unknown_outcome(self.name, "its file was deleted or replaced meanwhile")

    @staticmethod
    def is_spread() -> bool:
        """False: it is one file."""
        return False

    @staticmethod
    def takes_side_by_side() -> bool:
        """False: one transaction writes at a time."""
        return False

    def is_awaited(self) -> bool:
        """Whether another writer waits for the one that writes now."""
        return self._turnstile.is_awaited()

    def is_empty(self) -> bool:
        """Whether there is no store yet."""
        return not self._path.exists() or self._path.stat().st_size == 0

    def require_current(self) -> None:
        """Raise `StoreOutdated` where another program has changed the schema meanwhile."""
        with self.glancing() as connection:
            self._require_schema_of(connection)

    def _require_schema_of(self, connection: SqliteConnection) -> None:
        with self._our_errors:
            have = _schema_number(self._path, connection.driver)
        require_schema(self.name, have, len(migrations_for(ENGINE)))

    def is_read_by_others(self) -> bool:
        """Whether other users of this machine may read the store."""
        return is_read_by_others(self._path)

    def space(self) -> Space:
        """The room on the store's disk, and how much of it the log takes."""
        with self._our_errors:
            return self._checkpoints.space()

    def schema_version(self) -> int:
        """The number of the last migration that this store has."""
        with self._opened(apsw.SQLITE_OPEN_READONLY) as connection, self._our_errors:
            return _schema_number(self._path, connection.driver)

    @contextmanager
    def any_schema(self) -> Iterator[tuple[SqliteConnection, int]]:
        """A connection to a store whatever its schema is, and the number of that."""
        with self._opened(apsw.SQLITE_OPEN_READONLY) as connection:
            with self._our_errors:
                have = _schema_number(self._path, connection.driver)
            yield connection, have

    def migrate(self, wire_zone: str) -> int:
        """Bring the store to this program's schema, making it where there is none.

        Give the number of steps taken.
        """
        if not self.is_empty():
            self.schema_version()  # another program's database is left as it is
        with ExitStack() as opened:
            with self._our_errors:
                make_private(self._path)
                opened.enter_context(self._turnstile.turn())
            connection = opened.enter_context(
                self._opened(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            )
            driver = connection.driver
            with self._our_errors:
                driver.pragma("page_size", PAGE_BYTES)
                driver.pragma("journal_mode", "wal")
            with connection.transaction("BEGIN IMMEDIATE"), self._our_errors:
                have = int(driver.pragma("user_version"))
                steps = [step for step in migrations_for(ENGINE) if step[0] > have]
                for number, text in steps:
                    driver.execute(text)
                    driver.pragma("user_version", number)
                if have == 0:
                    connection.run("create_store_row", wire_zone=wire_zone)
        return len(steps)

    def copy_into(self, file: Path, on_progress: Callable[[int, int], None]) -> int:
        """Copy one moment of the store, whatever its schema; give the number of that."""
        if self.is_empty():
            require_schema(self.name, None, len(migrations_for(ENGINE)))
        with ExitStack() as opened:
            connection = opened.enter_context(self._opened(apsw.SQLITE_OPEN_READWRITE))
            opened.enter_context(connection.transaction("BEGIN"))
            opened.enter_context(self._our_errors)
            schema = int(connection.driver.pragma("user_version"))  # the snapshot begins here
            copy_pages(connection.driver, file, on_progress)
        return schema

    def require_cluster(self) -> None:
        """SQLite has one machine. Raises `ClusterMissing`."""
        message = (
            f"{self._path}: a store on SQLite cannot be spread over a cluster; name one on Citus"
        )
        raise ClusterMissing(message)

    def distribute(self) -> int:
        """The same."""
        self.require_cluster()
        return 0

    def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop().close()
        if self._writer:
            self._checkpoints.close()
            self._writer.close()
            self._writer = None
        self._files.forget()
        self._turnstile.close()

    @contextmanager
    def _opened(self, flags: int) -> Iterator[SqliteConnection]:
        connection = SqliteConnection(self._path, flags)
        try:
            yield connection
        finally:
            connection.close()

    def _connect_reader(self) -> SqliteConnection:
        self._require_current()
        connection = SqliteConnection(self._path, apsw.SQLITE_OPEN_READWRITE)
        connection.driver.pragma("query_only", True)  # noqa: FBT003 - a pragma's value
        # Pages read through a memory map count as the process's own: its size would grow with each
        # answer.
        connection.driver.pragma("mmap_size", 0)
        return self._noted(connection)

    def _connect_writer(self) -> SqliteConnection:
        connection = SqliteConnection(self._path, apsw.SQLITE_OPEN_READWRITE)
        connection.driver.pragma("synchronous", "full")
        connection.driver.pragma("cache_size", -WRITER_CACHE_KIB)
        self._noted(connection)
        self._checkpoints.watch(connection.driver)
        return connection

    def _noted(self, connection: SqliteConnection) -> SqliteConnection:
        """A connection that has opened the files, and the same ones as those before."""
        try:
            with self._our_errors:
                connection.driver.pragma("user_version")  # reading opens the log and its index
            self._files.note()
        except StoreBroken:
            connection.close()
            raise
        return connection

    def _require_current(self) -> None:
        have = None if self.is_empty() else self.schema_version()
        require_schema(self.name, have, len(migrations_for(ENGINE)))


def _integers(name: str, text: bytes | None) -> pl.Series:
    """The integers of one column, as `group_concat` writes them."""
    if not text:
        return pl.Series(name, [], dtype=pl.Int64)
    if len(text) <= SHORT_BYTES_MAX:
        return pl.Series(name, [int(number) for number in text.split(b",")], dtype=pl.Int64)
    read = pl.read_csv(
        text,
        has_header=False,
        eol_char=",",
        separator=";",
        schema={name: pl.Int64},
        quote_char=None,
    )
    return read.to_series()


def path_of(url: str) -> Path:
    """The file that `sqlite:///relative.db` or `sqlite:////absolute.db` names."""
    return Path(unquote(urlsplit(url).path[1:])).expanduser()

"""The server engine: PostgreSQL through psycopg.

Every snapshot and every writing transaction has a connection of its own from one pool; a reader
sees one moment and never waits for a writer. Driver errors become ours here and nowhere else.
"""

from __future__ import annotations

import re
import select
import time
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import polars as pl
import psycopg
from psycopg import errors
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import scalar_row
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrDumperUnknown

from tallystick.core.errors import (
    BackupRefused,
    ClusterMissing,
    SettingRefused,
    StoreBroken,
    StoreBusy,
    StoreMissing,
    StoreOutdated,
    StoreRefused,
)
from tallystick.store.connection import (
    TURN_WAIT_S_MAX,
    Attempt,
    joined,
    require_schema,
    unknown_outcome,
)
from tallystick.store.engines.bulk import copied, fresh_of, insert_of, integers, rounds
from tallystick.store.engines.machines import MachinesAway
from tallystick.store.engines.spread import spread
from tallystick.store.queries import migrations_for, queries_for, statements_of
from tallystick.store.touched import CHANGES_BESIDE_OTHERS, PARTS, locks_of, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from psycopg.abc import Buffer, PQGen

    from tallystick.store.engines.bulk import Insert
    from tallystick.store.touched import Locks, Touched

ENGINE, CLUSTER = "postgresql", "citus"
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What is read after the turn is what came before it.
WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
TURN = 0x74616C79  # with the schema's number, the advisory lock that whoever writes holds
MACHINES = TURN + 1  # on a cluster the one of those that write what is not the coordinator's alone
CONNECT_S_MAX = 10
# While serving, a writer's statement that takes longer is ended by the server. One whose answer
# takes longer still is given up here: the server is lost, or what lies between.
STATEMENT_S_MAX = 120
SILENT_S_MAX = 130
# A transaction that is left open for longer is ended by the server, and its turn with it.
IDLE_WRITING_S_MAX = 60
IDLE_READING_S_MAX = 600
OWN_TOOLS = (
    "a store on PostgreSQL is backed up with PostgreSQL's own tools: pg_dump and pg_restore, or a"
    " base backup and an archive of its log, by pg_basebackup or pgBackRest"
    " (docs/howto/back-up.md)"
)
# For the connection to a machine that has gone: both sides hear of it within half a minute or so.
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 10, 5, 3
UNACKNOWLEDGED_MS_MAX = 60_000
LOOK_EVERY_S = 0.1  # at how long the server has said nothing
OF_THE_WAY: dict[str, int | str] = {
    "fallback_application_name": "tallystick",
    "connect_timeout": CONNECT_S_MAX,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": UNACKNOWLEDGED_MS_MAX,
}
STATEMENTS_PREPARED_MAX = 200  # of a connection: all there are
ROWS_A_FETCH = 4096  # of a large answer at a time, about a megabyte
ROWS_A_CHUNK = 128  # of an answer that flows, some 30 KiB
# Known facts of a range of SIMs are read while they are no more than this for each at hand.
KNOWN_A_FACT_MAX = 2
COPIED_ROWS_MIN = 64  # fewer go in as a statement, which is one message to the server
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
COMMENT = re.compile(r"--.*")
CHANGE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\b")


Question = tuple[str, "dict[str, object]"]
"""The text of a query, and its parameters."""


class Numbers(list[int | None]):
    """Integers that go over as one array."""


class NumbersDumper(Dumper):
    """How they do: as PostgreSQL writes arrays, which costs a third of one dumper a number."""

    oid = psycopg.adapters.types["int8"].array_oid

    def dump(self, obj: Numbers) -> bytes:
        """The array as text."""
        return (
            "{" + ",".join("NULL" if each is None else int.__repr__(each) for each in obj) + "}"
        ).encode()


class WordDumper(StrDumperUnknown):
    """A text that goes over alone.

    One with a NUL, which PostgreSQL has none of, goes as one that no name can be.
    """

    def dump(self, obj: str) -> Buffer | None:
        """The text."""
        return super().dump(obj.replace("\0", "\uffff"))


class Texts(list[str]):
    """Texts that go over as one array."""


class TextsDumper(Dumper):
    """How they do: the same, each between quotes."""

    oid = psycopg.adapters.types["text"].array_oid

    def dump(self, obj: Texts) -> bytes:
        """The array as text."""
        quoted = (each.replace("\\", r"\\").replace('"', r"\"") for each in obj)
        return ("{" + ",".join(f'"{each}"' for each in quoted) + "}").encode()


@lru_cache
def numbered(sql: str) -> str:
    """A query as the driver takes it: `%(name)s` for `:name`."""
    return PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


VALUES = re.compile(r"VALUES\s*\((:\w+(?:,\s*:\w+)*)\)")


@lru_cache
def of_arrays(sql: str, rows_of_arrays: str) -> str:
    """A query about one row of integers, `VALUES (…)`, for an array of each value instead."""
    many = rows_of_arrays.rstrip(";")
    return VALUES.sub(lambda row: many.replace(":arrays", _arrays(row[1])), sql)


def _arrays(names: str) -> str:
    return ", ".join(f"CAST({name.strip()} AS bigint[])" for name in names.split(","))


LIST = re.compile(r"\bIN \(SELECT (\w+)\.value FROM carray\((:\w+)\) AS \1\)")


@cache
def own_queries() -> Mapping[str, str]:
    """All queries by name, as one PostgreSQL is asked; a cluster is asked otherwise.

    One PostgreSQL compares a column with a list as an array, in which it looks a value up by its
    hash. A list of rows a writer would go through for each row that is compared: its hash joins are
    off.
    """
    queries = queries_for(ENGINE)
    return {name: LIST.sub(r"= ANY(\2)", sql) for name, sql in queries.items()}


@lru_cache
def parameters_of(sql: str) -> tuple[str, ...]:
    """The names of a query's parameters, in the order in which they come first."""
    return tuple(dict.fromkeys(PARAMETER.findall(sql)))


def selected(columns: str, sql: str) -> str:
    """A query for columns of the rows of another."""
    return f"SELECT {columns} FROM ({sql.rstrip(';')}) AS q"  # noqa: S608 - a named query of ours


@lru_cache
def in_columns(sql: str, names: tuple[str, ...]) -> str:
    """The same query with each column of integers as one value, eight bytes a row."""
    values = (f"string_agg(int8send(q.{name}), '') AS {name}" for name in names)
    return selected(", ".join(values), sql)


@lru_cache
def is_change(sql: str) -> bool:
    """Whether a query changes anything."""
    return CHANGE.search(COMMENT.sub("", sql)) is not None


@lru_cache
def without_rows(sql: str) -> str:
    """A query with the columns of this one, and no rows."""
    return selected("*", sql) + " LIMIT 0"


PORTS = re.compile(r"[0-9,]*")
NO_ADDRESS = (
    "TALLYSTICK_DATABASE is no address of a PostgreSQL database, like "
    "postgresql://user@host:5432/name"
)
AMBIGUOUS_ADDRESS = (
    f"{NO_ADDRESS}: its host or its name has an @, or its port is no number; in a user's name and "
    "a password write %40 for @, %2F for / and %3A for :"
)


class Address(NamedTuple):
    """Where a store is: for the driver, and for people, without the password."""

    conninfo: str
    name: str


def address_of(url: str) -> Address:
    """Read `postgresql://user:password@host:port/name`. Raises `SettingRefused`.

    No message repeats the address: a password in which an @ or a / is not percent-encoded looks
    like a part of the host, the port or the name.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's message may hold part of the password, and so would the chain of errors.
        raise SettingRefused(NO_ADDRESS) from None
    user, host, port = (str(parts.get(part, "")) for part in ("user", "host", "port"))
    name = str(parts.get("dbname", ""))
    if "@" in host + name or not PORTS.fullmatch(port):
        raise SettingRefused(AMBIGUOUS_ADDRESS)
    user_before, port_behind = f"{user}@" if user else "", f":{port}" if port else ""
    return Address(url, f"postgresql://{user_before}{host}{port_behind}/{name}")


# Errors that are the server's or the way's, by the first two signs of their code. A code of none of
# these, such as that of a broken constraint, is a mistake of ours: to try again would not help.
FAULTS_OF_SERVER = frozenset(
    "08 0A 25 28 3D 3F 40 53 54 55 57 58 F0 XX".split()  # noqa: SIM905 - as the manual lists them
)
FAULTS_OF_SCHEMA = frozenset({"42501", "42P01", "42P07", "42703", "42883"})

Meanings = dict["str | None", "tuple[type[StoreRefused], str]"]
"""By the code of an error, the refusal that it is, and the form of its message."""

MEANINGS: Meanings = {
    errors.LockNotAvailable.sqlstate: (
        StoreBusy,
        f"another writer kept the store for {TURN_WAIT_S_MAX:g} s; try again",
    ),
    errors.QueryCanceled.sqlstate: (StoreBusy, "the server took too long ({said}); try again"),
    errors.TooManyConnections.sqlstate: (
        StoreBusy,
        "{said}; try again, or raise max_connections of the server",
    ),
    errors.DiskFull.sqlstate: (
        StoreBroken,
        "the server's disk is full; nothing of this transaction was taken in",
    ),
    errors.ReadOnlySqlTransaction.sqlstate: (
        StoreBroken,
        "{said}: the server takes nothing in, as a standby does until it is promoted",
    ),
}


@contextmanager
def our_errors(name: str, meanings: Meanings = MEANINGS) -> Iterator[None]:
    """Turn the driver's errors into refusals that name the store."""
    try:
        yield
    except psycopg.Error as error:
        refusal = refusal_of(name, error, meanings)
        if refusal is None:
            raise
        raise refusal from error


def refusal_of(
    name: str, error: psycopg.Error, meanings: Meanings = MEANINGS
) -> StoreRefused | None:
    """What a driver's error means for whoever asked; None where it is a mistake of the program."""
    code = error.sqlstate
    if code is None:
        is_of_server = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return StoreBroken(f"{name}: {_first_line(error)}") if is_of_server else None
    if code[:2] not in FAULTS_OF_SERVER and code not in FAULTS_OF_SCHEMA:
        return None
    if code.startswith("40"):  # of two transactions that were in each other's way
        return StoreBusy(f"{name}: another writer was in the way; try again")
    kind, form = meanings.get(code, (StoreBroken, "{said}"))
    return kind(f"{name}: {form.format(said=_first_line(error))}")


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]


SESSION = {
    "lock_wait": f"{TURN_WAIT_S_MAX:g}s",
    "idle": f"{IDLE_READING_S_MAX}s",
    "keepalive_idle": str(KEEPALIVE_IDLE_S),
    "keepalive_interval": str(KEEPALIVE_INTERVAL_S),
    "keepalive_count": str(KEEPALIVE_COUNT),
    "unacknowledged": str(UNACKNOWLEDGED_MS_MAX),
}


class GivenUp(psycopg.OperationalError):
    """A machine of a cluster that the answer needs is away; the question is not asked again."""

    sqlstate = errors.ConnectionFailure.sqlstate  # as where the coordinator says so itself


class _Driver(psycopg.Connection[Any]):
    """The driver's connection, which does not wait for ever for a server that says nothing."""

    silent_s_max: float | None = None
    look_after_s: float = inf  # of silence
    is_stuck: Callable[[], bool] | None = None  # asked then: whether no answer will come

    def wait(
        self, gen: PQGen[Any], interval: float = LOOK_EVERY_S, timeout: float | None = None
    ) -> Any:  # noqa: ANN401 - whatever the driver waits for
        """Wait for an answer. Raises `OperationalError` where none has come in time."""
        if self.silent_s_max is not None or self.is_stuck is not None:
            gen = self._in_time(gen, inf if self.silent_s_max is None else self.silent_s_max)
        return super().wait(gen, interval, timeout)

    def _in_time(self, gen: PQGen[Any], silent_s_max: float) -> PQGen[Any]:
        """The same steps of the driver, given up when nothing has come for too long."""
        heard_at = looked_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard_at = looked_at = now
                elif now - heard_at > silent_s_max:
                    self.close()
                    message = f"the server has said nothing for {silent_s_max:g} s"
                    raise psycopg.OperationalError(message)
                elif self.is_stuck and now - looked_at > self.look_after_s:
                    if self.is_stuck():
                        self.close()
                        message = "the server is stuck with a machine that is away"
                        raise GivenUp(message)
                    looked_at = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


class PostgresqlConnection:
    """One connection: named queries in, plain tuples out."""

    _columns: ClassVar[dict[str, tuple[str, ...]]] = {}  # of the queries that were read as frames
    _meanings: ClassVar[Meanings] = MEANINGS
    _setting_up: Sequence[str] = ()  # statements behind the beginning of each transaction

    def __init__(self, address: Address, silent_s_max: float | None = None) -> None:
        self._name = address.name
        self._conninfo = address.conninfo
        self._silent_s_max = silent_s_max
        self._queries = own_queries()
        # Whether the server was told to end a transaction, and was not heard since.
        self._is_left = False
        self._answers = count(1)
        self._flowing = ""  # the query whose rows are being read
        self._due: Sequence[str] = ()  # what begins a transaction, until something is asked in it
        self._is_beside_others = False
        self._connect()

    def _connect(self) -> None:
        with self._refusals():
            given = conninfo_to_dict(self._conninfo)
            ours = {name: value for name, value in OF_THE_WAY.items() if name not in given}
            self._driver = _Driver.connect(
                make_conninfo(self._conninfo, **ours),
                autocommit=True,
                prepare_threshold=0,
            )
            self._driver.silent_s_max = self._silent_s_max
            self._driver.prepared_max = STATEMENTS_PREPARED_MAX
            self._driver.adapters.register_dumper(int, Int8BinaryDumper)
            self._driver.adapters.register_dumper(str, WordDumper)
            self._driver.adapters.register_dumper(Numbers, NumbersDumper)
            self._driver.adapters.register_dumper(Texts, TextsDumper)
            set_up = numbered(self._queries["set_up_session"])
            self._driver.execute(set_up, SESSION)

    def _refusals(self) -> AbstractContextManager[None]:
        """Turn the driver's errors within the block into refusals that name the store."""
        return our_errors(self._name, self._meanings)

    @property
    def is_of_cluster(self) -> bool:
        """False: it asks as one PostgreSQL is asked, which a store that is spread is not."""
        return False

    @property
    def sees_one_moment(self) -> bool:
        """True, for one machine has everything."""
        return True

    def asks_ranges_for(self, sims: int) -> bool:  # noqa: ARG002 - a cluster's depends on them
        """True: what is known of a range of SIMs is asked as easily as of some in it."""
        return True

    def reaches_all(self) -> bool:
        """True, for one machine has everything."""
        return True

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return not self._driver.closed

    def is_ready(self) -> bool:
        """Whether it can be used.

        The server has ended the transaction before, and said nothing since. A farewell would be the
        first thing to read.
        """
        try:
            self._hear_of_the_end()
            is_quiet = not self._has_something_to_say(0)
        except psycopg.OperationalError:
            return False
        return is_quiet and self._driver.info.transaction_status == TransactionStatus.IDLE

    def _hear_of_the_end(self) -> None:
        """Read what the server says of a transaction that was left: it came long ago."""
        server = self._driver.pgconn
        while self._is_left:
            if not server.is_busy():
                self._is_left = server.get_result() is not None
            elif self._has_something_to_say(CONNECT_S_MAX):
                server.consume_input()
            else:
                return

    def _has_something_to_say(self, wait_s: int) -> bool:
        """Whether the server has sent something, or does within a while.

        `select` would fail past 1,024 open files.
        """
        poll = select.poll()
        poll.register(self._driver.pgconn.socket, select.POLLIN)
        return bool(poll.poll(wait_s * 1000))

    @staticmethod
    def set_of(values: Iterable[int] | Iterable[str]) -> object:
        """Integers, or texts, as one parameter, read in SQL through `carray(:name)`."""
        return array_of(tuple(values))

    def rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Run a named query and give its rows, which are all here by then."""
        with self._refusals():
            return iter(self._ask(self._sql(query), parameters).fetchall())

    def stream(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Run a named query and give its rows as they are asked for.

        The server keeps the others.
        """
        answer = f"answer_{next(self._answers)}"
        with self._refusals():
            self._begin_now()
            cursor = self._driver.cursor(binary=True)
            sql = numbered(self._stated(self._queries[query], parameters))
            declare = f"DECLARE {answer} NO SCROLL CURSOR FOR {sql}"
            cursor.execute(declare, parameters or None, prepare=False)
            fetched = ROWS_A_FETCH
            while fetched == ROWS_A_FETCH:
                cursor.execute(f"FETCH {ROWS_A_FETCH} FROM {answer}", prepare=False)
                fetched = cursor.rowcount
                yield from cursor.fetchall()
            cursor.execute(f"CLOSE {answer}", prepare=False)

    def joined(self, query: str, **parameters: object) -> Iterator[bytes]:
        """Run a query of one column of bytes; give many rows at a time, with commas between.

        They are read while the server still finds others, no more than a few at a time. No other
        question can be asked before the last row, or before the iterator is closed.
        """
        return joined(self._flow(query, parameters))

    def _flow(self, query: str, parameters: dict[str, object]) -> Iterator[bytes]:
        with self._refusals():
            self._begin_now()
            cursor = self._driver.cursor(binary=True, row_factory=scalar_row)
            self._flowing = query
            try:
                yield from cursor.stream(
                    numbered(self._stated(self._queries[query], parameters)),
                    parameters or None,
                    binary=True,
                    size=ROWS_A_CHUNK,
                )
            finally:
                self._flowing = ""

    def row(self, query: str, **parameters: object) -> tuple[Any, ...] | None:
        """Run a named query and give its first row, if there is one."""
        with self._refusals():
            return self._ask(self._sql(query), parameters).fetchone()

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Run a named query of integers, none of them null, and give its rows as columns.

        Each column comes as one value, eight bytes a row: the driver takes a microsecond and more
        to make a row.
        """
        with self._refusals():
            names = self._columns_of(query, parameters)
            return pl.DataFrame(self._series(self._queries[query], names, parameters))

    def _series(
        self, sql: str, names: tuple[str, ...], parameters: dict[str, object]
    ) -> list[pl.Series]:
        """Each of some columns of a query; a cluster is asked otherwise."""
        values = self._ask(in_columns(sql, names), parameters).fetchone() or ()
        return [integers(name, value) for name, value in zip(names, values, strict=True)]

    def _columns_of(self, query: str, parameters: dict[str, object]) -> tuple[str, ...]:
        """The names of a query's columns; the server is asked for them once a process."""
        if query not in self._columns:
            sql = without_rows(self._queries[query])
            description = self._ask(sql, parameters).description or ()
            self._columns[query] = tuple(column.name for column in description)
        return self._columns[query]

    def run(self, query: str, **parameters: object) -> int:
        """Run a named statement and give the number of rows it changed."""
        with self._refusals():
            return self._ask(self._sql(query), parameters).rowcount

    def run_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a named statement for all of the rows, in order; give how many rows it changed."""
        if not rows:
            return 0
        names = parameters_of(self._sql(query))
        changed = 0
        for part in rounds(rows, insert_of(self._queries[query])):
            columns = map(array_of, zip(*part, strict=True))
            changed += self.run(query, **dict(zip(names, columns, strict=True)))
        return changed

    def rows_of_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What a named statement returns, run for all of the rows at once."""
        sql = of_arrays(self._sql(query), self._queries["rows_of_arrays"])
        columns = map(array_of, zip(*rows, strict=True))
        parameters: dict[str, object] = dict(zip(parameters_of(sql), columns, strict=True))
        with self._refusals():
            return self._ask(sql, parameters).fetchall()

    def run_frame(self, query: str, frame: pl.DataFrame) -> int:
        """The same for the rows of a frame.

        Rows that are new go in as a stream of text, at three times the speed of a statement that
        looks each of them up. Where it is not known which they are, what is known of these SIMs
        tells: nobody else touches them meanwhile.
        """
        insert = insert_of(self._sql(query))
        if insert is not None and not insert.key and len(frame) >= COPIED_ROWS_MIN:
            return self._copy_in(insert, frame)
        is_many = query == "take_activation" and self.asks_ranges_for(len(frame))
        if not is_many or insert is None or frame.is_empty():
            return self.run_many(query, frame.rows())
        known_max = KNOWN_A_FACT_MAX * len(frame) + 1
        iccids = frame["iccid"]
        first, last = iccids.min(), iccids.max()
        known = self.frame(
            "known_activations",
            first=first,
            last=last,
            all_parts=PARTS,
            parts=self.set_of(part_of(iccids).unique()),
            at_most=known_max,
        )
        if len(known) == known_max:
            return self.run_many(query, frame.rows())
        return self._copy_in(insert, fresh_of(frame, insert, known))

    def _copy_in(self, insert: Insert, frame: pl.DataFrame) -> int:
        form, rows = copied(frame)
        columns = ", ".join(insert.columns)
        with self._refusals(), self._driver.cursor() as cursor:
            copy_in = f"COPY {insert.table} ({columns}) FROM STDIN (FORMAT {form})"
            with cursor.copy(copy_in) as copy:
                copy.write(rows)
        return len(frame)

    def _sql(self, query: str) -> str:
        """The text of a named query.

        Stops a mistake of ours: a change that only a transaction without others beside it may make.
        """
        sql = self._queries[query]
        if self._is_beside_others and query not in CHANGES_BESIDE_OTHERS and is_change(sql):
            message = f"{query} is no change that is made beside other writers"
            raise RuntimeError(message)
        return sql

    def _ask(self, sql: str, parameters: dict[str, object]) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a query; the first of a transaction begins it on the same way to the server."""
        self._require_no_flow()
        sql = self._stated(sql, parameters)
        if not self._due:
            return self._driver.cursor(binary=True).execute(numbered(sql), parameters or None)
        return self._ask_at_once((sql, parameters))

    def _stated(self, sql: str, parameters: dict[str, object]) -> str:  # noqa: ARG002 - a cluster's depends on them
        """A question as it is put; a cluster is asked otherwise about few SIMs."""
        return sql

    def _ask_at_once(self, *questions: Question) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run queries on one way to the server, and begin the transaction that is due before them.

        Give the answer of the last.
        """
        try:
            return self._send(questions)
        except GivenUp:
            raise
        except psycopg.OperationalError:
            if not (self._due and self._driver.closed):
                raise
            # It was lost while it lay idle, and has given nothing of this transaction yet.
            self._connect()
            return self._send(questions)

    def _send(self, questions: Sequence[Question]) -> psycopg.Cursor[tuple[Any, ...]]:
        with self._driver.pipeline():
            self._execute_due()
            cursors = [
                self._driver.cursor(binary=True).execute(numbered(sql), parameters or None)
                for sql, parameters in questions
            ]
        self._due = ()
        return cursors[-1]

    def _execute_due(self) -> None:
        for statement in self._due:
            self._driver.execute(statement, prepare=False)

    def write_alone(self, statement_s_max: float, sims: frozenset[int] | None = None) -> None:
        """Prepare for changes of anything; a cluster has more to do here."""

    def share_turn(self, touched: Touched, wait_s: float, statement_s_max: float) -> None:
        """Take the turn, shared with others, and the locks of what a transaction touches.

        The transaction is beside others from then on: all statements behind see what was committed
        before, for each has a snapshot of its own. Who has waited for `wait_s` in all is refused.
        """
        with self._refusals():
            try:
                self._ask_at_once(
                    self.waiting(wait_s),
                    self.taking(TURN, locks_of(touched)),
                    (self._queries["bound_statements"], {"statement": f"{statement_s_max}s"}),
                )
            except errors.QueryCanceled as error:
                raise errors.LockNotAvailable(str(error)) from error
        self._is_beside_others = True

    def waiting(self, wait_s: float) -> Question:
        """What bounds how long the next statement may wait, in all."""
        milliseconds = max(1, int(wait_s * 1000))
        settings = {"idle": f"{IDLE_WRITING_S_MAX}s", "milliseconds": milliseconds}
        return self._queries["wait_in_all"], settings

    def taking(self, turn: int, locks: Locks) -> Question:
        """What takes a turn, shared with others, and then locks."""
        wanted = {"turn": turn, "numbers": Numbers(locks.numbers), "shared": locks.shared}
        return self._queries["take_locks"], wanted

    def _require_no_flow(self) -> None:
        """Stop a mistake of ours.

        The driver would wait for ever for the end of what we are reading.
        """
        if self._flowing:
            message = f"asked for something else before the last row of {self._flowing} was read"
            raise RuntimeError(message)

    def _begin_now(self) -> None:
        """Begin the transaction that is due."""
        self._execute_due()
        self._due = ()

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Part of a transaction that is undone at the end of the block unless it is kept."""
        attempt = Attempt()
        self._say("SAVEPOINT attempt")
        yield attempt
        if not attempt.kept:
            self._say("ROLLBACK TO attempt")
        self._say("RELEASE attempt")

    def begin(self, how: str) -> None:
        """Begin a transaction with whatever is asked or said next."""
        self._due = how, *self._setting_up

    @contextmanager
    def ending(self) -> Iterator[None]:
        """The rest of a transaction around the block.

        Committed at its end, undone when it raises.
        """
        try:
            yield
            if not self._due:
                self._commit()
        finally:
            self._due = ()
            self._is_beside_others = False
            self._undo()

    def _commit(self) -> None:
        """Commit. Raises `OutcomeUnknown` where the server is lost before it has answered."""
        with self._refusals():
            try:
                self._driver.execute("COMMIT", prepare=False)
            except psycopg.OperationalError as error:
                if error.sqlstate is not None and not isinstance(error, GivenUp):
                    raise  # the server says what it did not do
                raise unknown_outcome(self._name, _first_line(error)) from error

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """The rest of a transaction around the block that changes nothing.

        Nobody waits for the server to end it.
        """
        try:
            yield
            if self._driver.info.transaction_status == TransactionStatus.INTRANS:
                with self._refusals():
                    self._driver.pgconn.send_query(b"COMMIT")
                    self._driver.pgconn.flush()
                self._is_left = True
        finally:
            self._due = ()
            if not self._is_left:
                self._undo()

    def _undo(self) -> None:
        """Leave no transaction open; a connection that cannot be told so is of no further use."""
        if self._driver.info.transaction_status in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }:
            try:
                self._driver.execute("ROLLBACK", prepare=False)
            except psycopg.OperationalError:
                self._driver.close()
        elif self._driver.info.transaction_status != TransactionStatus.IDLE:
            self._driver.close()

    def migrate(self, text: str) -> None:
        """Run a migration's statements one by one, for Citus refuses several commands at once."""
        for statement in statements_of(text):
            self._say(statement)

    def _say(self, text: str) -> None:
        """Run statements that have neither parameters nor rows."""
        with self._refusals():
            self._begin_now()
            self._driver.execute(text, prepare=False)

    def close(self) -> None:
        """Close the connection."""
        self._driver.close()


def array_of(column: tuple[Any, ...]) -> list[Any]:
    """Many values of one kind as one parameter."""
    first = next((value for value in column if value is not None), 0)
    if isinstance(first, int):
        return Numbers(column)
    return Texts(column) if isinstance(first, str) else list(column)


def _is_spread(connection: PostgresqlConnection) -> bool:
    """Whether the store is spread over the machines of a cluster."""
    return connection.row("has_citus") == (True,) and connection.row("is_spread") == (True,)


class PostgresqlEngine:
    """A store in a PostgreSQL database."""

    kind = ENGINE

    def __init__(self, url: str, *, is_serving: bool = False) -> None:
        self._address = address_of(url)
        self._is_serving = is_serving
        self._idle: list[PostgresqlConnection] = []
        self._is_spread: bool | None = None  # None until it is asked for
        self._machines_away = MachinesAway()  # of a cluster

    @property
    def name(self) -> str:
        """What messages call this store."""
        return self._address.name

    @contextmanager
    def reading(self) -> Iterator[PostgresqlConnection]:
        """A connection that sees one moment of the store."""
        with self._lent() as connection:
            connection.begin(SNAPSHOT)
            with connection.leaving():
                yield connection

    @contextmanager
    def glancing(self) -> Iterator[PostgresqlConnection]:
        """A connection that sees the present anew with each question."""
        with self._lent() as connection:
            yield connection

    @contextmanager
    def writing(
        self,
        wait_s: float | None = None,
        touched: Touched | None = None,
        sims: frozenset[int] | None = None,
    ) -> Iterator[PostgresqlConnection]:
        """A connection that writes, within one transaction.

        One writer at a time, whichever server it is on; those that say what they touch go on beside
        one another. Who has waited for `wait_s` is refused. On a cluster, one that says which
        `sims` it changes needs their machines alone.
        """
        with self._lent() as connection:
            connection.begin(WRITING)
            with connection.ending():
                if touched is None:
                    self._take_turn(connection, wait_s)
                    connection.write_alone(self._statement_s_max, sims)
                else:
                    patience_s = TURN_WAIT_S_MAX if wait_s is None else wait_s
                    connection.share_turn(touched, patience_s, self._statement_s_max)
                self._require_own_schema(connection)
                yield connection

    def is_spread(self) -> bool:
        """Whether the store is spread over the machines of a cluster."""
        with self._lent():
            return bool(self._is_spread)

    @staticmethod
    def takes_side_by_side() -> bool:
        """True: transactions that touch different SIMs go on beside one another."""
        return True

    @contextmanager
    def writing_if_free(self) -> Iterator[PostgresqlConnection | None]:
        """The same if nobody writes, None otherwise; nobody is kept waiting."""
        with self._lent() as connection:
            connection.begin(WRITING)
            with connection.ending():
                is_free = connection.row("take_turn_if_free", turn=TURN) == (True,)
                if is_free:
                    self._require_own_schema(connection)
                yield connection if is_free else None

    def _take_turn(self, connection: PostgresqlConnection, wait_s: float | None = None) -> None:
        """Wait for the turn; the server ends a transaction that keeps it and is not heard of."""
        if wait_s is not None:
            connection.row("wait_for_locks", milliseconds=max(1, int(wait_s * 1000)))
        connection.row(
            "take_turn",
            turn=TURN,
            idle=f"{IDLE_WRITING_S_MAX}s",
            statement=f"{self._statement_s_max}s",
        )

    def _shut_others_out(self, connection: PostgresqlConnection) -> None:
        """Wait until nobody else writes, on a cluster either."""
        self._take_turn(connection)
        connection.row("take_machines", turn=MACHINES)

    @property
    def _statement_s_max(self) -> int:
        """After how many seconds the server ends a statement; 0, a command's takes its time."""
        return STATEMENT_S_MAX if self._is_serving else 0

    def is_awaited(self) -> bool:
        """Whether another writer waits for the one that writes now."""
        with self.glancing() as connection:
            turns = connection.set_of((TURN, MACHINES))
            return connection.row("is_awaited", turns=turns) == (True,)

    def require_current(self) -> None:
        """Raise `StoreOutdated` where another program has changed the schema meanwhile."""
        with self._lent() as connection:
            self._require_current(connection)

    @staticmethod
    def is_read_by_others() -> bool:
        """False: who may read is the server's affair."""
        return False

    @staticmethod
    def space() -> None:
        """Nothing: the disk is the server's."""

    def is_empty(self) -> bool:
        """Whether there is no store yet."""
        with self._opened() as connection:
            return not self._has_schema(connection)

    def schema_version(self) -> int:
        """The number of the last migration that this store has."""
        with self._opened() as connection:
            return self._version(connection)

    @contextmanager
    def any_schema(self) -> Iterator[tuple[PostgresqlConnection, int]]:
        """A connection to a store whatever its schema is, and the number of that."""
        with self._opened() as connection:
            yield connection, self._version(connection)

    def migrate(self, wire_zone: str) -> int:
        """Bring the store to this program's schema, making it where there is none.

        Give the number of steps taken.
        """
        with self._opened() as connection:
            connection.begin(WRITING)
            with connection.ending():
                self._shut_others_out(connection)
                have = self._version(connection) if self._has_schema(connection) else 0
                steps = [step for step in migrations_for(ENGINE) if step[0] > have]
                for number, text in steps:
                    connection.migrate(text)
                    connection.run("note_schema_version", number=number)
                if have == 0:
                    connection.run("create_store_row", wire_zone=wire_zone)
        return len(steps)

    def copy_into(self, file: Path, on_progress: Callable[[int, int], None]) -> int:  # noqa: ARG002 - the form of every engine
        """PostgreSQL has tools of its own. Raises `BackupRefused`."""
        message = f"{self.name}: {OWN_TOOLS}"
        raise BackupRefused(message)

    def require_cluster(self) -> None:
        """Raise `ClusterMissing` where the database lacks the extension citus."""
        with self._opened() as connection:
            if connection.row("has_citus") != (True,):
                message = (
                    f"{self.name}: the database has no extension citus, so no store can be spread "
                    "over a cluster"
                )
                raise ClusterMissing(message)

    def distribute(self) -> int:
        """Spread the store over the machines of a Citus cluster.

        What is spread already stays as it is.
        """
        self.require_cluster()
        with self._opened() as connection:
            self._require_current(connection)
            connection.begin(WRITING)
            with connection.ending():
                self._shut_others_out(connection)
                tables = spread(connection)
        self.close()
        self._is_spread = None
        return tables

    def close(self) -> None:
        """Close every connection that is not in use."""
        while connection := self._idle_one():
            connection.close()

    def _idle_one(self) -> PostgresqlConnection | None:
        """A connection that nobody uses; other threads take some at the same time."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    @contextmanager
    def _lent(self) -> Iterator[PostgresqlConnection]:
        connection = self._connected()
        try:
            yield connection
        finally:
            self._put_back(connection)

    def _put_back(self, connection: PostgresqlConnection) -> None:
        """Keep a connection for the next one, if it is of the kind that the store needs."""
        if connection.is_open and connection.is_of_cluster == self._is_spread:
            self._idle.append(connection)
        else:
            connection.close()

    def _connected(self) -> PostgresqlConnection:
        """A connection that nobody uses; one that its server has closed meanwhile is none."""
        while connection := self._idle_one():
            if connection.is_ready():
                return connection
            connection.close()
            self.close()  # the others have been lost with it, and would each be waited for
        connection = self._new_connection()
        self._require_current(connection)
        return connection

    def _new_connection(self) -> PostgresqlConnection:
        """A connection of the kind that the store needs, which its first one finds out."""
        silent_s_max = SILENT_S_MAX if self._is_serving else None
        if not self._is_spread:
            connection = PostgresqlConnection(self._address, silent_s_max)
            if self._is_spread is None:
                self._is_spread = _is_spread(connection)
            if not self._is_spread:
                return connection
            connection.close()
        from tallystick.store.engines.citus import ClusterConnection  # noqa: PLC0415 - it builds on this module

        return ClusterConnection(self._address, silent_s_max, self._machines_away)

    @contextmanager
    def _opened(self) -> Iterator[PostgresqlConnection]:
        connection = PostgresqlConnection(self._address)
        try:
            yield connection
        finally:
            connection.close()

    @staticmethod
    def _has_schema(connection: PostgresqlConnection) -> bool:
        return connection.row("has_schema") == (True,)

    @staticmethod
    def _version(connection: PostgresqlConnection) -> int:
        (number,) = connection.row("schema_version") or (0,)
        return int(number)

    def _require_own_schema(self, connection: PostgresqlConnection) -> None:
        """Raise `StoreOutdated` where a newer program has upgraded the store meanwhile.

        Raises `StoreBusy` where it was spread meanwhile: the transaction has other locks then.
        Asked by a statement of its own once the turn has come: the one that waits for the turn
        sees the store as it was before the wait.
        """
        number, was_spread = connection.row("schema_of_writer") or (0, False)
        require_schema(self.name, number, len(migrations_for(ENGINE)))
        if was_spread:
            self._forget_connections(connection)
            message = f"{self.name}: the store was spread over a cluster meanwhile; try again"
            raise StoreBusy(message)

    def _forget_connections(self, connection: PostgresqlConnection) -> None:
        """Open connections of the kind that the store needs from now on."""
        self._is_spread = None
        connection.close()
        self.close()

    def _require_current(self, connection: PostgresqlConnection) -> None:
        have = self._version(connection) if self._has_schema(connection) else None
        try:
            require_schema(self.name, have, len(migrations_for(ENGINE)))
        except (StoreMissing, StoreOutdated):
            connection.close()
            raise

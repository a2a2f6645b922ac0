"""A connection to PostgreSQL: named queries in, plain tuples, columns or bytes out."""

from __future__ import annotations

import select
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import polars as pl
import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import scalar_row
from psycopg.types.numeric import Int8BinaryDumper

from tallystick.store.connection import Attempt, joined, unknown_outcome
from tallystick.store.engines.bulk import copied, fresh_of, insert_of, integers, rounds
from tallystick.store.engines.postgresql_server import (
    CONNECT_S_MAX,
    MEANINGS,
    OF_THE_WAY,
    SESSION,
    Driver,
    GivenUp,
    first_line,
    our_errors,
)
from tallystick.store.engines.postgresql_statements import (
    Numbers,
    NumbersDumper,
    Texts,
    TextsDumper,
    WordDumper,
    array_of,
    in_columns,
    is_change,
    numbered,
    of_arrays,
    own_queries,
    parameters_of,
    without_rows,
)
from tallystick.store.queries import statements_of
from tallystick.store.touched import CHANGES_BESIDE_OTHERS, PARTS, locks_of, part_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tallystick.store.engines.bulk import Insert
    from tallystick.store.engines.postgresql_server import Address, Meanings
    from tallystick.store.engines.postgresql_statements import Question
    from tallystick.store.touched import Locks, Touched

SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What is read after the turn is what came before it.
WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
TURN = 0x74616C79  # with the schema's number, the advisory lock that whoever writes holds
# Such a transaction plans each statement for the tables and the parameters as they are: a plan that
# is kept may be that of a table which an import has since made a hundred times larger.
PLANNED_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan"
MACHINES = TURN + 1  # on a cluster the one of those that write what is not the coordinator's alone
# A transaction that is left open for longer is ended by the server, and its turn with it.
IDLE_WRITING_S_MAX = 60
STATEMENTS_PREPARED_MAX = 200  # of a connection: all there are
ROWS_A_FETCH = 4096  # of a large answer at a time, about a megabyte
ROWS_A_CHUNK = 128  # of an answer that flows, some 30 KiB
# Known facts of a range of SIMs are read while they are no more than this for each at hand.
KNOWN_A_FACT_MAX = 2
COPIED_ROWS_MIN = 64  # fewer go in as a statement, which is one message to the server


class SchemaFound(NamedTuple):
    """The last migration, and whether the store was spread since the connection was made."""

    number: int
    was_spread: bool

    @classmethod
    def of(cls, row: tuple[Any, ...] | None) -> SchemaFound:
        """What the row of `schema_of_writer` says; none is a store that was removed."""
        return cls(*(row or (0, False)))


class PostgresqlConnection:
    """One connection: named queries in, plain tuples out."""

    _columns: ClassVar[dict[str, tuple[str, ...]]] = {}  # of the queries that were read as frames
    _meanings: ClassVar[Meanings] = MEANINGS
    _setting_up: Sequence[str] = ()  # statements behind the beginning of each transaction
    _planned_anew: Sequence[str] = (PLANNED_ANEW,)  # behind that of those that plan anew

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
            self._driver = Driver.connect(
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

    def change_sims(self, iccids: Collection[int]) -> None:
        """Whoever writes alone may change what is kept of any SIM; a cluster is asked otherwise."""

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

    def share_turn(self, touched: Touched, wait_s: float, statement_s_max: float) -> SchemaFound:
        """Take the turn, shared with others, and the locks of what a transaction touches.

        The transaction is beside others from then on: all statements behind see what was committed
        before, for each has a snapshot of its own. Give the schema that is found then. Who has
        waited for `wait_s` in all is refused.
        """
        with self._refusals():
            try:
                row = self._ask_at_once(
                    self.waiting(wait_s),
                    self.taking(TURN, locks_of(touched)),
                    (self._queries["bound_statements"], {"statement": f"{statement_s_max}s"}),
                    (self._queries["schema_of_writer"], {}),
                ).fetchone()
            except errors.QueryCanceled as error:
                raise errors.LockNotAvailable(str(error)) from error
        self._is_beside_others = True
        return SchemaFound.of(row)

    def schema_found(self) -> SchemaFound:
        """The schema that a writer finds once its turn has come."""
        return SchemaFound.of(self.row("schema_of_writer"))

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

    def begin(self, how: str, *, plans_anew: bool = True) -> None:
        """Begin a transaction with whatever is asked or said next.

        Unless it `plans_anew`, its statements have the plans that this connection has kept.
        """
        planned = self._planned_anew if plans_anew else ()
        self._due = how, *planned, *self._setting_up

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
                raise unknown_outcome(self._name, first_line(error)) from error

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

"""The server engine: PostgreSQL through psycopg.

Every snapshot and every writing transaction has a connection of its own from one pool; a reader
sees one moment and never waits for a writer.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tallystick.core.errors import (
    BackupRefused,
    ClusterMissing,
    StoreBusy,
    StoreMissing,
    StoreOutdated,
)
from tallystick.store.connection import TURN_WAIT_S_MAX, require_schema
from tallystick.store.engines.machines import MachinesAway
from tallystick.store.engines.postgresql_connection import (
    IDLE_WRITING_S_MAX,
    MACHINES,
    SNAPSHOT,
    TURN,
    WRITING,
    PostgresqlConnection,
    SchemaFound,
)
from tallystick.store.engines.postgresql_server import address_of
from tallystick.store.engines.postgresql_statements import ENGINE
from tallystick.store.engines.spread import spread
from tallystick.store.queries import migrations_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tallystick.store.touched import Touched

# While serving, a writer's statement that takes longer is ended by the server. One whose answer
# takes longer still is given up here: the server is lost, or what lies between.
STATEMENT_S_MAX = 120
SILENT_S_MAX = 130
OWN_TOOLS = (
    "a store on PostgreSQL is backed up with PostgreSQL's own tools: pg_dump and pg_restore, or a"
    " base backup and an archive of its log, by pg_basebackup or pgBackRest"
    " (docs/howto/back-up.md)"
)


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
            connection.begin(WRITING, plans_anew=touched is None or not touched.are_named)
            with connection.ending():
                if touched is None:
                    self._take_turn(connection, wait_s)
                    connection.write_alone(self._statement_s_max, sims)
                    schema = connection.schema_found()
                else:
                    patience_s = TURN_WAIT_S_MAX if wait_s is None else wait_s
                    schema = connection.share_turn(touched, patience_s, self._statement_s_max)
                self._require_own_schema(connection, schema)
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
                    self._require_own_schema(connection, connection.schema_found())
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
        self._machines_away.drop_trial()

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

    def _require_own_schema(self, connection: PostgresqlConnection, schema: SchemaFound) -> None:
        """Raise `StoreOutdated` where a newer program has upgraded the store meanwhile.

        Raises `StoreBusy` where it was spread meanwhile: the transaction has other locks then.
        Asked by a statement of its own once the turn has come: the one that waits for the turn
        sees the store as it was before the wait.
        """
        require_schema(self.name, schema.number, len(migrations_for(ENGINE)))
        if schema.was_spread:
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

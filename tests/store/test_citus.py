"""What is a cluster's own: commits that one machine is yet to make."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.engines import CITUS, ENGINES
from tests.store.few import ONE, expected, mismatch, rows, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store

pytestmark = pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
WAIT_S = 0.5


@pytest.fixture
def engine() -> str:
    """This one only."""
    return CITUS


@contextmanager
def worker_of(database: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A connection to one of the machines, and the name of its copy of the table `store`."""
    with psycopg.connect(database, autocommit=True) as coordinator:
        (host, port) = coordinator.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeport DESC"
        ).fetchone() or ("", 0)
        (shard,) = coordinator.execute(
            "SELECT shard_name(logicalrelid, shardid) FROM pg_dist_shard WHERE logicalrelid = CAST('store' AS regclass)"
        ).fetchone() or ("",)
        where = psycopg.conninfo.make_conninfo(database, host=host, port=port, options="")
        with psycopg.connect(where, autocommit=True) as worker:
            yield worker, shard


def test_a_writer_waits_for_a_machine_that_is_yet_to_commit(store: Store, database: str) -> None:
    """As one does that was lost in the middle of a commit: what it holds in doubt, nobody sees there."""
    take(store, sim(ONE), expected(ONE))
    with worker_of(database) as (worker, shard):
        name = shard.partition(".")[0]
        worker.execute("SET citus.enable_manual_changes_to_shards = on")
        worker.execute("BEGIN")
        worker.execute(f"UPDATE {shard} SET expectations_version = expectations_version".encode())  # noqa: S608 - a name from the catalogue
        worker.execute(f"PREPARE TRANSACTION '{name}'".encode())
        writer = threading.Thread(target=take, args=(store, seen(ONE)))
        writer.start()
        writer.join(WAIT_S)
        waits = writer.is_alive()
        worker.execute(f"COMMIT PREPARED '{name}'".encode())
        writer.join()
        assert waits
    assert rows(store) == [mismatch(ONE)]

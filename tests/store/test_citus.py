"""What only a cluster has: commits that one machine has yet to make, and questions to each."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from tallystick.store.queries import queries_for
from tests.cluster import connected_to, coordinator_of, workers_of
from tests.engines import CITUS, ENGINES
from tests.store.few import ONE, expected, mismatch, rows, seen, sim, take

if TYPE_CHECKING:
    from tallystick.store import Store

pytestmark = pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
WAIT_S = 0.5
COPY_OF_STORE = """
SELECT shard_name(s.logicalrelid, s.shardid) FROM pg_dist_shard AS s
WHERE s.logicalrelid = CAST('store' AS regclass)
"""
SET_PARAMETER = re.compile(r"carray\(:(\w+)\)")
ARRAY_PARAMETER = re.compile(r"CAST\(:\w+ AS (\w+\[\])\)")
PARAMETER = re.compile(r"(?<![:\w]):[a-z_]\w*")


@pytest.fixture
def engine() -> str:
    """This one only."""
    return CITUS


def test_a_writer_waits_for_a_machine_that_is_yet_to_commit(store: Store, database: str) -> None:
    """Like a machine lost in the middle of a commit: nobody sees what it holds in doubt."""
    take(store, sim(ONE), expected(ONE))
    with coordinator_of(database) as coordinator:
        machine = workers_of(coordinator)[0]
        (shard,) = coordinator.execute(COPY_OF_STORE).fetchone() or ("",)
    with connected_to(database, machine) as worker:
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


def filled(sql: str) -> str:
    """A query with some value for each parameter."""
    sql = SET_PARAMETER.sub(
        lambda found: "carray('{0}'::" + ("text[])" if found[1] == "generations" else "bigint[])"),
        sql,
    )
    return PARAMETER.sub("'0'", ARRAY_PARAMETER.sub(r"CAST(NULL AS \1)", sql))


@pytest.mark.usefixtures("store")
def test_no_question_carries_a_whole_table_to_the_coordinator(database: str) -> None:
    """Citus does so where it cannot join on the machines: minutes, with millions of SIMs."""
    told, planned = list[str](), list[str]()
    with psycopg.connect(database, autocommit=True) as coordinator:
        coordinator.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        coordinator.execute("SET client_min_messages = debug1")
        for name, sql in queries_for("postgresql").items():
            told.clear()
            coordinator.execute(f"EXPLAIN {filled(sql)}".encode())
            assert not [each for each in told if each.startswith("Wrapping relation")], name
            planned += [name for each in told if each.startswith("generating subplan")]
    assert "suspects" in planned, "Citus says no more how it plans"

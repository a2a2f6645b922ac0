"""The machines of a cluster behind the coordinator's back, and what befalls them."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARD = (
    "SELECT MIN(s.shardid) FROM pg_dist_shard AS s WHERE s.logicalrelid = CAST('sims' AS regclass)"
)
WORKERS = """
    SELECT n.nodename, n.nodeport FROM pg_dist_node AS n
    WHERE n.groupid > 0 ORDER BY n.nodeport DESC
"""
PLACE = """
SELECT n.nodename, n.nodeport
FROM pg_dist_placement AS p
INNER JOIN pg_dist_node AS n ON n.groupid = p.groupid
WHERE p.shardid = %s
"""
SHARD_OF_SIM = "SELECT get_shard_id_for_distribution_column(CAST('sims' AS regclass), %s)"
MOVE = "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, shard_transfer_mode => %s)"
CUT = """
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid()
    AND a.application_name LIKE 'citus_internal%%'
    AND POSITION(%s IN a.query) > 0
"""

Driver = psycopg.Connection[Any]


class Machine(NamedTuple):
    """Where one of a cluster's machines is reached."""

    host: str
    port: int


@contextmanager
def coordinator_of(database: str) -> Iterator[Driver]:
    """A connection to the machine that a store's address names."""
    with psycopg.connect(database, autocommit=True) as coordinator:
        yield coordinator


@contextmanager
def connected_to(database: str, machine: Machine) -> Iterator[Driver]:
    """A connection to one of the others."""
    where = psycopg.conninfo.make_conninfo(
        database, host=machine.host, port=machine.port, options=""
    )
    with psycopg.connect(where, autocommit=True) as worker:
        yield worker


def workers_of(coordinator: Driver) -> list[Machine]:
    """The machines that hold shards."""
    return [Machine(*row) for row in coordinator.execute(WORKERS).fetchall()]


@contextmanager
def frozen(database: str, machine: Machine) -> Iterator[None]:
    """Within the block a machine says nothing. Its processes have to be of this computer."""
    with connected_to(database, machine) as worker:
        (file,) = worker.execute("SELECT pg_read_file('postmaster.pid')").fetchone() or ("",)
        rows = worker.execute("SELECT a.pid FROM pg_stat_activity AS a").fetchall()
        processes = [int(file.partition("\n")[0]), *(pid for (pid,) in rows)]
    stopped = [process for process in processes if _is_a_server(process)]
    if not stopped:
        pytest.skip("the cluster is on other computers")
    try:
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def _is_a_server(process: int) -> bool:
    """Whether a process of this computer is one of PostgreSQL's; one may have ended meanwhile."""
    name = Path(f"/proc/{process}/comm")
    return name.exists() and name.read_text().startswith("postgres")


def machine_of(coordinator: Driver, iccid: int) -> Machine:
    """The machine that has a SIM."""
    (shard,) = coordinator.execute(SHARD_OF_SIM, [iccid]).fetchone() or (0,)
    return Machine(*coordinator.execute(PLACE, [shard]).fetchone() or ("", 0))


def cut_connections(database: str) -> int:
    """End the connections that work for a store, as a loss of all workers does; give how many."""
    with coordinator_of(database) as coordinator:
        machines = workers_of(coordinator)
        (schema,) = coordinator.execute("SELECT current_schema()").fetchone() or ("",)
    cut = 0
    for machine in machines:
        with connected_to(database, machine) as worker:
            cut += worker.execute(CUT, [schema]).rowcount
    return cut


def move_a_shard(database: str) -> tuple[Machine, Machine]:
    """Have one shard of all tables moved to another machine; give where it was and where it is."""
    with coordinator_of(database) as coordinator:
        (shard,) = coordinator.execute(SHARD).fetchone() or (0,)
        (level,) = coordinator.execute("SHOW wal_level").fetchone() or ("",)
        before = Machine(*coordinator.execute(PLACE, [shard]).fetchone() or ("", 0))
        target = next(machine for machine in workers_of(coordinator) if machine != before)
        mode = "force_logical" if level == "logical" else "block_writes"
        coordinator.execute(MOVE, [shard, *before, *target, mode])
        return before, Machine(*coordinator.execute(PLACE, [shard]).fetchone() or ("", 0))


def make_whole(database: str) -> None:
    """Have commits in doubt recovered at once, which the cluster does by itself after a while."""
    with coordinator_of(database) as coordinator:
        coordinator.execute("SELECT recover_prepared_transactions()")

"""How the program sees in a statement what a cluster has to do for it; no cluster is needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import errors

from tallystick.core.errors import MachineAway
from tallystick.store.engines import machines
from tallystick.store.engines.citus import (
    MEANINGS_ON_CLUSTER,
    SHARED,
    SPREAD,
    naming_sims,
    needs_machines,
)
from tallystick.store.engines.machines import MachinesAway
from tallystick.store.engines.postgresql import refusal_of
from tallystick.store.queries import queries_for

if TYPE_CHECKING:
    import pytest

NAMED = re.compile(r"'(\w+)'\)")
ONLY_TO_HOLD = "shard_turns"


def tables_in(query: str) -> set[str]:
    """The tables that a query of `init --distribute` lists."""
    return set(NAMED.findall(queries_for("citus")[query])) - {ONLY_TO_HOLD}


def words_of(pattern: re.Pattern[str], form: str) -> set[str]:
    """Those of all tables that a pattern sees in a statement of this form."""
    tables = tables_in("share_tables") | tables_in("spread_tables") | {"sims", "users", "store"}
    return {table for table in tables if pattern.search(form.format(table))}


def test_the_tables_that_are_spread_are_those_that_statements_are_searched_for() -> None:
    spread = tables_in("spread_tables") | {"sims"}
    assert tables_in("drop_what_was_spread") == spread
    assert words_of(SPREAD, "SELECT 1 FROM {} AS t") == spread
    assert words_of(SHARED, "DELETE FROM {} WHERE TRUE") == tables_in("share_tables")
    assert not words_of(SHARED, "SELECT 1 FROM {}")


def test_a_table_in_a_comment_is_not_asked_for() -> None:
    assert not needs_machines("-- As in UPDATE accounts, for sims.\nUPDATE users SET name = 'x';")
    assert needs_machines("-- All of them.\nDELETE FROM sims;")


def test_a_list_of_sims_is_named_for_each_table() -> None:
    sql = "SELECT a.imei FROM activations AS a WHERE a.iccid IN {} AND a.imei IN {}"
    of_sims = "(SELECT v.value FROM carray(:iccids) AS v)"
    of_others = "(SELECT w.value FROM carray(:imeis) AS w)"
    named = "SELECT a.imei FROM activations AS a WHERE a.iccid = {} AND a.imei IN {}"
    asked = naming_sims(sql.format(of_sims, of_others), "iccids")
    assert asked == named.format("ANY(CAST(:iccids AS bigint[]))", of_others)


def test_a_machine_that_the_coordinator_cannot_reach_is_away() -> None:
    error = errors.ConnectionFailure("said")
    assert type(refusal_of("store", error, MEANINGS_ON_CLUSTER)) is MachineAway


def test_connections_that_wait_ask_together_where_their_sims_lie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[set[int]]()

    def locate(sims: set[int]) -> list[tuple[int, int]]:
        asked.append(set(sims))
        return [(sim, sim % 2) for sim in sims]

    away = MachinesAway()
    away.note([1])
    assert [away.have_any(sims, locate) for sims in ({2}, {2}, {1})] == [False] * 3
    assert asked == [{2}], "within a second nobody asks again"
    monkeypatch.setattr(machines, "ASK_AGAIN_S", 0)
    later = [away.have_any(sims, locate) for sims in ({1, 4}, {1}, {2}, {4})]
    assert later == [True, True, False, False]
    assert asked == [{2}, {1, 2, 4}]

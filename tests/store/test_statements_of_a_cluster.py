"""How the program sees in a statement what a cluster has to do for it; no cluster is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tallystick.core.errors import MachineAway
from tallystick.store.engines import machines
from tallystick.store.engines.citus import (
    CHANGE_OF_COPIES,
    MEANINGS_ON_CLUSTER,
    OF_A_SIM,
    naming_sims,
    needs_machines,
)
from tallystick.store.engines.machines import MachinesAway
from tallystick.store.engines.postgresql_server import refusal_of
from tallystick.store.engines.spread import COPIED_BEFORE, OF_NUMBERS, OF_SIMS, SHARD_TURNS, SHARED
from tests.engines import POSTGRESQL, rows_of

if TYPE_CHECKING:
    import re


TABLES_WITH_SIMS = """
    SELECT c.table_name FROM information_schema.columns AS c
    WHERE c.table_schema = current_schema() AND c.column_name = 'iccid'
"""


def words_of(pattern: re.Pattern[str], form: str) -> set[str]:
    """Those of all tables that a pattern sees in a statement of this form."""
    tables = {*SHARED, *COPIED_BEFORE, *OF_SIMS, *OF_NUMBERS, SHARD_TURNS, "users", "store"}
    return {table for table in tables if pattern.search(form.format(table))}


def test_statements_are_searched_for_the_tables_that_lie_on_machines() -> None:
    assert words_of(OF_A_SIM, "SELECT 1 FROM {} AS t") == set(OF_SIMS)
    assert words_of(CHANGE_OF_COPIES, "DELETE FROM {} WHERE TRUE") == {*SHARED, *COPIED_BEFORE}
    assert not words_of(CHANGE_OF_COPIES, "SELECT 1 FROM {}")


@pytest.fixture
def engine() -> str:
    """This one only: a store on it is what is spread."""
    return POSTGRESQL


@pytest.mark.usefixtures("store")
def test_what_is_told_of_sims_lies_on_machines(database: str) -> None:
    """Else a join of it with SIMs is refused, or carries whole tables to the coordinator."""
    telling = {table for (table,) in rows_of(database, TABLES_WITH_SIMS)}
    assert telling >= {*OF_SIMS, SHARD_TURNS}
    assert telling - {*OF_SIMS, SHARD_TURNS, *SHARED} == set(OF_NUMBERS), (
        "list the new table in store/engines/spread.py; what is told of IMSIs and MSISDNs alone is"
        " joined with nothing"
    )


def test_a_table_in_a_comment_is_not_asked_for() -> None:
    copied = frozenset(SHARED)
    commented = "-- As in UPDATE accounts, for sims.\nUPDATE users SET name = 'x';"
    assert not needs_machines(commented, copied)
    assert needs_machines("-- All of them.\nDELETE FROM sims;", copied)


def test_numbers_need_machines_where_an_earlier_program_spread_the_store() -> None:
    change = "INSERT INTO sources (name) VALUES (:name);"
    assert not needs_machines(change, frozenset(SHARED))
    assert needs_machines(change, frozenset({*SHARED, "sources"}))


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

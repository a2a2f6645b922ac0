from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.operations import verify as verify_module
from tallystick.operations.verify import Deviation, Difference, Verified, verify
from tallystick.thingspace.rows import wire_row
from tests.engines import change
from tests.worlds import facts

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.engines import Stores
    from tests.worlds import Fact

HOME, AWAY = Imei.parse("352099001761481"), Imei.parse("357152091234562")
SEEN_AT = parse_moment("2026-03-05T10:00:00Z")
SIMS = 10


@pytest.fixture
def fleet(store: Store) -> Store:
    """SIMs of which every second one was seen where it does not belong."""
    iccids = [Iccid.parse(f"8914800000080000{n:04d}") for n in range(SIMS)]
    with store.transaction() as writer:
        writer.take_sims([Sim(iccid, None, "a", SEEN_AT, "4G") for iccid in iccids])
        writer.take_expectations([SimExpectation(iccid, BEGINNING, HOME) for iccid in iccids])
        writer.take_activations(
            [
                SimActivation(iccid, SEEN_AT, AWAY if n % 2 else HOME)
                for n, iccid in enumerate(iccids)
            ]
        )
    return store


def differences(store: Store) -> list[Difference]:
    return [
        difference for verified in verify(store, wire_row) for difference in verified.differences
    ]


def faults(store: Store) -> list[Deviation]:
    return [difference.deviation for difference in differences(store)]


def test_an_empty_store_has_nothing_to_verify(store: Store) -> None:
    assert list(verify(store, wire_row)) == []


def test_a_store_as_the_rule_has_it_has_no_differences(fleet: Store) -> None:
    assert list(verify(fleet, wire_row)) == [Verified(SIMS, SIMS // 2, ())]


def test_ranges_add_up_to_the_whole(fleet: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_module, "SIMS_A_RANGE", 3)
    ranges = list(verify(fleet, wire_row))
    assert [verified.sims for verified in ranges] == [3, 3, 3, 1]
    assert sum(verified.rows for verified in ranges) == SIMS // 2


def test_rows_taken_away_are_missing(fleet: Store, database: str) -> None:
    change(database, "DELETE FROM mismatches")
    assert faults(fleet) == [Deviation.MISSING] * (SIMS // 2)


def test_rows_of_sims_that_were_as_expected_are_surplus(fleet: Store, database: str) -> None:
    mismatched = "WHERE iccid IN (SELECT iccid FROM mismatches)"
    change(database, f"UPDATE expectations SET imei = {int(AWAY)} {mismatched}")  # noqa: S608
    assert faults(fleet) == [Deviation.SURPLUS] * (SIMS // 2)


def test_rows_of_sims_that_are_not_loaded_are_surplus(fleet: Store, database: str) -> None:
    change(database, "DELETE FROM sims")
    assert faults(fleet) == [Deviation.SURPLUS] * (SIMS // 2)


@pytest.mark.parametrize(
    "column", ["wire = substr(wire, 2)", "pre_imei = pre_imei + 4", "generation = '5G'"]
)
def test_every_column_counts(fleet: Store, database: str, column: str) -> None:
    change(database, f"UPDATE mismatches SET {column}")  # noqa: S608 - one of the above
    assert faults(fleet) == [Deviation.DIFFERING] * (SIMS // 2)


def test_a_row_that_moved_to_another_account_shows_both(fleet: Store, database: str) -> None:
    change(
        database,
        "INSERT INTO accounts (name) VALUES ('b'); "
        "UPDATE mismatches SET account_id = account_id + 1",
    )
    first = differences(fleet)[0]
    assert first.kept
    assert first.right
    assert (first.kept.account, first.right.account) == ("b", "a")


def test_facts_behind_the_refresh_are_seen(fleet: Store, database: str) -> None:
    change(database, "UPDATE expectations SET imei = imei + 400")
    assert Deviation.MISSING in faults(fleet)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(facts)
def test_whatever_was_taken_in_passes_and_what_is_taken_out_is_missed(
    stores: Stores, world: list[Fact]
) -> None:
    with stores.fresh() as store:
        with store.transaction() as writer:
            for fact in world:
                writer.take(type(fact), [fact])
        assert differences(store) == []
        rows = sum(verified.rows for verified in verify(store, wire_row))
        stores.change("DELETE FROM mismatches")
        assert faults(store) == [Deviation.MISSING] * rows

"""Damage that is found: flipped bytes of the file, and values that no fact can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from tallystick.core.allowed import Allowed
from tallystick.core.errors import StoreBroken
from tallystick.core.facts import GroupMember, SimExpectation
from tallystick.core.moments import BEGINNING
from tallystick.operations.integrity import Damage, check_integrity
from tallystick.operations.verify import verify
from tallystick.store import open_store
from tallystick.store.engines.sqlite import path_of
from tallystick.thingspace.rows import wire_row
from tests.engines import SQLITE, change, empty_sqlite_file
from tests.store.few import FOREIGN, HOME, ICCIDS, MDN, ONE, expected, seen, sim, take

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

PAGE_BYTES = 4096
FILLED = 300  # SIMs, so that tables and indexes have several pages


def damage_in(store: Store) -> list[Damage]:
    return [finding for check in check_integrity(store) for finding in check.damage]


@pytest.fixture
def fleet(store: Store) -> Store:
    """Something of every kind."""
    take(store, sim(ONE, mdn=MDN), expected(ONE, HOME), seen(ONE, FOREIGN))
    with store.transaction() as writer:
        writer.take(GroupMember, [GroupMember("a", "West", ONE)])
    return store


def test_a_sound_store_has_no_damage(fleet: Store) -> None:
    checks = list(check_integrity(fleet))
    assert [damage for check in checks for damage in check.damage] == []
    assert {"names", "SIMs", "expectations", "activations", "kept rows", "group members"} <= {
        check.check for check in checks
    }


@pytest.mark.parametrize(
    "text", ["35209900", "352099001761481|35715209", "nowhere", "none", "35209900176148"]
)
def test_every_form_of_an_expectation_is_sound(store: Store, text: str) -> None:
    take(store, sim(ONE), SimExpectation(ONE, BEGINNING, Allowed.parse(text)), seen(ONE, FOREIGN))
    assert damage_in(store) == []


@pytest.mark.parametrize(
    ("table", "change_of", "kind"),
    [
        ("sims", "iccid = iccid + 3", "SIMs"),
        ("sims", "iccid = iccid + (1 << 62)", "SIMs"),
        ("sims", "iccid = -1", "SIMs"),
        ("sims", "iccid = (iccid / 4 + 1) * 4", "SIMs"),
        ("sims", "mdn = mdn + 7", "SIMs"),
        ("sims", "mdn = mdn + 8", "SIMs"),
        ("sims", "mdn = -8", "SIMs"),
        ("sims", "activation_date = activation_date + (1 << 60)", "SIMs"),
        ("sims", "generation = ''", "SIMs"),
        ("expectations", "imei = imei + 3", "expectations"),
        ("expectations", "imei = imei + (1 << 60)", "expectations"),
        ("expectations", "imei = -3", "expectations"),
        ("expectations", "imei = -1000", "expectations"),
        ("expectations", "effective_from = -(1 << 60)", "expectations"),
        ("activations", "imei = imei + 4", "activations"),
        ("activations", "imei = -imei", "activations"),
        ("activations", "iccid = iccid - (1 << 62)", "activations"),
        ("activations", "activated_at = activated_at + (1 << 60)", "activations"),
        ("mismatches", "post_imei = post_imei + (1 << 60)", "kept rows"),
        ("mismatches", "account_id = 99", "kept rows"),
        ("group_members", "iccid = iccid + 3", "group members"),
    ],
)
def test_a_value_that_no_fact_can_have_is_found_by_its_kind(
    fleet: Store, database: str, table: str, change_of: str, kind: str
) -> None:
    big = change_of.replace("1 <<", "CAST(1 AS bigint) <<" if "sqlite" not in database else "1 <<")
    change(database, f"UPDATE {table} SET {big}")  # noqa: S608 - one of the above
    (finding,) = [finding for finding in damage_in(fleet) if finding.check == kind]
    assert finding.text.startswith(f"1 {kind} with values that none can have, the first of SIM ")


def test_a_name_that_no_account_can_have_is_found(fleet: Store, database: str) -> None:
    function = "char" if "sqlite" in database else "chr"
    change(database, f"UPDATE accounts SET name = 'a' || {function}(7)")  # noqa: S608
    (finding,) = damage_in(fleet)
    assert finding.check == "names"


def pages_of(path: Path, name: str) -> tuple[int, int]:
    """Where the first page of a table or an index begins in the file, and how long a page is."""
    connection = apsw.Connection(str(path))
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).get
    size = connection.execute("PRAGMA page_size").get
    connection.close()
    return (root - 1) * size, size


@pytest.mark.parametrize("name", ["sims_by_mdn", "mismatches_by_sim", "activations", "sims"])
@pytest.mark.parametrize("flipped", [0x01, 0x40, 0xFF])
def test_flipped_bytes_of_a_file_are_found(tmp_path: Path, name: str, flipped: int) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        with store.transaction() as writer:
            writer.take_sims([sim(iccid, mdn=MDN) for iccid in ICCIDS[:FILLED]])
            writer.take_expectations([expected(iccid, HOME) for iccid in ICCIDS[:FILLED]])
            writer.take_activations([seen(iccid, FOREIGN) for iccid in ICCIDS[:FILLED]])
    path = path_of(database)
    start, size = pages_of(path, name)
    content = bytearray(path.read_bytes())
    for place in range(start + 200, start + size, 97):
        content[place] ^= flipped
    path.write_bytes(content)
    with open_store(database, wire_row) as store:
        assert damage_in(store)


def test_who_meets_a_page_that_is_none_is_told_where_repairing_is_described(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    content = empty_sqlite_file()
    path.write_bytes(content[:PAGE_BYTES] + b"\xa5" * (len(content) - PAGE_BYTES))
    with (
        pytest.raises(StoreBroken, match="malformed; see docs/howto/repair-a-damaged-store"),
        open_store(f"sqlite:///{path}", wire_row) as store,
        store.snapshot() as reader,
    ):
        reader.wire_zone()


def test_an_index_that_lacks_a_row_is_found_though_the_answer_follows(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        take(store, sim(ONE, mdn=MDN), expected(ONE, HOME), seen(ONE, FOREIGN))
    connection = apsw.Connection(str(path_of(database)))
    connection.execute("PRAGMA writable_schema = ON")
    where = "UPDATE sqlite_schema SET sql = replace(sql, 'WHERE mdn', 'WHERE 0 AND mdn')"
    connection.execute(f"{where} WHERE name = 'sims_by_mdn'")
    connection.close()
    connection = apsw.Connection(str(path_of(database)))
    connection.execute("REINDEX sims_by_mdn")
    connection.execute("PRAGMA writable_schema = ON")
    back = "UPDATE sqlite_schema SET sql = replace(sql, 'WHERE 0 AND mdn', 'WHERE mdn')"
    connection.execute(f"{back} WHERE name = 'sims_by_mdn'")
    connection.close()
    with open_store(database, wire_row) as store:
        assert [
            difference for part in verify(store, wire_row) for difference in part.differences
        ] == []
        (finding,) = damage_in(store)
    assert (finding.check, "sims_by_mdn" in finding.text) == ("tables and indexes", True)


def test_what_amcheck_finds_is_damage_and_ends_no_other_check(
    fleet: Store, database: str, engine: str
) -> None:
    """The extension is not in every server, so that a function of its name stands in for it."""
    if engine == SQLITE:
        pytest.skip("PostgreSQL's own check")
    change(
        database,
        """
        CREATE FUNCTION bt_index_check(checked regclass, heapallindexed boolean) RETURNS void AS $$
        BEGIN
            IF checked = CAST('sims_by_mdn' AS regclass) THEN
                RAISE EXCEPTION 'heap tuple lacks matching index tuple' USING ERRCODE = 'XX002';
            END IF;
        END
        $$ LANGUAGE plpgsql
        """,
    )
    checks = list(check_integrity(fleet))
    assert {"mismatches_pkey", "sims_by_mdn", "SIMs"} <= {check.check for check in checks}
    (finding,) = [finding for check in checks for finding in check.damage]
    assert finding.check == "sims_by_mdn"
    assert "heap tuple lacks matching index tuple" in finding.text

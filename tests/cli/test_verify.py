from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tallystick.fleet import accounts
from tallystick.store import unfinished
from tests.engines import damage

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.cli.conftest import Run


def spoil(store: Store, statement: str) -> None:
    """Change the kept answer behind the store's back."""
    store.close()
    apsw.Connection("tallystick.db").execute(statement)


@pytest.mark.usefixtures("example")
def test_a_store_as_the_rule_has_it_passes(run: Run) -> None:
    result = run("verify")
    assert (result.exit_code, result.stdout) == (
        0,
        "2 SIMs, 1 row kept: every one as the rule has it\n",
    )


def test_a_missing_row_is_shown_and_exits_with_1(run: Run, example: Store) -> None:
    spoil(example, "DELETE FROM mismatches")
    result = run("verify")
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "missing row of SIM 89148000000800784259 at 2017-12-02T00:00:00Z\n    right "
    )
    assert result.stdout.endswith("2 SIMs, 0 rows kept: 1 missing, 0 surplus, 0 differing\n")


def test_a_row_that_reads_differently_shows_both_sides_as_json(run: Run, example: Store) -> None:
    spoil(example, "UPDATE mismatches SET wire = x'7b7d'")
    result = run("verify", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    (difference,) = told.pop("differences")
    assert told == {"sims": 2, "rows": 1, "missing": 0, "surplus": 0, "differing": 1}
    assert ' {} {"cause":' in difference["kept"]
    assert '"simOtaDate":"2017-12-02T00:00:00Z"' in difference["right"]


def test_no_more_than_twenty_are_shown_and_all_are_counted(run: Run, store: Store) -> None:
    spoil(
        store,
        """
        INSERT INTO accounts (name) VALUES ('a');
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)
        INSERT INTO mismatches
            (account_id, generation, activated_at, iccid, post_imei, pre_imei, wire)
        SELECT 1, '4G', 0, i, 400, 800, x'7b7d' FROM n
        """,
    )
    lines = run("verify").stdout.splitlines()
    assert sum(line.startswith("surplus") for line in lines) == 20
    assert lines[-2:] == ["and 5 more", "0 SIMs, 25 rows kept: 0 missing, 25 surplus, 0 differing"]


def test_a_sound_store_passes_its_integrity_checks(run: Run, example: Store) -> None:
    example.close()
    result = run("verify", "--integrity")
    assert result.exit_code == 0
    first, last = result.stdout.splitlines()
    assert first.startswith("no damage found; checked: tables and indexes, references, names, SIMs")
    assert last == "2 SIMs, 1 row kept: every one as the rule has it"


def test_damage_that_changes_no_row_is_found_by_integrity_alone(run: Run, example: Store) -> None:
    # The SIM of the published example has one activation before the one that is reported.
    spoil(example, "UPDATE sims SET activation_date = 1 << 60 WHERE mdn IS NULL")
    spoil(example, "INSERT INTO activations VALUES (7, 1 << 60, 3)")
    assert run("verify").exit_code == 0
    result = run("verify", "--integrity")
    assert result.exit_code == 1
    assert "damage: activations: 1 activations with values that none can have" in result.stdout
    assert "docs/howto/repair-a-damaged-store.md" in result.stdout
    answer = json.loads(run("verify", "--integrity", "--json").stdout)
    assert [finding["check"] for finding in answer["damage"]] == ["activations"]
    assert answer["missing"] == answer["surplus"] == answer["differing"] == 0


def test_a_store_that_cannot_be_read_further_is_told_with_what_was_found(
    run: Run, example: Store
) -> None:
    example.close()
    damage(Path("tallystick.db"), "mismatches")
    answer = json.loads(run("verify", "--integrity", "--json").stdout)
    checks = [finding["check"] for finding in answer["damage"]]
    assert checks[0] == "tables and indexes"
    assert checks[-1] == "kept answer"


def test_rows_that_differ_for_unfinished_work_are_told_with_what_to_do(
    run: Run, example: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "SIMS_A_PART", 1)
    with example.transaction() as writer:
        (account, *_) = [name for name in writer.accounts() if name.startswith("0212398765")]
        accounts.rename(writer, account, "renamed")
    result = run("verify")
    assert "run `tallystick init`" in result.stderr
    assert run("init").exit_code == 0
    assert run("verify").stderr == ""

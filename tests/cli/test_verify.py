from __future__ import annotations

import json
from typing import TYPE_CHECKING

import apsw
import pytest

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
        "2 SIMs, 1 rows kept: every one as the rule has it\n",
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

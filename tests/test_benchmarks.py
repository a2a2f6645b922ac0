"""What benchmarks leave out for comparison is left out, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.processes import command, environment, import_of, run, undoubted

if TYPE_CHECKING:
    from pathlib import Path


def test_the_import_that_looks_for_no_doubts_takes_the_same_facts_in(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    run(command("init"), environment(address))
    file = tmp_path / "expectations.csv"
    file.write_text(
        "iccid,imei\n"
        "89148000000800000011,000000000000000\n"
        "89148000000800000021,000000000000000\n"
        "89148000000800000021,352099001761481\n",
        "utf-8",
    )
    words = undoubted("import", "expectations", str(file), "--json")
    without = json.loads(run(words, environment(address)).printed)
    usual = json.loads(import_of(address, "expectations", file).printed)
    assert (without["accepted"], without["doubts"]) == (3, {})
    assert {
        "unknown_sims",
        "iccid_check_digit",
        "several_values",
        "placeholder_imei",
    } <= usual["doubts"].keys()

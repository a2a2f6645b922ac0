from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FLEET = ("synth", "--sims", "50", "--months", "3", "--seed", "1", "--out", "fleet")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_synth_names_the_files_that_it_wrote(run: Run, form: str) -> None:
    result = run(*FLEET, "--format", form)
    assert sorted(result.stdout.split()) == sorted(
        f"fleet/{kind}.{form}"
        for kind in ("sims", "expectations", "activations", "groups", "types")
    )
    assert sorted(str(path) for path in Path("fleet").iterdir()) == sorted(result.stdout.split())


def test_the_same_seed_and_end_give_the_same_files(run: Run) -> None:
    run(*FLEET, "--until", "2026-05-20")
    first = {path.name: path.read_bytes() for path in Path("fleet").iterdir()}
    run(*FLEET, "--until", "2026-05-20")
    assert {path.name: path.read_bytes() for path in Path("fleet").iterdir()} == first


@pytest.mark.parametrize("until", ["yesterday", "1999-12-31"])
def test_an_end_that_is_no_usable_date_is_wrong_usage(run: Run, until: str) -> None:
    assert run(*FLEET, "--until", until).exit_code == 2


def test_a_scenario_has_its_labels_beside_the_files(run: Run) -> None:
    result = run(
        "synth",
        "--sims",
        "6000",
        "--months",
        "3",
        "--seed",
        "1",
        "--out",
        "fleet",
        "--scenario",
        "theft",
    )
    assert "fleet/labels.csv" in result.stdout.split()
    header, *lines = Path("fleet/labels.csv").read_text("utf-8").splitlines()
    assert header == "iccid,label"
    assert {line.split(",")[1] for line in lines} == {"theft"}


@pytest.mark.parametrize(
    "words", [("--scenario", "war"), ("--scenario", "all", "--sims", "20000000")]
)
def test_a_scenario_that_cannot_be_made_is_wrong_usage(run: Run, words: tuple[str, ...]) -> None:
    assert run(*FLEET, *words).exit_code == 2

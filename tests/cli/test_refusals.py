from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tests.cli.conftest import WINDOW, Run, Start
from tests.listening import wait_until

if TYPE_CHECKING:
    from tallystick.store import Store

COMMANDS_THAT_NEED_A_STORE = [
    ("report", *WINDOW),
    ("history", "89148000000800784259"),
    ("verify",),
    ("app", "add", "meter"),
    ("account", "list"),
    ("group", "put", "A", "West", "89148000000800784259"),
    ("sim", "move", "89148000000800784259", "--to", "A"),
    ("user", "list"),
    ("user", "unlock", "anna"),
]


@pytest.mark.parametrize("words", COMMANDS_THAT_NEED_A_STORE, ids=" ".join)
def test_a_missing_store_is_refused_in_one_line_that_says_what_to_do(
    run: Run, words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert (
        result.stderr
        == "error: tallystick.db: there is no store; make one with `tallystick init`\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("report", *WINDOW, "--format", "json"),
        ("history", "89148000000800784259", "--json"),
        ("verify", "--json"),
        ("app", "add", "meter", "--json"),
        ("account", "remove", "A", "--json"),
        ("sim", "show", "89148000000800784259", "--json"),
    ],
    ids=" ".join,
)
def test_programs_get_refusals_as_json(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "store-missing"
    assert set(error) == {"code", "message"}


def test_a_setting_that_there_is_not_is_refused_by_name(run: Run) -> None:
    result = run("settings", env={"TALLYSTICK_DATABSE": "sqlite:///x.db"})
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: TALLYSTICK_DATABSE: there is no such setting; did you mean"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("report",),
        ("history",),
        ("synth", "--sims", "0"),
        ("serve", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_what_should_not_happen_is_one_line_that_asks_for_a_report(
    start: Start, example: Store
) -> None:
    example.close()
    apsw.Connection("tallystick.db").execute("UPDATE mismatches SET wire = x'00'")
    process = start("report", *WINDOW, "--format", "csv")
    told = process.communicate()[1].decode()
    assert process.returncode == 1
    assert told.startswith("error: this should not have happened; please report it: DecodeError: ")
    assert told.count("\n") == 1


def test_an_interrupt_exits_with_130_and_leaves_no_scratch_behind(start: Start) -> None:
    process = start("synth", "--sims", "500000", "--months", "3", "--seed", "1", "--out", "fleet")
    wait_until(lambda: list(Path().glob("fleet/.synth-*")))
    time.sleep(0.2)  # the folder is there a moment before who removes it is
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130
    assert not list(Path().glob("fleet/.synth-*"))

"""`tallystick audit`, and what commands leave in it."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.generate import command_tree
from tallystick.cli.command import RecordedCommand
from tallystick.clock import system_clock
from tallystick.core.acts import AS_CALLS
from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY, Moment
from tests.cli.conftest import WINDOW

if TYPE_CHECKING:
    from tests.cli.conftest import Run

READING = {
    *("account list", "account show", "app list", "app show", "audit list", "audit prune"),
    "audit verify",
    *("callbacks list", "corrections summary", "coverage", "demo", "doctor"),
    *("expectations changes", "expectations log", "expectations show", "explanations list"),
    *("group list", "group show", "history", "imports list", "imports show", "man", "maps"),
    *("maps show", "serve"),
    *("settings", "sim list", "sim show", "synth", "user list"),
    *("user sessions", "user show", "user tokens", "verify"),
}
"""Commands that change nothing in the store of the settings, or, like `demo`, in one of theirs.

`audit prune` leaves a record of its own.
"""


def records_of(run: Run) -> list[dict[str, Any]]:
    """The records, the oldest first."""
    result = run("audit", "list", "--json")
    assert result.exit_code == 0, result.output
    return list(reversed(json.loads(result.stdout)["records"]))


def test_every_command_is_recorded_or_said_to_change_nothing() -> None:
    named = {}
    for path, command in command_tree():
        if not hasattr(command, "commands"):
            named[" ".join(path[1:])] = isinstance(command, RecordedCommand)
    assert {name for name, is_recorded in named.items() if not is_recorded} == READING & set(named)


def test_a_command_that_is_recorded_under_another_name_is_there() -> None:
    commands = {".".join(path[1:]) for path, _ in command_tree()}
    assert set(AS_CALLS) <= commands


@pytest.mark.usefixtures("example")
def test_a_command_and_a_call_that_do_the_same_are_recorded_alike(run: Run) -> None:
    assert run("account", "rename", "0212398765-00001", "other").exit_code == 0
    assert records_of(run)[-1]["action"] == "account.change"


@pytest.mark.usefixtures("store")
def test_old_records_are_removed_and_the_others_proved_from_there_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    months_ago = Moment(system_clock() - 100 * SECONDS_A_DAY * MICROSECONDS_A_SECOND)
    with monkeypatch.context() as patch:
        patch.setattr("tallystick.cli.command.system_clock", lambda: months_ago)
        for name in ("a", "b"):
            assert run("account", "add", name).exit_code == 0
    assert run("account", "add", "c").exit_code == 0
    assert json.loads(run("audit", "prune", "--keep-days", "101", "--json").stdout) == {
        "removed": 0
    }
    assert run("audit", "prune", "--keep-days", "99").stdout == "2 records were removed\n"
    kept = [(record["action"], record["via"]) for record in records_of(run)]
    assert kept == [("account.add", "command"), ("audit.prune", "command")]
    assert run("audit", "verify").exit_code == 0


@pytest.mark.usefixtures("store")
def test_a_command_is_recorded_with_the_systems_user_and_without_a_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    words = ("user", "add", "ann", "--account", "0342", "--role", "editor", "--password-stdin")
    assert run(*words, stdin="correct horse\n").exit_code == 0
    assert run("user", "add", "ann", "--password-stdin", stdin="correct horse\n").exit_code == 1
    (record,) = records_of(run)
    assert record["actor"] == pwd.getpwuid(os.getuid()).pw_name
    assert (record["via"], record["action"], record["subject"], record["outcome"]) == (
        *("command", "user.add", "ann", "done"),
    )
    assert record["details"]["role"] == "editor"
    assert "horse" not in json.dumps(record)


@pytest.mark.usefixtures("store")
def test_an_import_is_recorded_when_it_begins_and_when_it_ends(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sims.csv"
    file.write_text(
        "iccid,account,activation_date\n89148000000800784259,0342,2024-01-01\n7,0342,2024-01-01\n"
    )
    assert run("import", "sims", str(file)).exit_code == 3
    begun, ended = records_of(run)
    assert (begun["action"], begun["outcome"], ended["outcome"]) == ("import.file", "begun", "done")
    assert ended["subject"] == f"sims/{file}"
    assert ended["details"]["kind"] == "sims"
    assert (ended["details"]["accepted"], ended["details"]["rejected"]) == (1, 1)


@pytest.mark.usefixtures("example")
def test_a_removed_sim_is_named_in_part(run: Run) -> None:
    assert run("sim", "remove", "89148000000800784259").exit_code == 0
    last = records_of(run)[-1]
    assert (last["action"], last["outcome"]) == ("sim.remove", "done")
    assert "89148000000800784259" not in json.dumps(last)


@pytest.mark.usefixtures("example")
def test_a_report_is_an_export_where_it_goes_to_a_file(run: Run) -> None:
    before = len(records_of(run))
    assert run("report", *WINDOW).exit_code == 0
    assert len(records_of(run)) == before
    assert run("report", *WINDOW, "--output", "rows.csv", "--format", "csv").exit_code == 0
    last = records_of(run)[-1]
    assert (last["action"], last["details"]["output"]) == ("mismatches.export", "rows.csv")


@pytest.mark.usefixtures("example")
def test_who_would_approve_their_own_proposal_is_recorded_as_refused(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "expectations.csv"
    file.write_text("iccid,imei\n89148000000800784259,987603420573553\n")
    assert run("import", "expectations", str(file), "--propose", "--as", "ann").exit_code == 0
    assert run("expectations", "approve", "2", "--as", "ann").exit_code == 1
    last = records_of(run)[-1]
    assert (last["action"], last["subject"]) == ("change-set.approve", "2")
    assert last["outcome"] == "refused: own-proposal"


@pytest.mark.usefixtures("store")
def test_an_export_proves_itself_and_verify_names_what_was_changed(run: Run) -> None:
    for name in ("a", "b"):
        assert run("account", "add", name).exit_code == 0
    mark = json.loads(run("audit", "verify", "--json").stdout)["mark"]
    assert run("audit", "export", "--output", "audit.ndjson").exit_code == 0
    before = bytes(32)
    for line in Path("audit.ndjson").read_text("utf-8").splitlines():
        record = json.loads(line)
        details = json.dumps(record["details"], ensure_ascii=False, separators=(",", ":"))
        names = ("via", "actor", "action", "subject", "address", "outcome", "request_id")
        said = [record["number"], record["at_us"], *(record[name] for name in names), details]
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256(before + text.encode()).digest()
        assert before.hex() == record["digest"]
    assert mark == f"2:{before.hex()}"
    assert run("audit", "verify", "--known", mark).exit_code == 0
    result = run("audit", "verify", "--known", f"1:{before.hex()}")
    assert result.exit_code == 1
    assert "record 1 has another digest" in result.output
    assert run("audit", "verify", "--known", "x").exit_code == 2

from __future__ import annotations

import json
import os
from secrets import token_bytes
from typing import TYPE_CHECKING

import pytest

from tallystick.clock import system_clock
from tallystick.core.errors import PasswordRefused
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from tallystick.access import Access
    from tallystick.store import Store
    from tests.cli.conftest import Run, Start

SECRET = "correct horse"


@pytest.fixture
def access(store: Store) -> Access:
    return quick_access(store, system_clock, token_bytes)


def test_an_app_gets_a_key_and_a_secret_that_open_the_gateway(run: Run, access: Access) -> None:
    made = json.loads(run("app", "add", "meter", "--json").stdout)
    assert set(made) == {"key", "secret"}
    assert access.issue_token(made["key"], made["secret"]).scope == "m2m"


def test_an_app_may_have_several_scopes(run: Run, access: Access) -> None:
    made = json.loads(
        run("app", "add", "meter", "--scope", "m2m", "--scope", "intake", "--json").stdout
    )
    assert access.issue_token(made["key"], made["secret"]).scope == "m2m intake"


@pytest.mark.usefixtures("store")
def test_people_are_told_that_the_secret_is_shown_once(run: Run) -> None:
    result = run("app", "add", "meter")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["key", "secret"]
    assert "cannot be shown again" in result.stderr


@pytest.mark.usefixtures("store")
def test_a_second_app_of_a_name_is_refused(run: Run) -> None:
    run("app", "add", "meter")
    error = json.loads(run("app", "add", "meter", "--json").stderr)["error"]
    assert error["code"] == "name-taken"


@pytest.mark.usefixtures("store")
def test_a_scope_that_there_is_not_is_wrong_usage(run: Run) -> None:
    assert run("app", "add", "meter", "--scope", "everything").exit_code == 2


def test_a_user_logs_in_with_the_password_from_standard_input(run: Run, access: Access) -> None:
    assert (
        run(
            "user", "add", "anna", "--all-accounts", "--password-stdin", stdin=f"{SECRET}\n"
        ).exit_code
        == 0
    )
    assert access.login("anna", SECRET)


@pytest.mark.usefixtures("store")
def test_without_a_terminal_the_password_has_to_be_handed_in(run: Run) -> None:
    result = run("user", "add", "anna", stdin=f"{SECRET}\n")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr


@pytest.mark.usefixtures("store")
def test_an_empty_password_is_refused(run: Run) -> None:
    assert run("user", "add", "anna", "--password-stdin", stdin="").exit_code == 1


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    start: Start, access: Access
) -> None:
    terminal, end = os.openpty()
    process = start("user", "add", "anna", "--all-accounts", stdin=end)
    assert process.stderr
    asked = b""
    for prompts in (1, 2):
        while asked.count(b": ") < prompts:
            asked += os.read(process.stderr.fileno(), 100)
        os.write(terminal, f"{SECRET}\n".encode())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"user anna added\n"), err
    assert SECRET.encode() not in asked + err
    assert access.login("anna", SECRET)
    os.close(end)
    os.close(terminal)


@pytest.mark.usefixtures("store")
def test_the_list_says_what_users_see_and_may_do(run: Run) -> None:
    run("user", "add", "anna", "--all-accounts", "--password-stdin", stdin=SECRET)
    options = ("--account", "0342077109-00001", "--role", "approver", "--password-stdin")
    run("user", "add", "berta", *options, stdin=SECRET)
    lines = run("user", "list").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["user", "role", "accounts", "locked"],
        ["anna", "viewer", "all"],
        ["berta", "approver", "0342077109-00001"],
    ]


@pytest.mark.usefixtures("store")
def test_the_role_of_a_user_is_changed_alone(run: Run) -> None:
    run("user", "add", "anna", "--all-accounts", "--password-stdin", stdin=SECRET)
    changed = run("user", "change", "anna", "--role", "operator", "--json").stdout
    assert (json.loads(changed)["role"], json.loads(changed)["all_accounts"]) == ("operator", True)
    assert run("user", "change", "anna", "--role", "king").exit_code == 2


@pytest.mark.usefixtures("store")
def test_a_user_without_accounts_is_made_with_a_warning(run: Run) -> None:
    result = run("user", "add", "carla", "--password-stdin", stdin=SECRET)
    assert result.exit_code == 0
    assert "no account" in result.stderr


def test_a_locked_user_is_listed_so_until_unlocked(run: Run, access: Access) -> None:
    run("user", "add", "anna", "--all-accounts", "--password-stdin", stdin=SECRET)
    for _ in range(5):
        with pytest.raises(PasswordRefused):
            access.login("anna", "wrong")
    assert run("user", "list").stdout.splitlines()[1].split() == [
        "anna",
        "viewer",
        "all",
        "locked",
    ]
    assert run("user", "unlock", "anna").exit_code == 0
    assert access.login("anna", SECRET)


@pytest.mark.usefixtures("store")
def test_a_user_that_there_is_not_cannot_be_unlocked(run: Run) -> None:
    result = run("user", "unlock", "nobody")
    assert (result.exit_code, result.stderr) == (1, "error: there is no user 'nobody'\n")


def test_secrets_overlap_and_tokens_and_sessions_end_by_command(run: Run, access: Access) -> None:
    old = json.loads(run("app", "add", "loader", "--valid-days", "30", "--json").stdout)
    new = json.loads(run("app", "rotate", "loader", "--overlap-h", "24", "--json").stdout)
    for pair in (old, new):
        access.issue_token(pair["key"], pair["secret"])
    shown = json.loads(run("app", "show", "loader", "--json").stdout)
    assert (len(shown["secrets"]), len(shown["tokens"])) == (2, 2)
    assert "until 20" in run("app", "list").stdout
    assert run("app", "end-tokens", "loader").stdout == "2 tokens ended\n"

    added = run("user", "add", "ann", "--all-accounts", "--password-stdin", stdin="correct horse\n")
    assert added.exit_code == 0
    access.login("ann", "correct horse")
    (session,) = json.loads(run("user", "sessions", "ann", "--json").stdout)["sessions"]
    assert session["of"] == "calls"
    assert run("user", "end-sessions", "ann", "--session", session["id"]).exit_code == 0
    assert run("user", "sessions", "ann").stdout.split() == [
        "session",
        "begun",
        "last",
        "used",
        "of",
    ]

    token = run("user", "add-token", "ann", "laptop", "--scope", "m2m").stdout.strip()
    assert access.caller_by_personal_token(token, "m2m").user_name == "ann"
    refused = run("user", "add-token", "ann", "ops", "--scope", "admin")
    assert refused.stderr == (
        "error: a token of this user may have m2m by their role and by what they see, not 'admin'\n"
    )
    assert "laptop" in run("user", "tokens", "ann").stdout
    assert run("user", "end-token", "ann", "laptop").exit_code == 0
    assert json.loads(run("user", "tokens", "ann", "--json").stdout) == {"tokens": []}

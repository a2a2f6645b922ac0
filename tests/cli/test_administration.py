"""Accounts, groups, SIMs, users and apps, administered from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.cli import sims
from tallystick.clock import system_clock
from tallystick.core.errors import AppRefused, PasswordRefused
from tallystick.fleet import inventory
from tests.cli.conftest import EXAMPLE, WINDOW, Run
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from tallystick.store import Store

ICCID, NUMBER = "89148000000800784259", "5096300587"
ACCOUNT = "0212398765-00001"
MARCH = ("--earliest", "2026-03-01", "--latest", "2026-04-01")
STRANGER = "89148000000899999999"
UNASSIGNED = "Unassigned Devices"


def told(run: Run, *words: str, status: int = 0, **how: Any) -> Any:  # noqa: ANN401 - whatever it prints
    """What a command prints for programs."""
    result = run(*words, "--json", **how)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def accounts_of(run: Run) -> list[str]:
    """The accounts by name."""
    return [account["name"] for account in told(run, "account", "list")["accounts"]]


# Accounts


@pytest.mark.usefixtures("example")
def test_an_account_is_shown_renamed_and_kept_while_it_has_something(run: Run) -> None:
    assert told(run, "account", "show", ACCOUNT) == {
        "name": ACCOUNT,
        "first_use": "off",
        "approval": "off",
        "sims": 1,
        "groups": 0,
        "users": [],
    }
    assert (
        run("account", "rename", ACCOUNT, "Fleet A").stdout
        == f"account {ACCOUNT} renamed to Fleet A\n"
    )
    assert '"accountName":"Fleet A"' in run("report", *WINDOW, "--format", "json").stdout
    assert run("verify").exit_code == 0
    kept = run("account", "remove", "Fleet A")
    assert (kept.exit_code, kept.stderr) == (
        1,
        "error: account 'Fleet A' is not empty (SIMs: 1); move or remove what it has first\n",
    )


@pytest.mark.usefixtures("store")
def test_an_account_is_added_listed_and_removed(run: Run) -> None:
    assert told(run, "account", "add", "B") == {
        "name": "B",
        "first_use": "off",
        "approval": "off",
        "sims": 0,
        "groups": 0,
        "users": [],
    }
    assert run("account", "list").stdout.split() == ["account", "approval", "B", "off"]
    assert told(run, "account", "remove", "B") == {"removed": "B"}
    assert accounts_of(run) == []


@pytest.mark.usefixtures("store")
def test_an_account_holds_its_sims_to_where_they_were_first_seen(run: Run) -> None:
    sims = f"iccid,account,activation_date\n{STRANGER},B,2026-01-01\n"
    seen = (
        "iccid,imei,activated_at\n"
        f"{STRANGER},35209900176148,2026-03-01\n"
        f"{STRANGER},35209900999999,2026-03-02\n"
    )
    run("import", "sims", "-", stdin=sims)
    run("import", "activations", "-", stdin=seen)
    rows = {}
    for first_use in ("imei", "model", "off"):
        assert (
            told(run, "account", "change", "B", "--first-use", first_use)["first_use"] == first_use
        )
        rows[first_use] = len(run("report", *MARCH, "--format", "ndjson").stdout.splitlines())
    assert rows == {"imei": 1, "model": 0, "off": 0}
    assert run("account", "change", "B", "--first-use", "always").exit_code == 2
    held = told(run, "account", "change", "B", "--approval", "required")
    assert (held["approval"], held["first_use"]) == ("required", first_use)
    assert {"name": "B", "approval": "required"} in told(run, "account", "list")["accounts"]
    assert run("account", "change", "B").exit_code == 2


# Groups


@pytest.mark.usefixtures("example")
def test_a_group_is_filled_by_iccid_and_by_number_and_emptied(run: Run) -> None:
    run("group", "add", ACCOUNT, "West")
    changed = told(run, "group", "put", ACCOUNT, "West", NUMBER)
    assert changed == {"name": "West", "description": "", "is_default": False, "passed_over": []}
    shown = told(run, "group", "show", ACCOUNT, "West")
    assert (shown["sims"], shown["next"]) == ([{"iccid": ICCID, "mdn": NUMBER}], None)
    assert ICCID in run("group", "show", ACCOUNT, "West").stdout
    assert run("group", "take-out", ACCOUNT, "West", ICCID).stdout == "1 of 1 taken out of West\n"
    assert told(run, "group", "show", ACCOUNT, UNASSIGNED)["sims"] == shown["sims"]


@pytest.mark.usefixtures("example")
def test_sims_that_the_account_does_not_have_are_told_and_the_status_says_it(run: Run) -> None:
    run("group", "add", ACCOUNT, "West")
    some = run("group", "put", ACCOUNT, "West", ICCID, STRANGER)
    assert (some.exit_code, some.stdout) == (3, "1 of 2 put in West\n")
    assert some.stderr == f"not of account {ACCOUNT}: {STRANGER}\n"
    assert told(run, "group", "put", ACCOUNT, "West", STRANGER, status=1)["passed_over"] == [
        STRANGER
    ]
    assert run("group", "put", ACCOUNT, "West", "meter").exit_code == 1


@pytest.mark.usefixtures("example")
def test_a_group_is_renamed_described_and_removed(run: Run) -> None:
    run("group", "add", ACCOUNT, "West", "--description", "far")
    run("group", "rename", ACCOUNT, "West", "East")
    assert told(run, "group", "describe", ACCOUNT, "East", "near")["description"] == "near"
    assert [group["name"] for group in told(run, "group", "list", ACCOUNT)["groups"]] == [
        UNASSIGNED,
        "East",
    ]
    assert told(run, "group", "remove", ACCOUNT, "East") == {"removed": "East"}
    refused = run("group", "rename", ACCOUNT, UNASSIGNED, "Mine")
    assert (refused.exit_code, "default group" in refused.stderr) == (1, True)


# SIMs


@pytest.mark.usefixtures("example")
def test_a_sim_is_shown_by_iccid_and_by_number(run: Run) -> None:
    (sim,) = told(run, "sim", "show", NUMBER)["sims"]
    assert (sim["iccid"], sim["account"], sim["group"], sim["waiting"]) == (
        ICCID,
        ACCOUNT,
        UNASSIGNED,
        False,
    )
    assert run("sim", "show", ICCID).stdout.splitlines()[1].split()[:3] == [ICCID, "no", ACCOUNT]


@pytest.mark.usefixtures("example")
def test_sims_are_listed_a_page_at_a_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "SIMS_A_PAGE_MAX", 1)
    whole = [told(run, "sim", "list")]
    while whole[-1]["next"]:
        whole.append(told(run, "sim", "list", "--after", whole[-1]["next"]))
    listed = [sim["iccid"] for page in whole for sim in page["sims"]]
    assert ICCID in listed
    assert listed == sorted(listed)
    assert len(listed) == len(whole) == 2
    result = run("sim", "list")
    assert (result.stdout.split()[0], result.stderr) == (
        "iccid",
        f"there are more: --after {listed[0]}\n",
    )
    assert [sim["iccid"] for sim in told(run, "sim", "list", "--account", ACCOUNT)["sims"]] == [
        ICCID
    ]
    assert (
        run("sim", "list", "--account", "nobody's").stderr
        == 'error: there is no account "nobody\'s"\n'
    )


@pytest.mark.usefixtures("store")
def test_an_empty_store_has_no_sim_to_list(run: Run) -> None:
    assert told(run, "sim", "list") == {"sims": [], "next": None}


@pytest.mark.usefixtures("example")
def test_a_moved_sim_is_reported_in_its_new_account(run: Run) -> None:
    run("account", "add", "B")
    assert (
        run("sim", "move", ICCID, "--to", "B").stdout == "SIMs: 1 moved, 0 unchanged, 0 refused\n"
    )
    assert (
        '"accountName":"B"' in run("report", *WINDOW, "--account", "B", "--format", "json").stdout
    )
    again = told(run, "sim", "move", ICCID, "--to", "B")
    assert again == {"read": 1, "moved": 0, "unchanged": 1, "rejected": 0, "rejects": []}


@pytest.mark.usefixtures("example")
def test_a_file_says_where_each_sim_goes_and_bad_lines_are_told_by_number(run: Run) -> None:
    run("account", "add", "B")
    lines = [
        "ICCID,Account,note",
        f'="{ICCID}",B,returned',
        "",
        f"{STRANGER},B,",
        "12,B,",
        f"{ICCID},nobody's,",
    ]
    Path("moves.csv").write_text("\r\n".join(lines), "utf-8")
    moved = told(run, "sim", "move", "--file", "moves.csv", status=3)
    assert (moved["read"], moved["moved"], moved["rejected"]) == (4, 1, 3)
    assert [(each["line"], each["iccid"]) for each in moved["rejects"]] == [
        (4, STRANGER),
        (5, "12"),
        (6, ICCID),
    ]
    again = run("sim", "move", "--file", "moves.csv")
    assert again.stderr.splitlines()[1] == "moves.csv:5: iccid must be 18-20 digits, not '12'"
    assert again.stdout == "SIMs: 0 moved, 1 unchanged, 3 refused\n"


@pytest.mark.usefixtures("example")
def test_a_file_with_one_iccid_a_line_is_moved_in_short_transactions(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sims, "SIMS_A_TRANSACTION", 2)
    run("account", "add", "B")
    text = "\n".join([STRANGER] * 30 + [ICCID])
    result = run("sim", "move", "--file", "-", "--to", "B", stdin=text)
    assert (result.exit_code, result.stdout) == (3, "SIMs: 1 moved, 0 unchanged, 30 refused\n")
    assert result.stderr.splitlines()[-1] == "and 10 more refused"
    assert told(run, "account", "show", "B")["sims"] == 1


@pytest.mark.usefixtures("example")
def test_nothing_is_moved_where_it_is_not_said_which_sims_go_or_where(run: Run) -> None:
    Path("sims.txt").write_text(ICCID, "utf-8")
    Path("moves.csv").write_text(f"iccid,account\n{ICCID},B\n", "utf-8")
    for words in (
        ("--to", "B"),
        (ICCID,),
        (ICCID, "--file", "sims.txt", "--to", "B"),
        ("--file", "sims.txt"),
        ("--file", "moves.csv", "--to", "B"),
    ):
        assert run("sim", "move", *words).exit_code == 2, words
    assert told(run, "account", "show", ACCOUNT)["sims"] == 1


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_of_sims_is_read_in_the_writing_that_imports_take(
    run: Run, encoding: str, separator: str
) -> None:
    run("account", "add", "B")
    lines = f"ICCID{separator}Account\n{ICCID}{separator}B\n{STRANGER}{separator}B\n"
    Path("moves.csv").write_bytes(lines.encode(encoding))
    moved = run("sim", "move", "--file", "moves.csv")
    assert moved.stdout == "SIMs: 1 moved, 0 unchanged, 1 refused\n"
    assert moved.stderr.startswith("moves.csv:3: ")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "file.csv: cannot be read: No such file or directory"),
        (b"\x81\xff\xfe", "file.csv: line 1 is not UTF-8: save the file as CSV in UTF-8"),
        (
            b"A,B\n",
            "the first line must name the columns, iccid and account, for there are several",
        ),
    ],
    ids=["no file", "no text", "no header"],
)
def test_a_file_that_cannot_be_read_is_refused(
    run: Run, content: bytes | None, reason: str
) -> None:
    if content is not None:
        Path("file.csv").write_bytes(content)
    result = run("sim", "move", "--file", "file.csv", "--to", "B")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {reason}")


@pytest.mark.usefixtures("example")
def test_a_removed_sim_leaves_what_the_network_saw_of_it(run: Run) -> None:
    removed = told(run, "sim", "remove", ICCID, STRANGER, status=3)
    assert (removed["removed"], [each["iccid"] for each in removed["rejects"]]) == (1, [STRANGER])
    assert run("report", *WINDOW, "--format", "json").stdout.strip() == '{"devices":[]}'
    (sim,) = told(run, "sim", "show", ICCID)["sims"]
    assert (sim["waiting"], sim["expectations"], sim["activations"] > 0) == (True, 0, True)
    assert run("sim", "remove", ICCID).exit_code == 1
    for kind in ("sims", "expectations"):
        run("import", kind, str(EXAMPLE / f"{kind}.csv"))
    assert ICCID in run("report", *WINDOW, "--format", "json").stdout


# Users and apps


def test_a_users_accounts_and_password_are_changed(run: Run, store: Store) -> None:
    access = quick_access(store, system_clock, token_bytes)
    run("user", "add", "anna", "--account", "A", "--password-stdin", stdin="first one\n")
    changed = told(
        run,
        "user",
        "change",
        "anna",
        "--account",
        "B",
        "--revoke-account",
        "A",
        "--password-stdin",
        stdin="second one\n",
    )
    assert changed == {
        "name": "anna",
        "role": "viewer",
        "accounts": ["B"],
        "all_accounts": False,
        "locked": False,
    }
    with pytest.raises(PasswordRefused):
        access.login("anna", "first one")
    assert access.login("anna", "second one")
    assert told(run, "user", "change", "anna", "--all-accounts")["all_accounts"]
    assert run("user", "change", "anna", "--no-all-accounts").stdout == "user anna changed\n"
    assert told(run, "user", "show", "anna") == changed
    assert told(run, "user", "list") == {"users": [changed]}
    assert run("user", "change", "anna").exit_code == 2
    assert "'C'" in run("user", "change", "anna", "--revoke-account", "C").stderr
    assert told(run, "user", "unlock", "anna") == changed
    assert told(run, "user", "remove", "anna") == {"removed": "anna"}
    assert told(run, "user", "list") == {"users": []}


def test_an_app_is_listed_changed_rotated_and_removed(run: Run, store: Store) -> None:
    access = quick_access(store, system_clock, token_bytes)
    old = told(run, "app", "add", "meter")
    app = {"name": "meter", "key": old["key"], "scopes": ["m2m"], "token_expires_in_s": None}
    (shown,) = told(run, "app", "list")["apps"]
    assert [each["expires_at"] for each in shown.pop("secrets")] == [None]
    assert shown == app | {"tokens": []}
    assert told(run, "app", "change", "meter", "--scope", "admin")["scopes"] == ["admin"]
    new = run("app", "rotate", "meter")
    assert "cannot be shown again" in new.stderr
    secret = new.stdout.split()[-1]
    with pytest.raises(AppRefused):
        access.issue_token(old["key"], old["secret"])
    assert access.issue_token(old["key"], secret).scope == "admin"
    assert told(run, "app", "show", "meter")["token_expires_in_s"] > 0
    assert run("app", "list").stdout.splitlines()[1].split()[:3] == ["meter", old["key"], "admin"]
    assert run("app", "remove", "meter").stdout == "app meter removed\n"
    assert run("app", "show", "meter").stderr == "error: there is no app 'meter'\n"

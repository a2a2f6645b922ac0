"""`tallystick expectations`, and imports that are tried, proposed and signed."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import WINDOW
from tests.kept import everything_in

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store
    from tests.cli.conftest import Run

ICCID, OLD, SEEN = "89148000000800784259", "990003420535573", "987603420573553"
CORRECTED = f"iccid,imei\n{ICCID},{SEEN}\n"


@pytest.fixture
def corrected(workplace: Path, example: Store) -> str:
    """A file by which the published example's SIM belongs where it was found."""
    assert example.name
    (workplace / "corrected.csv").write_text(CORRECTED)
    return "corrected.csv"


IN_FORCE = """\
iccid,imei,effective_from
89148000000800000011,352099001761481,
89148000000800000029,35209900,2026-03-05T10:00:00.250000Z
89148000000800000037,352099001761481|35715209,2026-03-06T00:00:00Z
89148000000800000045,nowhere,2026-03-07T00:00:00Z
89148000000800000052,none,2026-03-08T00:00:00Z
"""
OUT_OF_FORCE = """\
89148000000800000029,352099001761481,
89148000000800000052,352099001761481,
89148000000800000011,nowhere,2999-01-01T00:00:00Z
"""


@pytest.mark.usefixtures("store")
def test_what_is_in_force_is_exported_and_comes_back_the_same(run: Run) -> None:
    loaded = run("import", "expectations", "-", stdin=IN_FORCE + OUT_OF_FORCE)
    assert loaded.exit_code == 0, loaded.output
    assert run("expectations", "export").stdout == IN_FORCE
    other = {"TALLYSTICK_DATABASE": "sqlite:///other.db"}
    assert run("init", env=other).exit_code == 0
    assert run("import", "expectations", "-", stdin=IN_FORCE, env=other).exit_code == 0
    assert run("expectations", "export", env=other).stdout == IN_FORCE
    at = run("expectations", "export", "--at", "2026-03-01").stdout.splitlines()
    assert [line.split(",")[1] for line in at[1:]] == ["352099001761481"] * 3


@pytest.mark.usefixtures("example")
def test_an_export_may_be_of_one_account_and_go_to_a_file(run: Run, workplace: Path) -> None:
    words = ("expectations", "export", "--output", "file.csv", "--account")
    assert run(*words, "0212398765-00001").exit_code == 0
    assert (workplace / "file.csv").read_text() == f"iccid,imei,effective_from\n{ICCID},{OLD},\n"
    assert "there is no account" in run(*words, "nobody's").stderr


def told(run: Run, *words: str, exit_code: int = 0) -> Any:  # noqa: ANN401 - whatever is told
    """The JSON that a command prints."""
    result = run(*words, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout if exit_code == 0 else result.stderr)


def report(run: Run) -> str:
    """The published example's report, as it goes over the wire."""
    return run("report", *WINDOW, "--format", "json").stdout


def test_a_correction_is_tried_signed_logged_and_undone(
    run: Run, example: Store, corrected: str
) -> None:
    before, facts = report(run), everything_in(example)
    tried = told(run, "import", "expectations", corrected, "--dry-run")["files"][corrected]
    assert (tried["added"], tried["corrected"]) == (0, 1)
    ((closes,), (opens,)) = tried["closes"], tried["opens"]
    assert (closes["iccid"], closes["pre_imei"], closes["post_imei"]) == (ICCID, OLD, SEEN)
    assert (opens["iccid"], opens["pre_imei"], opens["post_imei"]) == (ICCID, SEEN, OLD)
    assert everything_in(example) == facts
    signed = ("--ticket", "OPS-7", "--reason", "swapped at the bench", "--as", "ann")
    assert run("import", "expectations", corrected, *signed).exit_code == 0
    assert f'"postImei":"{OLD}"' in report(run)
    log = told(run, "expectations", "log", ICCID)
    assert [(each["imei"], each["ended_in"] is None) for each in log["values"]] == [
        (OLD, False),
        (SEEN, True),
    ]
    put = log["values"][1]["put_in"]
    assert (put["actor"], put["ticket"], put["reason"]) == ("ann", "OPS-7", "swapped at the bench")
    assert put["detail"].startswith("corrected.csv sha256:")
    undone = told(run, "expectations", "undo", str(put["change_set_id"]), "--as", "bob")
    assert (undone["undoes"], undone["corrected"], undone["actor"]) == (
        put["change_set_id"],
        1,
        "bob",
    )
    assert (report(run), everything_in(example)) == (before, facts)
    refused = told(run, "expectations", "undo", str(put["change_set_id"]), exit_code=1)
    assert refused["error"]["code"] == "change-set-decided"


def test_a_proposal_needs_another_persons_eyes(run: Run, example: Store, corrected: str) -> None:
    facts = everything_in(example)
    number = str(
        told(run, "import", "expectations", corrected, "--propose")["files"][corrected][
            "change_set_id"
        ]
    )
    shown = told(run, "expectations", "show", number)
    assert (shown["state"], shown["actor"], shown["changes_in_all"]) == (
        "proposed",
        getpass.getuser(),
        1,
    )
    assert shown["changes"] == [
        {"iccid": ICCID, "effective_from": None, "old_imei": OLD, "new_imei": SEEN}
    ]
    assert (
        told(run, "expectations", "approve", number, exit_code=1)["error"]["code"] == "own-proposal"
    )
    would = told(run, "expectations", "approve", number, "--dry-run")
    assert (would["corrected"], len(would["closes"])) == (1, 1)
    assert everything_in(example) == facts
    receipt = told(run, "expectations", "approve", number, "--as", "bob")
    assert (receipt["read"], receipt["accepted"], receipt["change_set_id"]) == (1, 1, int(number))
    assert f'"postImei":"{OLD}"' in report(run)
    listed = told(run, "expectations", "changes", "--state", "applied", "--at-most", "1")[
        "change_sets"
    ]
    assert [(each["change_set_id"], each["decided_by"]) for each in listed] == [
        (int(number), "bob")
    ]


def test_a_rejected_proposal_is_told_as_a_call_tells_it(run: Run, corrected: str) -> None:
    proposed = told(run, "import", "expectations", corrected, "--propose", "--as", "ann")
    number = str(proposed["files"][corrected]["change_set_id"])
    rejected = told(run, "expectations", "reject", number, "--as", "bob")
    assert (rejected["state"], rejected["actor"], rejected["decided_by"]) == (
        "rejected",
        "ann",
        "bob",
    )
    assert told(run, "expectations", "changes", "--state", "rejected") == {
        "change_sets": [rejected]
    }


def test_people_are_told_the_same_in_words(run: Run, corrected: str) -> None:
    tried = run("import", "expectations", corrected, "--dry-run").output
    assert "nothing was changed: 0 would be added, 1 corrected" in tried
    assert f"the report would close 1 row\n    {ICCID} {OLD} -> {SEEN}" in tried
    proposed = run("import", "expectations", corrected, "--propose", "--as", "ann").output
    number = proposed.split("proposed as change set ")[1].split()[0]
    assert "proposed" in run("expectations", "changes").output
    assert "actor: ann\n" in run("expectations", "show", number).output
    assert (
        run("expectations", "reject", number, "--as", "bob").output
        == f"change set {number} is rejected\n"
    )
    assert told(run, "expectations", "changes", "--state", "proposed") == {"change_sets": []}
    again = run("import", "expectations", corrected, "--propose", "--as", "ann").output
    number = again.split("proposed as change set ")[1].split()[0]
    approved = run("expectations", "approve", number, "--as", "bob").output
    assert approved.splitlines()[1] == "  1 proposed: 1 accepted, 0 duplicate"
    log = run("expectations", "log", ICCID).output
    assert "the beginning" in log
    assert f"{number}       ann, bob" in log
    assert "1 corrected" in run("expectations", "undo", number).output


def test_bad_lines_are_told_and_the_others_tried_or_proposed(
    run: Run, workplace: Path, corrected: str
) -> None:
    (workplace / corrected).write_text(CORRECTED + "1,2\n")
    for what in ("--dry-run", "--propose"):
        result = run("import", "expectations", corrected, what, "--rejects", "bad.csv", "--json")
        assert result.exit_code == 3
        file = json.loads(result.stdout)["files"][corrected]
        assert (file["read"], file["accepted"], file["rejected"]) == (2, 1, 1)
        assert (workplace / "bad.csv").read_text().count("\n") == 2
        refused = run("import", "expectations", corrected, what, "--max-rejects", "0")
        assert (refused.exit_code, "more than --max-rejects 0" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("sims", "--dry-run"), "identities only"),
        (("activations", "--ticket", "OPS-1"), "identities only"),
        (("groups", "--propose"), "identities only"),
        (("expectations", "--propose", "--dry-run"), "without --propose"),
        (("expectations", "--reason", "x" * 501), "at most 500"),
        (("expectations", "--as", ""), "1-64 printable"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_wrong_usage(
    run: Run, corrected: str, words: tuple[str, ...], reason: str
) -> None:
    kind, *options = words
    result = run("import", kind, corrected, *options)
    assert (result.exit_code, reason in result.output.replace("\n", " ")) == (2, True), (
        result.output
    )


def test_a_change_set_that_is_not_there_is_refused(run: Run, example: Store) -> None:
    assert example.name
    for command in ("show", "approve", "reject", "undo"):
        assert (
            told(run, "expectations", command, "99", exit_code=1)["error"]["code"]
            == "change-set-not-found"
        )
    assert (
        told(run, "expectations", "log", "8" + "9" * 18, exit_code=1)["error"]["code"]
        == "sim-not-found"
    )

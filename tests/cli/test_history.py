from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import parse_moment

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.cli.conftest import Run

MISMATCHED = "89148000000800784259"


@pytest.mark.usefixtures("example")
def test_the_history_of_a_sim_as_json(run: Run) -> None:
    assert json.loads(run("history", MISMATCHED, "--json").stdout) == {
        "sims": [
            {
                "iccid": MISMATCHED,
                "waiting": False,
                "account": "0212398765-00001",
                "mdn": "5096300587",
                "activation_date": "2011-01-21T18:55:27Z",
                "generation": "4G",
                "expectations": [{"effective_from": None, "imei": "990003420535573"}],
                "pairings": [
                    {
                        "imei": "987603420573553",
                        "opened_at": "2017-12-02T00:00:00Z",
                        "last_seen_at": "2017-12-02T00:00:00Z",
                        "activations": 1,
                        "expected_imei": "990003420535573",
                        "verdict": "mismatch",
                    },
                    {
                        "imei": "990003420535573",
                        "opened_at": "2017-11-05T16:00:00Z",
                        "last_seen_at": "2017-11-05T16:00:00Z",
                        "activations": 1,
                        "expected_imei": "990003420535573",
                        "verdict": "expected",
                    },
                ],
                "next": None,
            }
        ]
    }


@pytest.mark.usefixtures("example")
def test_a_phone_number_finds_the_sim_too(run: Run) -> None:
    assert (
        run("history", "5096300587", "--json").stdout == run("history", MISMATCHED, "--json").stdout
    )


@pytest.mark.usefixtures("example")
def test_people_get_a_line_on_the_sim_and_a_table_of_its_pairings(run: Run) -> None:
    lines = run("history", MISMATCHED).stdout.splitlines()
    assert lines[0].startswith(
        f"SIM {MISMATCHED}, number 5096300587, 4G, of account 0212398765-00001"
    )
    assert lines[1] == "expected in 990003420535573 from the beginning"
    assert [line.split()[-1] for line in lines[-2:]] == ["mismatch", "expected"]


@pytest.mark.usefixtures("example")
def test_pages_are_asked_for_one_by_one_or_all_at_once(run: Run) -> None:
    first = run("history", MISMATCHED, "--at-most", "1")
    assert "987603420573553" in first.stdout
    before = first.stderr.split("--before ")[1].strip()
    second = json.loads(run("history", MISMATCHED, "--before", before, "--json").stdout)
    assert [each["verdict"] for each in second["sims"][0]["pairings"]] == ["expected"]
    (whole,) = run("history", MISMATCHED, "--all", "--json").stdout.splitlines()
    assert whole + "\n" == run("history", MISMATCHED, "--json").stdout
    assert run("history", MISMATCHED, "--all").stdout == run("history", MISMATCHED).stdout


@pytest.mark.usefixtures("example")
def test_a_page_may_begin_before_a_moment(run: Run) -> None:
    told = json.loads(run("history", MISMATCHED, "--before", "2017-12-01", "--json").stdout)
    assert [each["verdict"] for each in told["sims"][0]["pairings"]] == ["expected"]


def test_a_sim_that_is_not_loaded_yet_is_waiting(run: Run, store: Store) -> None:
    seen = SimActivation(
        Iccid.parse(MISMATCHED), parse_moment("2026-03-05T10:00:00Z"), Imei.parse("352099001761481")
    )
    with store.transaction() as writer:
        writer.take_activations([seen])
    (sim,) = json.loads(run("history", MISMATCHED, "--json").stdout)["sims"]
    assert (sim["waiting"], sim["account"], sim["pairings"][0]["verdict"]) == (
        True,
        None,
        "unjudged",
    )
    assert "waits" in run("history", MISMATCHED).stdout


@pytest.mark.usefixtures("example")
def test_an_imei_tells_who_was_seen_in_the_hardware_and_who_is_expected_in_it(run: Run) -> None:
    told = json.loads(run("history", "987603420573553", "--json").stdout)
    assert told == {
        "imei": "987603420573553",
        "type": {"tac": "98760342", "manufacturer": None, "model": None},
        "sims": [
            {
                "iccid": MISMATCHED,
                "account": "0212398765-00001",
                "first_seen_at": "2017-12-02T00:00:00Z",
                "last_seen_at": "2017-12-02T00:00:00Z",
                "activations": 1,
                "expectations": [],
            }
        ],
        "next": None,
        "is_cut": False,
    }
    lines = run("history", "99-000342-053557-3").stdout.splitlines()
    assert lines[0] == "hardware 990003420535573, of a model that is not known (TAC 99000342)"
    assert lines[-1].split()[-5:] == ["the", "beginning", "further", "notice", "imei"]
    nobody = run("history", "010203040506070")
    assert (nobody.exit_code, "--scan also" in nobody.stderr) == (0, True)
    scanned = run("history", "010203040506070", "--scan")
    assert (scanned.exit_code, "none was seen in it" in scanned.stderr) == (0, True)
    assert run("history", "010203040506070", "--all", "--json").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("89148000000899999999", "sim-not-found"),
        ("5550000000", "sim-not-found"),
        ("meter", "invalid-value"),
    ],
)
@pytest.mark.usefixtures("example")
def test_what_is_no_sim_is_refused(run: Run, text: str, code: str) -> None:
    result = run("history", text, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == code


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("named", ["123", "12345678901234567", "89148000000800x"])
def test_what_names_nothing_is_refused_with_all_that_may_be_named(run: Run, named: str) -> None:
    refused = run("history", named)
    assert refused.exit_code == 1
    assert f"'{named}' is no ICCID (89 and 16-18 digits), no MDN" in refused.stderr
    assert "no IMEI (14-16 digits)" in refused.stderr

"""Reasons as the store keeps and finds them: by the rule, and only of SIMs the asker may see."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import Allowed, allowed
from tallystick.core.errors import StoreOutdated
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation, in_force_at, mismatches
from tallystick.core.reason_json import encode
from tallystick.core.reasons import (
    LISTED_MAX,
    Claim,
    Company,
    Row,
    RowFacts,
    own_reasons,
    reasons_of_others,
    row_facts,
)
from tallystick.core.suspicious_values import is_placeholder
from tallystick.core.window import Window
from tallystick.operations.verify import verify
from tallystick.report import answer as report_module
from tallystick.report.answer import Question, answer_explained
from tallystick.store import Scope
from tallystick.store import reasons as reasons_module
from tallystick.thingspace.rows import read_row, wire_row
from tests.engines import change
from tests.examples import examples
from tests.store.few import (
    EVERYTHING,
    FOREIGN,
    HOME,
    ICCIDS,
    ONE,
    THREE,
    TWO,
    expected,
    seen,
    sim,
    take,
)
from tests.worlds import MOMENTS, facts

if TYPE_CHECKING:
    from random import Random

    from tallystick.store import Reader, Store
    from tests.engines import Stores
    from tests.worlds import Fact

UNIT = Imei.parse("352099001999992")
LISTED = (FOREIGN, Imei.parse("357152091234577"))
WINDOW = Window(MOMENTS[1], MOMENTS[-1])


def explained(
    store: Store,
    *accounts: str,
    window: Window = EVERYTHING,
    sees: str | None = None,
    zone: str = "UTC",
) -> list[tuple[str, dict[str, Any]]]:
    """ICCID and reasons of the rows of accounts; `sees` is the one account the asker may see."""
    with store.snapshot() as reader:
        visible = {
            name: number for name, number in reader.accounts().items() if sees in {None, name}
        }
        some = answer_explained(reader, visible, Question(window, accounts), ("4G",), zone)
        return [(read_row(row).iccid, json.loads(why)) for each in some for row, why in each]


def codes(store: Store, *accounts: str, **how: Any) -> list[tuple[str, set[str]]]:  # noqa: ANN401 - handed on
    return [
        (iccid, {each["code"] for each in why["reasons"]})
        for iccid, why in explained(store, *accounts, **how)
    ]


def test_reasons_follow_when_a_sim_moves_on_and_the_row_stays_as_it_is(mismatched: Store) -> None:
    assert "still-there" in codes(mismatched)[0][1]
    with mismatched.transaction() as writer:
        writer.take_activations([seen(ONE, HOME, at=2_000_000)])
        assert writer.settle() == (0, 0, 0)
    ((_, why),) = explained(mismatched)
    assert {"code": "moved-back", "since": "1970-01-01T00:00:02Z"} in why["reasons"]


@pytest.mark.parametrize(
    ("last", "told"), [([], "still-there"), ([HOME], "moved-back"), ([UNIT], "moved-on")]
)
def test_a_row_behind_a_visit_home_says_as_the_row_before_did_where_the_sim_went(
    store: Store, last: list[Imei], told: str
) -> None:
    take(store, sim(ONE), expected(ONE, HOME), *(seen(ONE, FOREIGN, at) for at in (10, 20, 30)))
    take(store, *(seen(ONE, imei, at=40) for imei in last))
    take(store, seen(ONE, HOME, at=15))
    (_, first), (_, second), *_ = codes(store)
    assert "moved-back" in first
    assert told in second


def test_a_correction_changes_the_expected_imei(mismatched: Store) -> None:
    take(mismatched, expected(ONE, UNIT))
    ((_, why),) = explained(mismatched)
    assert why["reasons"][0] == {"code": "expected", "imei": str(UNIT), "change_set_id": 2}


def test_a_swap_is_told_with_the_other_sim(store: Store) -> None:
    take(store, sim(ONE), sim(TWO), expected(ONE, HOME), expected(TWO, FOREIGN))
    take(store, seen(ONE, FOREIGN, at=20), seen(TWO, HOME, at=20))
    assert [(iccid, why["cause"]) for iccid, why in explained(store)] == [
        (str(ONE), "swap-pair"),
        (str(TWO), "swap-pair"),
    ]
    assert {"code": "swap-pair", "iccids": [str(TWO)], "count": 1} in explained(store)[0][1][
        "reasons"
    ]


def test_units_with_two_imeis_that_changed_places_are_told_as_swapped(store: Store) -> None:
    """Each was found in one IMEI of a list that the other is expected in."""
    first, second = (Allowed.parse(f"{imei}|{more}") for imei, more in ((HOME, UNIT), LISTED))
    take(store, sim(ONE), sim(TWO), expected(ONE, first), expected(TWO, second))
    take(store, seen(ONE, LISTED[1], at=20), seen(TWO, UNIT, at=20))
    assert [(iccid, why["cause"]) for iccid, why in explained(store)] == [
        (str(ONE), "swap-pair"),
        (str(TWO), "swap-pair"),
    ]


def test_hardware_of_a_former_list_is_no_longer_expected_for_its_sim(store: Store) -> None:
    take(store, sim(ONE), sim(TWO), expected(ONE, HOME), seen(ONE, FOREIGN, at=20))
    take(store, expected(TWO, Allowed.parse(f"{UNIT}|{FOREIGN}")))
    assert "expected-for-another-sim" in codes(store)[0][1]
    take(store, expected(TWO, Allowed.parse(f"{UNIT}|{HOME}")))
    assert "expected-for-another-sim" not in codes(store)[0][1]


@pytest.mark.parametrize("value", ["35715209", "35715209|352099001999992", "nowhere", "none"])
def test_what_names_no_hardware_expects_none_for_another_sim(store: Store, value: str) -> None:
    """Not even the hardware whose digits are those of the model, and zeros."""
    zeros = Imei.parse("35715209000000")
    take(store, sim(ONE), sim(TWO), expected(ONE, HOME), expected(TWO, Allowed.parse(value)))
    take(store, seen(ONE, zeros, at=20))
    assert "expected-for-another-sim" not in codes(store)[0][1]


def test_a_sim_is_not_its_own_company(store: Store) -> None:
    """It is expected in the hardware later, and was found in it before."""
    take(
        store, sim(ONE), expected(ONE, HOME), expected(ONE, UNIT, since=50), seen(ONE, UNIT, at=20)
    )
    ((_, found),) = codes(store)
    assert not found & {"expected-for-another-sim", "seen-with-other-sims", "swap-pair"}


def test_a_sim_that_two_rows_share_hardware_with_is_told_to_the_other(store: Store) -> None:
    """Of two SIMs found in the hardware one is expected in it later: the other's row says so."""
    take(
        store,
        sim(ONE),
        sim(TWO),
        expected(ONE, HOME),
        expected(ONE, UNIT, since=50),
        expected(TWO, HOME),
    )
    take(store, seen(ONE, UNIT, at=20), seen(TWO, UNIT, at=60))
    of_one, of_two = codes(store)
    assert "expected-for-another-sim" not in of_one[1]
    assert {"expected-for-another-sim", "seen-with-other-sims"} <= of_two[1]


def test_only_what_was_seen_in_the_window_is_seen_with(store: Store) -> None:
    take(store, sim(ONE), sim(TWO), expected(ONE, HOME), expected(TWO, FOREIGN))
    take(store, seen(TWO, FOREIGN, at=10), seen(ONE, FOREIGN, at=20))
    assert "seen-with-other-sims" in codes(store)[0][1]
    assert "seen-with-other-sims" not in codes(store, window=Window(Moment(15), Moment(30)))[0][1]


def test_sims_of_accounts_that_the_asker_may_not_see_are_not_named(store: Store) -> None:
    take(store, sim(ONE, "a"), sim(TWO, "b"), sim(THREE, "b"))
    take(store, expected(ONE, HOME), expected(TWO, FOREIGN), expected(THREE, HOME))
    take(store, seen(ONE, FOREIGN, at=20), seen(TWO, HOME, at=20), seen(THREE, FOREIGN, at=20))
    others = {"expected-for-another-sim", "swap-pair", "seen-with-other-sims"}
    assert others <= codes(store, "a")[0][1]
    assert not others & codes(store, "a", sees="a")[0][1]


def test_a_sim_that_is_not_loaded_is_not_named(store: Store) -> None:
    take(store, sim(ONE), expected(ONE, HOME), expected(TWO, FOREIGN), seen(ONE, FOREIGN, at=20))
    assert "expected-for-another-sim" not in codes(store)[0][1]
    take(store, sim(TWO))
    assert "expected-for-another-sim" in codes(store)[0][1]


def test_a_number_that_many_show_says_nothing_of_other_sims(store: Store) -> None:
    nobodys = Imei.parse("000000000000000")
    take(store, sim(ONE), sim(TWO), expected(ONE, HOME), expected(TWO, HOME))
    take(store, seen(ONE, nobodys), seen(TWO, nobodys))
    for _, found in codes(store):
        assert "not-a-valid-imei" in found
        assert "seen-with-other-sims" not in found


@pytest.mark.parametrize("crowd_min", [5, 100], ids=["a crowd", "few"])
def test_a_crowd_is_counted_and_its_first_are_listed(
    store: Store, monkeypatch: pytest.MonkeyPatch, crowd_min: int
) -> None:
    monkeypatch.setattr(report_module, "ROWS_EXPLAINED_AT_ONCE", 7)
    monkeypatch.setattr(reasons_module, "CROWD_MIN", crowd_min)
    crowd, at_home, both = ICCIDS[:30], ICCIDS[40], ICCIDS[25]
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in (*crowd, at_home)])
        writer.take_expectations([expected(iccid, HOME) for iccid in crowd])
        writer.take_activations([seen(iccid, FOREIGN) for iccid in crowd])
        # One SIM belongs there, and one of the crowd does so later on.
        writer.take_expectations([expected(at_home, FOREIGN), expected(both, FOREIGN, 20)])
        writer.take_activations([seen(at_home, FOREIGN), seen(both, FOREIGN, 21)])
    found = explained(store)
    assert len(found) == len(crowd)
    for iccid, why in found:
        others = [str(each) for each in (*crowd, at_home) if str(each) != iccid]
        told_last = why["reasons"][-1]
        assert told_last == {
            "code": "seen-with-other-sims",
            "iccids": others[:LISTED_MAX],
            "count": len(others),
        }


def scope_of(reader: Reader, kind: str) -> Scope:
    """A scope of each kind, of the accounts a and b."""
    number = reader.accounts()
    a, b = (number["a"],), (number["a"], number["b"])
    scopes = {
        "one account": Scope(a, ("4G",)),
        "several generations": Scope(a, ("4G", "5G")),
        "several accounts": Scope(b, ("4G",)),
        "a group": Scope(a, ("4G",), grouped=True, group_id=reader.group_id(a[0], "g")),
        "no group": Scope(a, ("4G",), grouped=True),
        "listed SIMs": Scope(b, ("4G",), iccids=(TWO, THREE)),
    }
    return scopes[kind]


@pytest.mark.parametrize(
    ("kind", "sims"),
    [
        ("one account", [ONE, TWO]),
        ("several generations", [ONE, TWO]),
        ("several accounts", [ONE, TWO, THREE]),
        ("a group", [ONE]),
        ("no group", [TWO]),
        ("listed SIMs", [TWO, THREE]),
    ],
)
def test_the_explained_rows_of_each_kind_of_scope_are_those_of_the_plain_report(
    store: Store, kind: str, sims: list[Iccid]
) -> None:
    for moment, (iccid, account) in enumerate([(ONE, "a"), (TWO, "a"), (THREE, "b")], 10):
        take(store, sim(iccid, account), expected(iccid), seen(iccid, at=moment))
    take(store, GroupMember("a", "g", ONE))
    with store.snapshot() as reader:
        scope = scope_of(reader, kind)
        plain = list(reader.report(scope, EVERYTHING))
        rows = list(reader.report_explained(scope, EVERYTHING))
    assert [wire for wire, *_ in rows] == plain
    assert [iccid for _, _, iccid, *_ in rows] == sims


def test_times_print_in_the_zone_that_is_asked_for(store: Store) -> None:
    take(store, sim(ONE), expected(ONE, HOME, since=0), seen(ONE, FOREIGN, at=10))
    ((_, why),) = explained(store, zone="America/Los_Angeles")
    assert why["reasons"][0]["since"] == "1969-12-31T16:00:00-08:00"


def test_rows_that_an_older_program_kept_are_explained_by_init(
    mismatched: Store, database: str
) -> None:
    right = explained(mismatched)
    change(database, "UPDATE mismatches SET reasons = NULL, expected_imei = NULL")
    with pytest.raises(StoreOutdated, match="tallystick init"):
        explained(mismatched)
    mismatched.init("UTC")
    assert explained(mismatched) == right
    assert not any(verified.differences for verified in verify(mismatched, wire_row))


@examples(80)
@given(facts, st.randoms(use_true_random=False), st.sampled_from([2, 16_000]))
def test_any_facts_in_any_order_give_the_reasons_of_the_rule(
    stores: Stores, world: list[Fact], random: Random, rows_at_once: int
) -> None:
    random.shuffle(world)
    with stores.fresh() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_module, "ROWS_EXPLAINED_AT_ONCE", rows_at_once)
        for fact in world:
            with store.transaction() as writer:
                writer.take(type(fact), [fact])
        assert not any(verified.differences for verified in verify(store, wire_row))
        if any(isinstance(fact, Sim) for fact in world):
            assert [unsigned(why) for _, why in explained(store, window=WINDOW)] == by_the_rule(
                world
            )


def unsigned(why: dict[str, Any]) -> dict[str, Any]:
    """Reasons without who said so, which depends on the order that facts came in."""
    del why["reasons"][0]["change_set_id"]
    return why


def by_the_rule(world: list[Fact]) -> list[dict[str, Any]]:
    """The reasons of every 4G row in the window, each compared with every other SIM."""
    known = {fact.iccid: fact for fact in world if isinstance(fact, Sim)}
    expectations, activations = facts_of(world, known)
    every = {iccid: facts_of_rows(activations[iccid], expectations[iccid]) for iccid in known}
    rows = [
        (stay.activated_at, iccid, stay.seen_in, stay)
        for iccid, found in every.items()
        for stay in found
        if known[iccid].generation == "4G" and WINDOW.earliest < stay.activated_at < WINDOW.latest
    ]
    told_rows = []
    for activated_at, iccid, found, stay in sorted(rows, key=lambda row: row[:3]):
        company = company_in(found // 400, every, expectations, activations)
        more = reasons_of_others(Row(iccid, activated_at, stay.expected.hardware), company)
        told_rows.append(json.loads(encode([*own_reasons(stay), *more], zone=UTC)))
    return told_rows


def facts_of_rows(activations: list[Activation], expectations: list[Expectation]) -> list[RowFacts]:
    rows = {(row.activated_at, row.post_imei) for row in mismatches(activations, expectations)}
    seen_in = [(each.activated_at, each.imei) for each in activations]
    return row_facts(rows, seen_in, [(each.effective_from, each.imei, 0) for each in expectations])


def facts_of(world: list[Fact], known: Any) -> tuple[Any, Any]:  # noqa: ANN401 - by SIM
    expected_at = {
        (fact.iccid, fact.effective_from): fact.imei
        for fact in world
        if isinstance(fact, SimExpectation)
    }
    expectations = {
        iccid: sorted(
            Expectation(since, imei) for (of, since), imei in expected_at.items() if of == iccid
        )
        for iccid in known
    }
    activations = {
        iccid: [
            Activation(fact.activated_at, fact.imei)
            for fact in world
            if isinstance(fact, SimActivation) and fact.iccid == iccid
        ]
        for iccid in known
    }
    return expectations, activations


def company_in(hardware: int, every: Any, expectations: Any, activations: Any) -> Company:  # noqa: ANN401 - by SIM
    """What is told of all SIMs in some hardware, found by going through all of them."""
    if is_placeholder(hardware):
        return Company()
    claims, seen_in = [], set()
    for iccid in sorted(every):
        mine = expectations[iccid]
        for n, each in enumerate(mine):
            if hardware in allowed(each.imei).hardware:
                until = mine[n + 1].effective_from if n + 1 < len(mine) else None
                found_in = {
                    stay.seen_in // 400
                    for stay in every[iccid]
                    if (at := in_force_at(mine, Moment(stay.activated_at)))
                    and hardware in allowed(at.imei).hardware
                }
                claims.append(Claim(iccid, each.effective_from, until, frozenset(found_in)))
        within = [
            each
            for each in activations[iccid]
            if WINDOW.earliest < each.activated_at < WINDOW.latest
        ]
        claimed = any(hardware in allowed(each.imei).hardware for each in mine)
        if claimed and any(each.imei // 400 == hardware for each in within):
            seen_in.add(iccid)
        if any(
            stay.seen_in // 400 == hardware and WINDOW.earliest < stay.activated_at < WINDOW.latest
            for stay in every[iccid]
        ):
            seen_in.add(iccid)
    return Company(tuple(claims), tuple(sorted(seen_in)), len(seen_in))

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tallystick.core.allowed import NONE, NOWHERE, Allowed, allowed
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.window import Window
from tallystick.store import Scope
from tallystick.store import coverage as store_coverage
from tallystick.store.coverage import Coverage
from tests.examples import examples
from tests.store.few import HOME, ICCIDS, ONE, THIRD, THREE, TWO, expected, seen, sim, take
from tests.worlds import MOMENTS, facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store
    from tests.engines import Stores
    from tests.worlds import Fact

WINDOW = Window(Moment(5), Moment(20))
BOTH = ("4G", "5G")


@pytest.fixture(autouse=True)
def small_pages() -> Iterator[None]:
    """Pages so small that every scope has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_coverage, "SIMS_A_PAGE", 2)
        yield


def scope_of(
    store: Store, *accounts: str, generations: tuple[str, ...] = ("4G",), **rest: object
) -> Scope:
    with store.snapshot() as reader:
        known = reader.accounts()
    return Scope(tuple(known[name] for name in accounts or known), generations, **rest)  # type: ignore[arg-type]


def covered(store: Store, scope: Scope, window: Window = WINDOW) -> Coverage:
    with store.snapshot() as reader:
        return reader.coverage(scope, window)


@pytest.fixture
def fleet(store: Store) -> Store:
    """Five SIMs of two accounts, one of them 5G, two in a group."""
    take(
        store,
        *(sim(iccid, "ab"[number % 2]) for number, iccid in enumerate(ICCIDS[:5])),
        sim(ICCIDS[5], generation="5G"),
    )
    take(store, expected(ONE), expected(TWO), expected(TWO, THIRD, since=15), expected(ICCIDS[5]))
    take(
        store,
        seen(ONE, HOME, at=10),
        seen(ONE, at=11),
        seen(TWO, at=4),
        seen(THREE, at=30),
        seen(ICCIDS[5], at=99),
    )
    take(
        store,
        GroupMember("a", "vans", ONE),
        GroupMember("a", "vans", THREE),
        GroupMember("a", "vans", ICCIDS[700]),
    )
    return store


def test_sims_are_counted_with_what_is_known_of_them(fleet: Store) -> None:
    assert covered(fleet, scope_of(fleet)) == Coverage(
        sims=5, expected=2, seen=1, newest=Moment(30)
    )
    assert covered(fleet, scope_of(fleet, "b")) == Coverage(2, 1, 0, Moment(4))
    assert covered(fleet, scope_of(fleet, generations=BOTH)) == Coverage(6, 3, 1, Moment(99))


def test_bounds_of_the_window_are_outside_it(fleet: Store) -> None:
    assert covered(fleet, scope_of(fleet, "a"), Window(Moment(10), Moment(11))).seen == 0
    assert covered(fleet, scope_of(fleet, "a"), Window(Moment(9), Moment(11))).seen == 1


def test_a_group_the_unassigned_and_listed_sims_are_scopes_too(fleet: Store) -> None:
    with fleet.snapshot() as reader:
        group_id = reader.group_id(reader.accounts()["a"], "vans")
    grouped = scope_of(fleet, "a", grouped=True, group_id=group_id)
    assert covered(fleet, grouped) == Coverage(2, 1, 1, Moment(30))
    assert covered(fleet, scope_of(fleet, "a", grouped=True)) == Coverage(1, 0, 0, None)
    listed = (THREE, TWO, ONE, ICCIDS[999])
    assert covered(fleet, scope_of(fleet, iccids=listed)) == Coverage(3, 2, 1, Moment(30))
    assert (
        covered(fleet, scope_of(fleet, "a", iccids=listed, grouped=True, group_id=group_id)).sims
        == 2
    )
    assert covered(fleet, scope_of(fleet, "b", iccids=listed)).sims == 1


def test_nothing_in_scope_is_nothing_covered(fleet: Store) -> None:
    assert covered(fleet, scope_of(fleet, generations=("2G",))) == Coverage()


def test_sims_that_were_not_seen_in_the_window_are_listed(fleet: Store) -> None:
    with fleet.snapshot() as reader:
        unseen = [(each.account, each.iccid) for each in reader.unseen(scope_of(fleet), WINDOW)]
    assert unseen == [("a", THREE), ("a", ICCIDS[4]), ("b", TWO), ("b", ICCIDS[3])]


def test_sims_that_are_expected_nowhere_are_listed(fleet: Store) -> None:
    with fleet.snapshot() as reader:
        found = [each.iccid for each in reader.without_expectation(scope_of(fleet, "b"))]
    assert found == [ICCIDS[3]]


def test_expectations_that_were_never_confirmed_are_listed_each(fleet: Store) -> None:
    take(fleet, seen(TWO, THIRD, at=14))
    with fleet.snapshot() as reader:
        found = [
            (each.iccid, each.imei, each.effective_from)
            for each in reader.unconfirmed(scope_of(fleet))
        ]
    assert found == [(TWO, allowed(HOME), BEGINNING), (TWO, allowed(THIRD), Moment(15))]
    take(fleet, seen(TWO, THIRD, at=15))
    with fleet.snapshot() as reader:
        assert [each.effective_from for each in reader.unconfirmed(scope_of(fleet))] == [BEGINNING]


@examples(40)
@given(taken=facts)
def test_counts_and_lists_are_those_of_the_facts(stores: Stores, taken: list[Fact]) -> None:
    window = Window(MOMENTS[1], MOMENTS[6])
    with stores.fresh() as store:
        take(store, *taken)
        scope = scope_of(store, generations=BOTH)
        with store.snapshot() as reader:
            counts = reader.coverage(scope, window)
            unseen = {each.iccid for each in reader.unseen(scope, window)}
            nowhere = {each.iccid for each in reader.without_expectation(scope)}
            unconfirmed = {(each.iccid, each.effective_from) for each in reader.unconfirmed(scope)}
    sims = {fact.iccid for fact in taken if isinstance(fact, Sim)}
    activations = {fact for fact in taken if isinstance(fact, SimActivation) and fact.iccid in sims}
    in_force = {
        (fact.iccid, fact.effective_from): fact.imei
        for fact in taken
        if isinstance(fact, SimExpectation)
    }
    in_window = {
        each.iccid for each in activations if window.earliest < each.activated_at < window.latest
    }
    newest = max((each.activated_at for each in activations), default=None)
    told = {iccid for (iccid, _), value in in_force.items() if value != NONE} & sims
    assert counts == Coverage(len(sims), len(told), len(in_window), newest)
    assert (unseen, nowhere) == (sims - in_window, sims - told)
    assert unconfirmed == {
        (iccid, since)
        for (iccid, since), imei in in_force.items()
        if iccid in sims
        and imei not in {NOWHERE, NONE}
        and not any(_confirms(each, iccid, since, allowed(imei)) for each in activations)
    }


def _confirms(activation: SimActivation, iccid: int, since: int, value: Allowed) -> bool:
    return (
        activation.iccid == iccid
        and activation.activated_at >= since
        and value.fits(activation.imei)
    )

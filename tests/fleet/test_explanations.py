"""Explanations of rows on each engine: how long they hold, who may give them, what ends them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tallystick.core.approval import Approval, Decider
from tallystick.core.errors import InvalidValue, MismatchNotFound, SimNotFound
from tallystick.core.explanations import Note, RowState
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment
from tallystick.fleet import accounts, explanations, inventory, ledger
from tallystick.fleet.explanations import explain, said_of_sim, standings, take_back
from tallystick.intake import propose_facts
from tallystick.report.answer import Question
from tallystick.report.listing import Filters, Lister, page
from tallystick.store.listing import Order
from tests.store.few import (
    EVERYTHING,
    FOREIGN,
    HOME,
    ICCIDS,
    ONE,
    THIRD,
    TWO,
    expected,
    seen,
    sim,
    take,
)

if TYPE_CHECKING:
    from tallystick.core.facts import SimActivation
    from tallystick.core.identifiers import Iccid
    from tallystick.store import Reader, Store
    from tallystick.store.listing import RowKey

NOW = Moment(1_000)
ANN = Note("ann", NOW, "OPS-1", "a spare")
ROW: RowKey = (10, int(ONE), int(FOREIGN))
ROW_OF_TWO: RowKey = (10, int(TWO), int(FOREIGN))


def say(store: Store, *keys: RowKey, note: Note = ANN, until: int | None = None) -> int:
    """Explain rows, as somebody who sees every account."""
    with store.transaction() as writer:
        holds_until = None if until is None else Moment(until)
        return explain(writer, keys, writer.accounts(), note, holds_until)


def state(store: Store, key: RowKey = ROW, now: int = NOW) -> RowState:
    """The state of one row."""
    with store.snapshot() as reader:
        return standings(reader, [key], Moment(now))[key].state


def said(store: Store, iccid: Iccid = ONE) -> list[tuple[str, str, str]]:
    """Who said what of a SIM's rows, and who ended it."""
    with store.snapshot() as reader:
        kept = said_of_sim(reader, iccid, None)
    return [(each.explained_by, each.note, each.ended_by) for each in kept]


def test_a_row_is_explained_until_its_sim_is_seen_there_again(mismatched: Store) -> None:
    take(mismatched, seen(ONE, at=20))
    assert state(mismatched) is RowState.OPEN
    assert say(mismatched, ROW) == 1
    assert state(mismatched) is RowState.EXPLAINED
    take(mismatched, seen(ONE, at=15))  # late, and told of before
    assert state(mismatched) is RowState.EXPLAINED
    take(mismatched, seen(ONE, at=21))
    assert state(mismatched) is RowState.OPEN
    say(mismatched, ROW, note=ANN._replace(at=Moment(1_001)))
    assert state(mismatched) is RowState.EXPLAINED


def test_a_sim_that_comes_back_opens_a_row_that_nobody_has_explained(mismatched: Store) -> None:
    say(mismatched, ROW)
    take(mismatched, seen(ONE, HOME, at=30), seen(ONE, FOREIGN, at=40))
    assert state(mismatched) is RowState.EXPLAINED
    assert state(mismatched, (40, int(ONE), int(FOREIGN))) is RowState.OPEN


def test_a_row_is_explained_until_a_moment_whatever_is_seen(mismatched: Store) -> None:
    say(mismatched, ROW, until=2_000)
    take(mismatched, seen(ONE, at=1_500))
    assert state(mismatched, now=1_999) is RowState.EXPLAINED
    assert state(mismatched, now=2_000) is RowState.OPEN
    with pytest.raises(InvalidValue):
        say(mismatched, ROW, until=NOW)


def test_what_was_said_is_replaced_and_taken_back_and_stays_on_record(mismatched: Store) -> None:
    say(mismatched, ROW)
    say(mismatched, ROW, note=Note("bob", Moment(1_100), text="sold"))
    with mismatched.transaction() as writer:
        assert take_back(writer, [ROW], writer.accounts(), "eve", Moment(1_200)) == 1
        assert take_back(writer, [ROW], writer.accounts(), "eve", Moment(1_300)) == 0
    assert state(mismatched) is RowState.OPEN
    assert said(mismatched) == [("bob", "sold", "eve"), ("ann", "a spare", "bob")]


def test_a_correction_that_is_undone_finds_its_row_explained(mismatched: Store) -> None:
    say(mismatched, ROW)
    take(mismatched, expected(ONE, FOREIGN))
    with mismatched.snapshot() as reader:
        (last, *_) = reader.change_sets(1 << 62, 1)
        assert reader.rows_to_explain([ROW]) == {}
    with pytest.raises(MismatchNotFound):
        say(mismatched, ROW)
    ledger.undo(mismatched, last.change_set_id, Origin("ann", NOW))
    assert state(mismatched) is RowState.EXPLAINED


def test_rows_of_a_sim_with_a_proposal_are_proposed(mismatched: Store) -> None:
    say(mismatched, ROW)
    number = propose_facts(mismatched, [expected(ONE, FOREIGN)], Origin("ann", NOW))
    assert state(mismatched) is RowState.PROPOSED
    ledger.reject(mismatched, number, Decider("bob"), NOW)
    assert state(mismatched) is RowState.EXPLAINED


def test_rows_of_a_sim_are_proposed_where_an_undo_of_its_correction_is(mismatched: Store) -> None:
    take(mismatched, sim(TWO, "a"), expected(TWO), seen(TWO))
    with mismatched.transaction() as writer:
        accounts.ask(writer, "a", Approval.REQUIRED)
    number = propose_facts(mismatched, [expected(ONE, THIRD)], Origin("ann", NOW))
    ledger.approve(mismatched, number, Decider("bob"), NOW)
    undoing = ledger.undo(mismatched, number, Origin("ann", NOW))
    assert _by_state(mismatched) == {RowState.PROPOSED: [ROW], RowState.OPEN: [ROW_OF_TWO]}
    ledger.approve(mismatched, undoing, Decider("bob"), NOW)
    assert _by_state(mismatched) == {RowState.OPEN: [ROW_OF_TWO, ROW]}
    again = ledger.undo(mismatched, undoing, Origin("ann", NOW))
    assert _by_state(mismatched) == {RowState.PROPOSED: [ROW], RowState.OPEN: [ROW_OF_TWO]}
    ledger.reject(mismatched, again, Decider("ann"), NOW)
    assert _by_state(mismatched) == {RowState.OPEN: [ROW_OF_TWO, ROW]}


def _by_state(store: Store) -> dict[RowState, list[RowKey]]:
    """The rows that a list filtered by each state has, which are those that the rule says."""
    with store.snapshot() as reader:
        listed = {state: _listed(reader, state, NOW) for state in RowState}
        standing_of = standings(reader, _listed(reader, None, NOW), NOW)
    for key, standing in standing_of.items():
        assert key in listed[standing.state]
    assert sum(map(len, listed.values())) == len(standing_of)
    return {state: keys for state, keys in listed.items() if keys}


def test_rows_that_are_not_there_or_of_others_are_refused_alike_and_none_is_explained(
    mismatched: Store,
) -> None:
    take(mismatched, sim(TWO, account="b"), expected(TWO), seen(TWO))
    other: RowKey = (10, int(TWO), int(FOREIGN))
    with mismatched.snapshot() as reader:
        visible = {"a": reader.accounts()["a"]}
    for key in (other, (11, int(TWO), int(FOREIGN)), (10, int(ICCIDS[9]), int(FOREIGN))):
        refused = pytest.raises(MismatchNotFound, match="or has it no more")
        with refused, mismatched.transaction() as writer:
            explain(writer, [ROW, key], visible, ANN, None)
    with mismatched.transaction() as writer, pytest.raises(SimNotFound):
        take_back(writer, [other], visible, "ann", NOW)
    assert state(mismatched) is RowState.OPEN
    with mismatched.snapshot() as reader, pytest.raises(SimNotFound):
        said_of_sim(reader, TWO, visible)


def test_a_sim_that_is_removed_takes_what_was_said_of_it_along(mismatched: Store) -> None:
    say(mismatched, ROW)
    with mismatched.transaction() as writer:
        inventory.remove(writer, [ONE], Origin("ann", NOW)).require_all()
    take(mismatched, sim(ONE), expected(ONE))
    assert (state(mismatched), said(mismatched)) == (RowState.OPEN, [])


def test_many_rows_are_explained_at_once(store: Store) -> None:
    sims = ICCIDS[:1_100]
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in sims])
        writer.take_expectations([expected(iccid) for iccid in sims])
        writer.take_activations([seen(iccid) for iccid in sims])
    keys = [(10, int(iccid), int(FOREIGN)) for iccid in sims]
    assert say(store, *keys) == len(keys)
    with store.snapshot() as reader:
        states = {each.state for each in standings(reader, keys, NOW).values()}
    assert states == {RowState.EXPLAINED}
    with store.transaction() as writer, pytest.raises(InvalidValue):
        explain(writer, [], writer.accounts(), ANN, None)


@pytest.mark.parametrize("seed", range(3))
def test_the_filter_by_state_is_what_the_rule_says(store: Store, seed: int) -> None:
    """The list is filtered in SQL, and the rows that are shown are judged by `core`."""
    choose = random.Random(seed)
    sims = ICCIDS[:8]
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in sims])
        writer.take_expectations([expected(iccid) for iccid in sims])
    with store.transaction() as writer:
        writer.take_activations([_somewhere(choose) for _ in range(60)])
    with store.snapshot() as reader:
        keys = _listed(reader, None, NOW)
    for key in choose.sample(keys, len(keys) // 2):
        until = choose.choice([None, None, 1_200])
        say(store, key, until=until)
    with store.transaction() as writer:
        taken_back = choose.sample(keys, len(keys) // 5)
        take_back(writer, taken_back, writer.accounts(), "eve", NOW)
        writer.take_activations([_somewhere(choose) for _ in range(20)])
    propose_facts(store, [expected(sims[0], THIRD)], Origin("ann", NOW))
    for now in (Moment(1_100), Moment(1_300)):
        with store.snapshot() as reader:
            every = _listed(reader, None, now)
            standing_of = standings(reader, every, now)
            for wanted in RowState:
                shown = _listed(reader, wanted, now)
                assert shown == [key for key in every if standing_of[key].state is wanted]
                assert shown


def _somewhere(choose: random.Random) -> SimActivation:
    imei = choose.choice([HOME, FOREIGN, THIRD])
    return seen(choose.choice(ICCIDS[:8]), imei, choose.randrange(1, 900))


def _listed(reader: Reader, wanted: RowState | None, now: Moment) -> list[RowKey]:
    """The keys of the rows that a list with this filter has, either way the same."""
    lister = Lister(reader, reader.accounts(), ("4G",), "UTC", now)
    filters, question = Filters(state=wanted), Question(EVERYTHING)
    newest, oldest = (
        page(lister, question, filters, None, 500, order=order).keys
        for order in (Order.NEWEST, Order.OLDEST)
    )
    assert newest == oldest[::-1]
    return newest


def test_no_more_rows_than_ten_thousand_are_taken_at_a_time(store: Store) -> None:
    keys = [(number, int(ONE), int(HOME)) for number in range(explanations.ROWS_MAX + 1)]
    with pytest.raises(InvalidValue, match="10,001"):
        say(store, *keys)

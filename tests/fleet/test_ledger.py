"""The ledger: nothing is overwritten without trace, and a change set is undone as one."""

from __future__ import annotations

from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.access import UserChange
from tallystick.core.approval import Decider
from tallystick.core.errors import (
    ChangedSince,
    ChangeSetDecided,
    ChangeSetNotFound,
    OwnProposal,
    SimNotFound,
)
from tallystick.core.facts import SimExpectation
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.roles import Role
from tallystick.fleet import ledger
from tallystick.intake import KINDS, CheckedItems, propose_facts, try_facts
from tallystick.operations.verify import verify
from tallystick.store import Batch
from tallystick.thingspace.rows import wire_row
from tests.conftest import Clock
from tests.engines import change
from tests.examples import examples
from tests.kept import everything_in, rule_of
from tests.quick_access import quick_access
from tests.store.few import (
    FOREIGN,
    HOME,
    ICCIDS,
    ONE,
    THIRD,
    THREE,
    TWO,
    expected,
    mismatch,
    rows,
    seen,
    sim,
    take,
)
from tests.store.test_any_order_same_answer import in_columns
from tests.worlds import ICCIDS as FEW_ICCIDS
from tests.worlds import activations, sims
from tests.worlds import expectations as random_expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallystick.core.identifiers import Iccid
    from tallystick.store import Reader, Store
    from tests.engines import Stores

ANN = Origin("ann", Moment(1_000_000), "api", "", "OPS-1", "paperwork")
BOB = Origin("bob", Moment(2_000_000), "import", "corrected.csv")
LAST = 1 << 62
PASSWORD = "correct horse"


def put(store: Store, *facts: SimExpectation, origin: Origin = ANN) -> int:
    """Take expectations in as one change set; give its number."""
    with store.transaction() as writer:
        writer.take(SimExpectation, facts, origin=origin)
        return writer.change_sets(LAST, 1)[0].change_set_id


def asked(store: Store, ask: Callable[[Reader], Any]) -> Any:  # noqa: ANN401 - whatever is asked
    """An answer from a snapshot."""
    with store.snapshot() as reader:
        return ask(reader)


def states(store: Store) -> dict[int, str]:
    """The state of every change set, the first first."""
    return {
        each.change_set_id: each.state
        for each in reversed(asked(store, lambda r: r.change_sets(LAST, 1000)))
    }


def present(store: Store) -> list[tuple[int, ...]]:
    """Every expectation with its change set, in order."""
    return sorted(asked(store, lambda reader: reader.whole_expectations_between(-1, LAST).rows()))


def logged(store: Store, iccid: Iccid) -> list[tuple[str, int | None, int | None, int | None]]:
    """What the log of a SIM says: IMEI, and the change sets that put, returned and ended it."""
    return [
        (
            str(entry.value.imei),
            entry.put and entry.put.change_set_id,
            entry.returned and entry.returned.change_set_id,
            entry.ended and entry.ended.change_set_id,
        )
        for entry in asked(store, lambda reader: ledger.log(reader, str(iccid)))
    ]


def test_every_value_that_a_sim_ever_had_is_told_with_who_when_why_and_what_ended_it(
    mismatched: Store,
) -> None:
    (first,) = states(mismatched)
    second = put(mismatched, expected(ONE, FOREIGN), origin=BOB)
    third = put(mismatched, expected(ONE, THIRD), expected(ONE, HOME, since=50))
    assert logged(mismatched, ONE) == [
        (str(HOME), first, None, second),
        (str(FOREIGN), second, None, third),
        (str(THIRD), third, None, None),
        (str(HOME), third, None, None),
    ]
    entry = asked(mismatched, lambda reader: ledger.log(reader, str(ONE)))[2]
    assert (entry.put.actor, entry.put.brought_at, entry.put.source) == ("ann", 1_000_000, "api")
    assert (entry.put.ticket, entry.put.reason) == ("OPS-1", "paperwork")
    assert (entry.put.added, entry.put.corrected, entry.put.removed) == (1, 1, 0)


def test_what_changes_nothing_leaves_no_trace(store: Store) -> None:
    put(store, expected(ONE))
    before = states(store), logged(store, ONE)
    with store.transaction() as writer:
        assert writer.take(SimExpectation, [expected(ONE)], origin=BOB) == (0, 1, ())
        assert writer.take(SimExpectation, [], origin=BOB) == (0, 0, ())
    assert (states(store), logged(store, ONE)) == before


def test_a_value_that_a_change_set_had_put_itself_does_not_end_in_it(store: Store) -> None:
    first = put(store, expected(ONE))
    second = put(store, expected(ONE, FOREIGN), expected(ONE, THIRD))
    assert logged(store, ONE) == [
        (str(HOME), first, None, second),
        (str(THIRD), second, None, None),
    ]
    ledger.undo(store, second, BOB)
    assert logged(store, ONE)[-1][:2] == (str(HOME), first)


def test_undo_brings_prior_values_back_takes_added_ones_away_and_restores_the_report(
    mismatched: Store,
) -> None:
    before = everything_in(mismatched), present(mismatched)
    number = put(mismatched, expected(ONE, FOREIGN), expected(TWO), expected(ONE, THIRD, since=5))
    assert rows(mismatched, "a") == [mismatch(ONE, pre=THIRD)]
    undone_in = ledger.undo(mismatched, number, BOB)
    assert (everything_in(mismatched), present(mismatched)) == before
    assert (states(mismatched)[number], states(mismatched)[undone_in]) == ("undone", "applied")
    told = asked(mismatched, lambda reader: reader.change_set(undone_in))
    assert (told.actor, told.source, told.undoes, told.corrected, told.removed) == (
        "bob",
        "undo",
        number,
        1,
        2,
    )
    with pytest.raises(ChangeSetDecided, match=f"change set {number} is undone, not applied"):
        ledger.undo(mismatched, number, BOB)


def test_an_undo_can_be_undone_and_that_one_too(mismatched: Store) -> None:
    before = present(mismatched)
    number = put(mismatched, expected(ONE, FOREIGN), expected(TWO))
    after = everything_in(mismatched), present(mismatched)
    first = ledger.undo(mismatched, number, BOB)
    second = ledger.undo(mismatched, first, BOB)
    assert (everything_in(mismatched), present(mismatched)) == after
    assert (states(mismatched)[number], states(mismatched)[first]) == ("applied", "undone")
    assert logged(mismatched, TWO) == [
        (str(HOME), number, None, first),
        (str(HOME), number, second, None),
    ]
    assert ledger.undo(mismatched, second, BOB)
    assert present(mismatched) == before


def test_undo_is_refused_where_a_later_change_set_has_changed_the_same_and_names_the_sims(
    store: Store,
) -> None:
    first = put(store, *(expected(iccid) for iccid in ICCIDS[:40]))
    later = put(store, expected(TWO, FOREIGN))
    with pytest.raises(
        ChangedSince, match=rf"1 of its SIMs .* by change sets {later}; undo those first: {TWO}$"
    ):
        ledger.undo(store, first, BOB)
    assert states(store) == {first: "applied", later: "applied"}
    ledger.undo(store, later, BOB)
    ledger.undo(store, first, BOB)
    assert present(store) == []


def test_undo_of_an_undo_is_refused_where_something_was_put_since(store: Store) -> None:
    number = put(store, expected(ONE))
    undone_in = ledger.undo(store, number, BOB)
    later = put(store, expected(ONE, FOREIGN))
    with pytest.raises(ChangedSince, match=f"by change sets {later}"):
        ledger.undo(store, undone_in, BOB)
    ledger.undo(store, later, BOB)
    ledger.undo(store, undone_in, BOB)
    assert logged(store, ONE)[-1][:2] == (str(HOME), number)


def test_what_stood_before_the_ledger_began_is_told_so_and_returns(
    store: Store, database: str
) -> None:
    put(store, expected(ONE))
    for statement in ("UPDATE expectations SET change_set_id = 0", "DELETE FROM change_sets"):
        change(database, statement)
    number = put(store, expected(ONE, FOREIGN))
    undone_in = ledger.undo(store, number, BOB)
    assert logged(store, ONE) == [
        (str(HOME), None, None, number),
        (str(FOREIGN), number, None, undone_in),
        (str(HOME), None, undone_in, None),
    ]


def test_calls_that_are_taken_in_together_are_a_change_set_each(store: Store) -> None:
    calls = [
        [expected(ONE)],
        [expected(ONE), expected(TWO)],
        [expected(ONE, FOREIGN)],
        [expected(ONE, FOREIGN)],
    ]
    with store.transaction() as writer:
        taken = writer.take_all(SimExpectation, [Batch(facts, origin=ANN) for facts in calls])
    assert [(each.accepted, each.duplicate) for each in taken] == [(1, 0), (1, 1), (1, 0), (0, 1)]
    assert list(states(store)) == [1, 2, 3]
    assert logged(store, ONE) == [(str(HOME), 1, None, 3), (str(FOREIGN), 3, None, None)]
    assert logged(store, TWO) == [(str(HOME), 2, None, None)]


def test_a_call_between_two_slices_of_a_file_is_what_the_undo_of_the_file_brings_back(
    store: Store,
) -> None:
    first = put(store, expected(ONE))
    with store.transaction() as writer:
        file = writer.begin_change_set(BOB)
        writer.take_expectations([expected(ONE, THIRD), expected(TWO)], file)
    between = put(store, expected(ONE, FOREIGN))
    with store.transaction() as writer:
        writer.take_expectations([expected(ONE, THIRD)], file)
        writer.end_change_set(file, Moment(3))
    assert [entry[1:] for entry in logged(store, ONE)] == [
        (first, None, file),
        (file, None, between),
        (between, None, file),
        (file, None, None),
    ]
    with pytest.raises(ChangedSince, match=f"change sets {file}"):
        ledger.undo(store, between, ANN)
    ledger.undo(store, file, ANN)
    assert [entry[:2] for entry in logged(store, ONE)][-1] == (str(FOREIGN), between)
    assert len(present(store)) == 1


def test_a_sim_of_which_nothing_is_known_has_no_log(store: Store) -> None:
    take(store, sim(TWO))
    assert logged(store, TWO) == []
    with pytest.raises(SimNotFound):
        logged(store, THREE)


# Proposals


def test_a_proposal_changes_nothing_until_another_person_approves_it(mismatched: Store) -> None:
    before = everything_in(mismatched)
    number = propose_facts(mismatched, [expected(ONE, FOREIGN), expected(TWO)], ANN)
    assert (everything_in(mismatched), states(mismatched)[number]) == (before, "proposed")
    with pytest.raises(OwnProposal, match="was proposed by ann"):
        ledger.approve(mismatched, number, Decider("ann"), Moment(9))
    with pytest.raises(ChangeSetDecided, match="is proposed"):
        ledger.undo(mismatched, number, BOB)
    assert ledger.approve(mismatched, number, Decider("bob"), Moment(9)) == (2, 0, ())
    assert rows(mismatched, "a") == []
    told = asked(mismatched, lambda reader: reader.change_set(number))
    assert (told.state, told.actor, told.decided_by, told.decided_at) == (
        "applied",
        "ann",
        "bob",
        9,
    )
    with pytest.raises(ChangeSetDecided, match="is applied, not proposed"):
        ledger.approve(mismatched, number, Decider("bob"), Moment(9))
    ledger.undo(mismatched, number, BOB)
    assert everything_in(mismatched) == before


def test_an_app_that_chose_the_password_of_an_approver_cannot_approve_as_them(
    store: Store,
) -> None:
    access = quick_access(store, Clock(), token_bytes)
    access.add_user("eve", PASSWORD, [], all_accounts=True, chosen_by="desk")
    number = propose_facts(store, [expected(ONE)], ANN._replace(actor="desk"))
    with pytest.raises(OwnProposal, match="proposed by desk"):
        ledger.approve(store, number, Decider("console/eve"), Moment(9))
    access.change_user("eve", UserChange(role=Role.APPROVER))
    with pytest.raises(OwnProposal):
        ledger.approve(store, number, Decider("console/eve"), Moment(9))
    access.change_user("eve", UserChange(password="battery staple"))  # by an operator
    assert ledger.approve(store, number, Decider("console/eve"), Moment(9)).accepted == 1


def test_a_proposal_that_was_rejected_is_never_in_force(store: Store) -> None:
    number = propose_facts(store, [expected(ONE)], ANN)
    ledger.reject(store, number, Decider("bob"), Moment(9))
    assert (states(store), present(store)) == ({number: "rejected"}, [])
    assert asked(store, lambda reader: len(reader.proposed(number))) == 0
    with pytest.raises(ChangeSetNotFound):
        ledger.reject(store, number + 1, Decider("bob"), Moment(9))


def test_a_proposal_ends_what_came_before_its_approval_though_it_has_the_lower_number(
    store: Store,
) -> None:
    proposal = propose_facts(store, [expected(ONE, THIRD)], ANN)
    first, second = put(store, expected(ONE)), put(store, expected(ONE, FOREIGN))
    ledger.approve(store, proposal, Decider("bob"), Moment(9))
    assert logged(store, ONE) == [
        (str(HOME), first, None, second),
        (str(FOREIGN), second, None, proposal),
        (str(THIRD), proposal, None, None),
    ]
    with pytest.raises(ChangedSince, match=f"change sets {proposal}"):
        ledger.undo(store, second, BOB)
    for number in (proposal, second, first):
        ledger.undo(store, number, BOB)
    assert present(store) == []


def test_what_a_change_set_did_or_would_do_is_shown(store: Store) -> None:
    first = put(store, expected(ONE))
    proposal = propose_facts(store, [expected(ONE, FOREIGN), expected(TWO)], ANN)

    def shown(number: int) -> list[tuple[Any, ...]]:
        found, in_all = asked(
            store, lambda reader: ledger.changes_in(reader, ledger.change_set(reader, number), 9)
        )
        assert in_all == len(found)
        return [(each.iccid, each.old_imei, each.new_imei) for each in found]

    would = [(ONE, HOME, FOREIGN), (TWO, None, HOME)]
    assert shown(proposal) == would
    ledger.approve(store, proposal, Decider("bob"), Moment(9))
    assert shown(proposal) == would
    assert shown(first) == [(ONE, None, HOME)]
    undone_in = ledger.undo(store, proposal, BOB)
    assert shown(proposal) == would
    assert shown(undone_in) == [(ONE, FOREIGN, HOME), (TWO, HOME, None)]


# Trials


def test_a_trial_tells_what_would_come_and_go_and_changes_nothing(mismatched: Store) -> None:
    take(mismatched, sim(TWO), seen(TWO, HOME), sim(THREE, generation="5G"), seen(THREE, HOME))
    before = everything_in(mismatched), present(mismatched), states(mismatched)
    facts = [
        expected(ONE, FOREIGN),
        expected(TWO, FOREIGN),
        expected(THREE, FOREIGN),
        expected(TWO, FOREIGN),
    ]
    trial = try_facts(mismatched, KINDS["expectations"], CheckedItems(facts, []), ("4G",))
    assert (trial.added, trial.corrected, trial.receipt.duplicate) == (2, 1, 1)
    assert [(row.iccid, row.account) for row in trial.closed] == [(ONE, "a")]
    assert [row.iccid for row in trial.opened] == [TWO]
    assert (everything_in(mismatched), present(mismatched), states(mismatched)) == before
    put(mismatched, *facts)
    after = everything_in(mismatched)
    assert set(before[0].kept) - set(after.kept) == {row.wire for row in trial.closed}
    assert {row.wire for row in trial.opened} < set(after.kept) - set(before[0].kept)


# Whatever the facts

Snapshot = tuple[list[bytes], list[tuple[int, ...]]]


def kept_and_expected(store: Store) -> Snapshot:
    """The kept rows, which are those of the rule, and the expectations with their change sets."""
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)
    return everything.kept, present(store)


@examples(15)
@given(
    st.lists(st.one_of(sims, activations, activations), max_size=25),
    st.lists(st.lists(random_expectations, min_size=1, max_size=6), min_size=1, max_size=6),
    st.integers(1, 6),
    st.booleans(),
)
def test_change_sets_undone_in_reverse_order_leave_all_as_it_was_and_redone_as_it_is(
    stores: Stores, world: list[Any], batches: list[list[SimExpectation]], last: int, columns: bool
) -> None:
    with stores.fresh() as store:
        with store.transaction() as writer:
            for fact in world:
                writer.take(type(fact), [fact])
        history: list[tuple[int, Snapshot]] = []
        for batch in batches:
            before = kept_and_expected(store)
            _take_batch(store, batch, columns=columns)
            if (number := max(states(store), default=0)) > (history[-1][0] if history else 0):
                history.append((number, before))
        undone: list[tuple[int, Snapshot]] = []
        for number, before in reversed(history[-last:]):
            after = kept_and_expected(store)
            undone.append((ledger.undo(store, number, BOB), after))
            assert kept_and_expected(store) == before
        for number, before in reversed(undone):
            ledger.undo(store, number, ANN)
            assert kept_and_expected(store) == before
        for iccid in FEW_ICCIDS:
            _assert_log_ends_with_what_is_expected(store, iccid)


def _take_batch(store: Store, batch: Sequence[SimExpectation], *, columns: bool) -> None:
    with store.transaction() as writer:
        writer.take(SimExpectation, in_columns(list(batch)) if columns else batch, origin=ANN)


def _assert_log_ends_with_what_is_expected(store: Store, iccid: Iccid) -> None:
    with store.snapshot() as reader:
        values, here = reader.values_of(iccid), reader.expectations_of(iccid)
        entries = ledger.log(reader, str(iccid)) if values else []
    standing = [
        (each.value.effective_from, each.value.imei) for each in entries if each.ended is None
    ]
    assert standing == [(each.effective_from, each.imei) for each in here]


def test_verify_agrees_after_many_corrections_and_undos(store: Store) -> None:
    take(
        store,
        *(sim(iccid) for iccid in ICCIDS[:50]),
        *(seen(iccid, (HOME, FOREIGN)[n % 2]) for n, iccid in enumerate(ICCIDS[:50])),
    )
    numbers = [
        put(store, *(expected(iccid, imei, BEGINNING) for iccid in ICCIDS[:50]))
        for imei in (HOME, FOREIGN, THIRD)
    ]
    for number in reversed(numbers[1:]):
        ledger.undo(store, number, BOB)
    assert [each for verified in verify(store, wire_row) for each in verified.differences] == []

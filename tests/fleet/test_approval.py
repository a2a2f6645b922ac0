"""Accounts that ask for approval: nothing is changed by one hand alone, by whichever way."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tallystick.core.approval import Approval, Decider
from tallystick.core.errors import ApprovalRequired, ChangedSince, ChangeSetDecided, OwnProposal
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid
from tallystick.core.ledger import BEHIND_ALL, Origin
from tallystick.core.moments import Moment
from tallystick.core.roles import Role
from tallystick.fleet import accounts, ledger
from tallystick.fleet.ledger import ExpectationChange
from tallystick.intake import ImportOptions, import_file, propose_facts
from tallystick.store.unfinished import SIMS_A_PART
from tests.kept import everything_in
from tests.store.few import FOREIGN, HOME, ONE, THIRD, THREE, TWO, expected, rows, sim, take

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.core.ledger import ChangeSet
    from tallystick.store import Store

ANN, BOB = Origin("console/ann", Moment(1)), Origin("console/bob", Moment(2))
OPERATOR = Origin("root", Moment(3), is_operators=True)
BY_ANN, BY_BOB = (Decider(each.actor, Role.APPROVER) for each in (ANN, BOB))
FROM_B = [expected(TWO, FOREIGN)]


@pytest.fixture
def fleet(mismatched: Store) -> Store:
    """A mismatch of account a, which asks for approval, and a SIM of b, which does not."""
    take(mismatched, sim(TWO, "b"), expected(TWO))
    ask(mismatched, "a", Approval.REQUIRED)
    return mismatched


def ask(store: Store, account: str, approval: Approval) -> None:
    """Have an account ask for approval, or no longer."""
    with store.transaction() as writer:
        accounts.ask(writer, account, approval)


def put(store: Store, *facts: SimExpectation, origin: Origin = ANN) -> int:
    """Take expectations in as one change set; give how many were new."""
    with store.transaction() as writer:
        return writer.take(SimExpectation, facts, origin=origin).accepted


def change_set(store: Store, number: int) -> ChangeSet:
    """A change set."""
    with store.snapshot() as reader:
        return ledger.change_set(reader, number)


def newest(store: Store) -> ChangeSet:
    """The change set that came last."""
    with store.snapshot() as reader:
        return reader.change_sets(BEHIND_ALL, 1)[0]


def applied_by_two(store: Store) -> int:
    """A change of the SIM of a that two people made."""
    number = propose_facts(store, [expected(ONE, FOREIGN)], ANN)
    ledger.approve(store, number, BY_BOB, Moment(9))
    return number


def test_one_hand_changes_what_is_expected_in_other_accounts_alone(fleet: Store) -> None:
    before = everything_in(fleet)
    for facts in (
        [expected(ONE, FOREIGN)],
        [expected(ONE, THIRD, since=50)],
        [*FROM_B, expected(ONE, THIRD)],
    ):
        with pytest.raises(ApprovalRequired, match="account 'a'"):
            put(fleet, *facts)
    assert everything_in(fleet) == before
    assert put(fleet, expected(ONE)) == 0  # says nothing new
    assert put(fleet, *FROM_B) == 1
    assert put(fleet, expected(THREE)) == 1  # of no account yet
    assert put(fleet, expected(ONE, FOREIGN), origin=OPERATOR) == 1
    assert (newest(fleet).actor, rows(fleet, "a")) == ("root", [])


def test_a_file_is_stopped_before_its_slice_unless_the_operator_brings_it(
    fleet: Store, tmp_path: Path
) -> None:
    path, before = tmp_path / "a.csv", everything_in(fleet)
    path.write_text(f"iccid,imei\n{TWO},{FOREIGN}\n{ONE},{FOREIGN}\n")
    with pytest.raises(ApprovalRequired):
        import_file(fleet, "expectations", str(path), options=ImportOptions(origin=ANN))
    assert everything_in(fleet) == before
    receipt = import_file(fleet, "expectations", str(path), options=ImportOptions(origin=OPERATOR))
    assert receipt.accepted == 2


def test_who_proposed_it_decides_only_where_no_account_asks(fleet: Store) -> None:
    of_both = propose_facts(fleet, [expected(ONE, FOREIGN), *FROM_B], ANN)
    with pytest.raises(OwnProposal, match="account 'a' asks"):
        ledger.approve(fleet, of_both, BY_ANN, Moment(9))
    with pytest.raises(OwnProposal):
        ledger.apply_at_once(fleet, [expected(ONE, FOREIGN)], ANN, BY_ANN)
    assert rows(fleet, "a") != []
    assert ledger.approve(fleet, of_both, BY_BOB, Moment(9)).accepted == 2
    own = propose_facts(fleet, [expected(TWO, THIRD)], ANN)
    assert ledger.approve(fleet, own, BY_ANN, Moment(9)).accepted == 1
    at_once = change_set(fleet, ledger.apply_at_once(fleet, [expected(TWO)], ANN, BY_ANN))
    assert (at_once.state, at_once.actor, at_once.decided_by) == ("applied", *[BY_ANN.name] * 2)
    ask(fleet, "a", Approval.OFF)
    ledger.apply_at_once(fleet, [expected(ONE)], ANN, BY_ANN)
    assert rows(fleet, "a") != []


def test_who_proposed_it_withdraws_it_though_the_account_asks(fleet: Store) -> None:
    before = everything_in(fleet)
    number = propose_facts(fleet, [expected(ONE, FOREIGN)], ANN)
    ledger.reject(fleet, number, BY_ANN, Moment(9))
    told = change_set(fleet, number)
    assert (told.state, told.decided_by, everything_in(fleet)) == ("rejected", ANN.actor, before)
    with pytest.raises(ChangeSetDecided):
        ledger.approve(fleet, number, BY_BOB, Moment(9))


def test_an_undo_waits_for_another_person_and_then_takes_all_back(fleet: Store) -> None:
    before = everything_in(fleet)
    number = applied_by_two(fleet)
    after = everything_in(fleet)
    undoing = ledger.undo(fleet, number, ANN)
    assert everything_in(fleet) == after
    told = change_set(fleet, undoing)
    assert (told.state, told.undoes, change_set(fleet, number).state) == (
        "proposed",
        number,
        "applied",
    )
    with fleet.snapshot() as reader:
        (change,), in_all = ledger.changes_in(reader, told, 9)
        assert [entry.returned for entry in ledger.log(reader, str(ONE))] == [None, None]
    assert isinstance(change, ExpectationChange)
    assert (str(change.old_imei), str(change.new_imei), in_all) == (str(FOREIGN), str(HOME), 1)
    ((tried, count),) = ledger.try_proposal(fleet, undoing)
    assert (count, len(tried.opened), everything_in(fleet)) == (1, 1, after)
    with pytest.raises(OwnProposal):
        ledger.approve(fleet, undoing, BY_ANN, Moment(9))
    assert ledger.approve(fleet, undoing, BY_BOB, Moment(9)) == (1, 0, ())
    assert everything_in(fleet) == before
    told = change_set(fleet, undoing)
    assert (told.state, told.decided_by, told.decided_at) == ("applied", BY_BOB.name, 9)
    assert change_set(fleet, number).state == "undone"


def test_an_undo_that_is_rejected_or_comes_too_late_takes_nothing_back(fleet: Store) -> None:
    number = applied_by_two(fleet)
    after = everything_in(fleet)
    rejected = ledger.undo(fleet, number, ANN)
    ledger.reject(fleet, rejected, BY_BOB, Moment(9))
    assert everything_in(fleet) == after
    late = ledger.undo(fleet, number, ANN)
    assert late != rejected
    assert ledger.undo(fleet, number, BOB) == late  # the one that is proposed already
    put(fleet, expected(ONE, THIRD), origin=OPERATOR)
    with pytest.raises(ChangedSince):
        ledger.approve(fleet, late, BY_BOB, Moment(9))
    ledger.undo(fleet, newest(fleet).change_set_id, OPERATOR)
    assert everything_in(fleet) == after
    ledger.undo(fleet, number, OPERATOR)
    with pytest.raises(ChangeSetDecided, match=f"{number} is undone"):
        ledger.approve(fleet, late, BY_BOB, Moment(9))
    ledger.reject(fleet, late, BY_BOB, Moment(9))


def test_of_an_undo_that_is_decided_about_its_own_state_is_told(fleet: Store) -> None:
    undoing = ledger.undo(fleet, applied_by_two(fleet), ANN)
    ledger.approve(fleet, undoing, BY_BOB, Moment(9))
    for decide in (ledger.approve, ledger.reject):
        with pytest.raises(ChangeSetDecided, match=f"{undoing} is applied, not proposed"):
            decide(fleet, undoing, BY_BOB, Moment(9))


def test_an_account_that_begins_to_ask_before_an_undo_has_its_turn_is_heard(fleet: Store) -> None:
    number = applied_by_two(fleet)
    ask(fleet, "a", Approval.OFF)
    undone_in: list[int] = []
    undoing = Thread(target=lambda: undone_in.append(ledger.undo(fleet, number, ANN)))
    with fleet.transaction() as writer:
        undoing.start()
        undoing.join(0.3)  # long enough to have read what is read before the turn comes
        accounts.ask(writer, "a", Approval.REQUIRED)
    undoing.join()
    assert change_set(fleet, undone_in[0]).state == "proposed"


def test_an_account_that_asks_is_seen_in_any_part_of_a_large_change_set(fleet: Store) -> None:
    with fleet.transaction() as writer:
        iccids = [Iccid(ONE - each) for each in range(1, SIMS_A_PART + 1)]
        writer.take(
            SimExpectation, [*map(expected, iccids), expected(ONE, FOREIGN)], None, OPERATOR
        )
    with fleet.snapshot() as reader:
        assert reader.asking_for_undo(newest(fleet)) == ("a",)


def test_the_operator_undoes_at_once_and_so_does_one_hand_in_other_accounts(fleet: Store) -> None:
    put(fleet, *FROM_B)
    assert (
        change_set(fleet, ledger.undo(fleet, newest(fleet).change_set_id, ANN)).state == "applied"
    )
    undoing = ledger.undo(fleet, applied_by_two(fleet), OPERATOR)
    assert (change_set(fleet, undoing).state, len(rows(fleet, "a"))) == ("applied", 1)

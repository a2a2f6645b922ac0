"""Changes of many SIMs, done part by part: others get in between, and what was killed goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tallystick.core.approval import Decider
from tallystick.core.errors import ChangedSince, ChangeSetDecided
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment
from tallystick.core.pairing import FirstUse
from tallystick.fleet import accounts, inventory, ledger
from tallystick.operations.verify import verify
from tallystick.store import open_store, unfinished
from tallystick.store.unfinished import WorkKind
from tallystick.thingspace.rows import wire_row
from tests.kept import everything_in
from tests.store.few import FOREIGN, HOME, ICCIDS, THIRD, expected, rows, seen, sim, start

if TYPE_CHECKING:
    from tallystick.core.facts import SimExpectation
    from tallystick.store import Store

SIMS = ICCIDS[:10]
PART = 3
ANN, BOB = Origin("ann", Moment(1)), Origin("bob", Moment(2))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of so few SIMs that ten of them need several."""
    monkeypatch.setattr(unfinished, "SIMS_A_PART", PART)
    monkeypatch.setattr(ledger, "SIMS_A_PART", PART)


@pytest.fixture
def fleet(store: Store) -> Store:
    """SIMs that were all seen where they are not expected."""
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in SIMS])
        writer.take_expectations([expected(iccid) for iccid in SIMS])
        writer.take_activations([seen(iccid, FOREIGN) for iccid in SIMS])
    return store


def differing(store: Store) -> int:
    """How many kept rows are not as the rule has them."""
    return sum(len(part.differences) for part in verify(store, wire_row))


def is_unfinished(store: Store) -> bool:
    with store.snapshot() as reader:
        return bool(reader.unfinished_work())


def propose(store: Store, *facts: SimExpectation) -> int:
    with store.transaction() as writer:
        number = writer.begin_change_set(ANN, "proposed")
        writer.propose(number, facts)
    return number


def put(store: Store, *facts: SimExpectation) -> int:
    """Expectations as a change set; its number."""
    with store.transaction() as writer:
        writer.take_expectations(facts)
    with store.snapshot() as reader:
        return reader.change_sets(1 << 60, 1)[0].change_set_id


# Accounts


def test_a_rename_goes_on_part_by_part_and_ends_with_every_row(fleet: Store) -> None:
    with fleet.transaction() as writer:
        accounts.rename(writer, "a", "b")
    assert differing(fleet) == len(SIMS) - PART
    fleet.finish_work()
    assert not is_unfinished(fleet)
    assert differing(fleet) == 0
    assert len(rows(fleet, "b")) == len(SIMS)


def test_an_account_that_is_renamed_again_meanwhile_has_its_last_name_everywhere(
    fleet: Store,
) -> None:
    for old, new in (("a", "b"), ("b", "c")):
        with fleet.transaction() as writer:
            accounts.rename(writer, old, new)
    fleet.finish_work()
    assert differing(fleet) == 0


def test_a_policy_is_applied_part_by_part(store: Store) -> None:
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in SIMS])
        writer.take_activations([seen(iccid, HOME, 1) for iccid in SIMS])
        writer.take_activations([seen(iccid, FOREIGN, 2) for iccid in SIMS])
    for first_use, kept in ((FirstUse.IMEI, len(SIMS)), (FirstUse.OFF, 0)):
        with store.transaction() as writer:
            accounts.hold(writer, "a", first_use)
        assert differing(store) == len(SIMS) - PART
        store.finish_work()
        assert (differing(store), len(rows(store))) == (0, kept)


def test_a_removed_account_leaves_no_work_behind(store: Store) -> None:
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in SIMS])
    with store.transaction() as writer:
        accounts.rename(writer, "a", "b")
    with store.transaction() as writer:
        inventory.remove(writer, SIMS, ANN)
        accounts.remove(writer, "b")
    assert not is_unfinished(store)


def test_other_writers_get_in_between(fleet: Store) -> None:
    """On a busy machine the other writer may come too late once. It gets in between in some try."""
    tries = [("a", "b"), ("b", "a")] * 10
    assert any(writers_of_a_renamed_account(fleet, *names) for names in tries)
    assert differing(fleet) == 0


def writers_of_a_renamed_account(fleet: Store, former: str, name: str) -> int:
    """How many transactions find that only a part of the account's SIMs is done."""
    with fleet.transaction() as writer:
        accounts.rename(writer, former, name)
    finishing = threading.Thread(target=fleet.finish_work)
    with fleet.transaction():
        finishing.start()
    got_in = 0
    while finishing.is_alive():
        with fleet.transaction() as writer:
            got_in += bool(writer.unfinished_work())
    finishing.join()
    return got_in


KILLED = """
import os, sys
from tallystick.fleet import accounts
from tallystick.store import open_store, unfinished
from tallystick.store.engines import citus
from tallystick.thingspace.rows import wire_row

unfinished.SIMS_A_PART = 3
citus.STEP_S = 10  # no machine is away that takes long to answer
store = open_store(sys.argv[1], wire_row)
with store.transaction() as writer:
    accounts.rename(writer, "a", "b")
with store.transaction() as writer:
    unfinished.go_on(writer, writer.unfinished_work()[0])
with store.transaction() as writer:
    unfinished.go_on(writer, writer.unfinished_work()[0])
    os.kill(os.getpid(), 9)
"""


def test_what_was_killed_is_found_and_finished_by_init(fleet: Store, database: str) -> None:
    with start(KILLED, database) as process:
        _, said = process.communicate()
    assert (process.returncode, said) == (-9, "")
    assert differing(fleet) == len(SIMS) - 2 * PART
    with open_store(database, wire_row) as other:
        other.init("UTC")
    assert not is_unfinished(fleet)
    assert differing(fleet) == 0


# Change sets


def test_a_proposal_is_put_in_force_part_by_part(fleet: Store) -> None:
    number = propose(fleet, *(expected(iccid, FOREIGN) for iccid in SIMS), expected(SIMS[0]))
    with fleet.transaction() as writer:
        writer.begin_approval(number, "bob", Moment(2))
    assert len(rows(fleet)) > 0
    with pytest.raises(ChangeSetDecided, match="is applying, not proposed"):
        ledger.approve(fleet, number, Decider("bob"), Moment(3))
    fleet.finish_work()
    assert (differing(fleet), len(rows(fleet))) == (0, 1)
    with fleet.snapshot() as reader:
        approved = ledger.change_set(reader, number)
        assert reader.count_of_proposed(number) == 0
    assert (approved.state, approved.decided_by, approved.corrected) == ("applied", "bob", 9)


def test_an_approval_counts_all_of_its_parts(fleet: Store) -> None:
    stays = [expected(iccid) for iccid in SIMS[:4]]
    number = propose(fleet, *(expected(iccid, FOREIGN) for iccid in SIMS[4:]), *stays)
    assert ledger.approve(fleet, number, Decider("bob"), Moment(2))[:2] == (6, 4)


def test_a_trial_of_a_proposal_tells_of_all_its_parts_and_changes_nothing(fleet: Store) -> None:
    before = everything_in(fleet)
    number = propose(fleet, *(expected(iccid, FOREIGN) for iccid in SIMS))
    parts = list(ledger.try_proposal(fleet, number))
    assert sum(facts for _, facts in parts) == len(SIMS)
    assert sum(len(tried.closed) for tried, _ in parts) == len(SIMS)
    assert everything_in(fleet).kept == before.kept


def test_an_undo_in_parts_leaves_what_was_there_and_is_undone_in_turn(fleet: Store) -> None:
    before = everything_in(fleet)
    later = [expected(iccid, THIRD, since=20) for iccid in SIMS[5:]]
    number = put(fleet, *(expected(iccid, FOREIGN) for iccid in SIMS), *later)
    after = everything_in(fleet)
    undone_in = ledger.undo(fleet, number, BOB)
    assert everything_in(fleet).expectations == before.expectations
    again = ledger.undo(fleet, undone_in, ANN)
    assert everything_in(fleet).expectations == after.expectations
    assert differing(fleet) == 0
    with fleet.snapshot() as reader:
        sets = {each: ledger.change_set(reader, each) for each in (number, undone_in, again)}
    assert [each.state for each in sets.values()] == ["applied", "undone", "applied"]
    assert (sets[undone_in].corrected, sets[undone_in].removed) == (10, 5)
    assert sets[undone_in].decided_at == BOB.at


def test_an_undo_of_a_removal_in_parts_brings_every_expectation_back(fleet: Store) -> None:
    before = everything_in(fleet)
    with fleet.transaction() as writer:
        inventory.remove(writer, SIMS, ANN)
    with fleet.snapshot() as reader:
        number = reader.change_sets(1 << 60, 1)[0].change_set_id
    ledger.undo(fleet, number, BOB)
    assert everything_in(fleet).expectations == before.expectations


def test_what_is_put_where_a_removal_left_nothing_stands_in_the_way_of_its_undo(
    fleet: Store,
) -> None:
    with fleet.transaction() as writer:
        inventory.remove(writer, SIMS, ANN)
    with fleet.snapshot() as reader:
        number = reader.change_sets(1 << 60, 1)[0].change_set_id
    put(fleet, expected(SIMS[3], THIRD))
    with pytest.raises(ChangedSince, match=str(SIMS[3])):
        ledger.undo(fleet, number, BOB)


def test_what_changes_while_an_undo_goes_on_stays(fleet: Store) -> None:
    number = put(fleet, *(expected(iccid, FOREIGN) for iccid in SIMS))
    with fleet.transaction() as writer:
        undone_in = writer.begin_change_set(BOB, "applying", number)
        writer.begin_undo(ledger.change_set(writer, number), undone_in)
    put(fleet, expected(SIMS[0], THIRD), expected(SIMS[-1], THIRD))
    fleet.finish_work()
    with fleet.snapshot() as reader:
        imeis = [reader.expectations_of(iccid)[0].imei for iccid in SIMS]
        assert ledger.change_set(reader, undone_in).state == "applied"
    assert imeis == [THIRD, *[HOME] * 8, THIRD]
    assert differing(fleet) == 0


@pytest.mark.parametrize("kind", WorkKind)
def test_every_kind_of_work_has_its_part(kind: WorkKind) -> None:
    assert kind in unfinished.DO_PART

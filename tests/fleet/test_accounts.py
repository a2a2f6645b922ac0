"""Accounts and SIMs as an operator changes them.

Nothing is lost, left behind or reported wrongly.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.approval import Approval
from tallystick.core.errors import (
    AccountNotEmpty,
    AccountNotFound,
    InvalidValue,
    NameTaken,
    SimNotFound,
)
from tallystick.core.facts import GroupMember
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment
from tallystick.core.pairing import FirstUse
from tallystick.core.selection import UNASSIGNED, Listed
from tallystick.fleet import accounts, groups, inventory, ledger
from tallystick.fleet.accounts import Account
from tallystick.fleet.groups import Group, GroupChange
from tallystick.fleet.inventory import Move
from tallystick.store.callbacks import ListenerRow
from tallystick.thingspace.rows import read_row
from tests.engines import rows_of
from tests.kept import everything_in, report_of, rule_of
from tests.store.few import (
    EVERYTHING,
    FOREIGN,
    MDN,
    ONE,
    THREE,
    TWO,
    expected,
    mismatch,
    rows,
    seen,
    sim,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.access import Access
    from tallystick.core.identifiers import Iccid
    from tallystick.fleet.inventory import SimsDone
    from tallystick.store import Reader, Store

PASSWORD = "correct horse"
ANN = Origin("ann", Moment(1))


@pytest.fixture
def fleet(store: Store) -> Store:
    """Two mismatched SIMs of account a, one of account b that is where it belongs."""
    take(store, sim(ONE, "a", MDN), sim(TWO, "a"), sim(THREE, "b"))
    take(store, *(expected(iccid) for iccid in (ONE, TWO, THREE)), seen(ONE), seen(TWO))
    take(store, GroupMember("a", "West", ONE), GroupMember("a", "West", TWO))
    return store


def change(store: Store, what: Callable[..., object], *arguments: object) -> None:
    """Change something in a transaction of its own."""
    with store.transaction() as writer:
        what(writer, *arguments)


def show(store: Store, name: str) -> Account:
    """An account."""
    with store.snapshot() as reader:
        return accounts.show(reader, name)


def moved(store: Store, *moves: tuple[Iccid, str]) -> SimsDone:
    """Move SIMs."""
    with store.transaction() as writer:
        return inventory.move(writer, [Move(*each) for each in moves])


def removed(store: Store, *iccids: Iccid) -> SimsDone:
    """Remove SIMs."""
    with store.transaction() as writer:
        return inventory.remove(writer, iccids, ANN)


def group_of(store: Store, iccid: Iccid) -> str | None:
    """The group that a SIM is in."""
    with store.snapshot() as reader:
        (found,) = inventory.records(reader, str(iccid))
    return found.group


def check_kept(store: Store) -> None:
    """Hold the kept answer to the rule."""
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)


# Accounts


def test_an_account_is_shown_with_what_it_has_and_who_sees_it(fleet: Store, access: Access) -> None:
    access.add_user("ada", PASSWORD, ["a"], all_accounts=False)
    access.add_user("bo", PASSWORD, ["b"], all_accounts=False)
    access.add_user("zoe", PASSWORD, [], all_accounts=True)
    assert show(fleet, "a") == Account(
        "a", FirstUse.OFF, Approval.OFF, sims=2, groups=1, users=("ada", "zoe")
    )


def test_an_account_is_made_once(store: Store) -> None:
    change(store, accounts.add, "a/b 100% é")
    assert show(store, "a/b 100% é") == Account("a/b 100% é", FirstUse.OFF, Approval.OFF, 0, 0, ())
    with pytest.raises(NameTaken, match="a/b"):
        change(store, accounts.add, "a/b 100% é")


@pytest.mark.parametrize("name", ["", "x" * 65, "line\nbreak"])
def test_an_account_needs_a_name_that_can_be_printed(store: Store, name: str) -> None:
    with pytest.raises(InvalidValue, match="account"):
        change(store, accounts.add, name)


def test_a_renamed_account_has_its_new_name_in_the_report_of_its_past(fleet: Store) -> None:
    change(fleet, accounts.rename, "a", "new")
    assert [read_row(row).account_name for row in report_of(fleet, EVERYTHING, "new")] == [
        "new",
        "new",
    ]
    assert show(fleet, "new") == Account(
        "new", FirstUse.OFF, Approval.OFF, sims=2, groups=1, users=()
    )
    check_kept(fleet)


def test_an_account_cannot_have_the_name_of_another(fleet: Store) -> None:
    with pytest.raises(NameTaken, match="'b'"):
        change(fleet, accounts.rename, "a", "b")
    with pytest.raises(InvalidValue, match="account"):
        change(fleet, accounts.rename, "a", "")
    change(fleet, accounts.rename, "a", "a")


@pytest.mark.parametrize(
    "what",
    [
        lambda writer: accounts.show(writer, "nobody's"),
        lambda writer: accounts.remove(writer, "nobody's"),
        lambda writer: accounts.rename(writer, "nobody's", "mine"),
    ],
    ids=["show", "remove", "rename"],
)
def test_an_account_that_there_is_not_is_refused_by_name(
    store: Store, what: Callable[[Reader], object]
) -> None:
    with pytest.raises(AccountNotFound, match="nobody's"):
        change(store, what)


def test_an_account_that_still_has_something_is_kept_and_told_what(fleet: Store) -> None:
    with fleet.transaction() as writer:
        writer.add_upload("request", accounts.number_of(writer, "a"), 0, b"[]", "ann")
    with pytest.raises(AccountNotEmpty, match=r"\(SIMs: 2, groups: 1, uploads to take in: 1\)"):
        change(fleet, accounts.remove, "a")
    assert show(fleet, "a").sims == 2


def test_an_empty_account_is_removed_and_nothing_of_it_is_left(
    fleet: Store, access: Access, database: str
) -> None:
    access.add_user("ada", PASSWORD, ["a"], all_accounts=False)
    with fleet.transaction() as writer:
        account_id = accounts.number_of(writer, "a")
        writer.add_upload("request", account_id, 0, b"[]", "ann")
        upload_id = writer.oldest_upload()
        assert upload_id
        writer.put_listener(ListenerRow(account_id, "DeviceService", "https://example.com", "", ""))
        writer.add_deliveries(account_id, "DeviceService", "request", b"{}", 0)
        writer.finish_upload(upload_id, b"{}")
        groups.delete(writer, account_id, "West")
        inventory.remove(writer, [ONE], ANN)
        inventory.move(writer, [Move(TWO, "b")])
        accounts.remove(writer, "a")
    with fleet.snapshot() as reader:
        assert list(accounts.listed(reader)) == ["b"]
    assert rows_of(database, "SELECT 1 FROM deliveries") == []
    for table in REFER_TO_ACCOUNTS:
        question = f"SELECT 1 FROM {table} WHERE account_id = {account_id}"  # noqa: S608 - our own
        assert rows_of(database, question) == [], table
    check_kept(fleet)


def test_a_new_account_of_a_removed_ones_name_is_seen_by_nobody_it_was_granted_to(
    store: Store, access: Access
) -> None:
    access.add_user("ada", PASSWORD, ["a"], all_accounts=False)
    change(store, accounts.remove, "a")
    change(store, accounts.add, "a")
    assert show(store, "a").users == ()
    assert access.user_named("ada").accounts == ()


def test_that_a_removed_sim_is_expected_nowhere_is_told_in_the_ledger_and_can_be_undone(
    fleet: Store,
) -> None:
    before = everything_in(fleet)
    assert removed(fleet, ONE, TWO).sims == [ONE, TWO]
    with fleet.snapshot() as reader:
        (change_set,) = reader.change_sets(1 << 62, 1)
        assert reader.values_of(ONE)[0].ended_in == change_set.change_set_id
    assert (change_set.actor, change_set.removed) == ("ann", 2)
    ledger.undo(fleet, change_set.change_set_id, ANN)
    assert everything_in(fleet).expectations == before.expectations
    take(fleet, sim(ONE, "a", MDN), sim(TWO, "a"))
    assert everything_in(fleet) == before


def test_a_sim_that_was_expected_nowhere_leaves_no_change_set_when_it_is_removed(
    store: Store,
) -> None:
    take(store, sim(ONE, "a"))
    removed(store, ONE)
    with store.snapshot() as reader:
        assert reader.change_sets(1 << 62, 1) == []


REFER_TO_ACCOUNTS = {
    "sims",
    "groups",
    "group_members",
    "mismatches",
    "user_accounts",
    "uploads",
    "listeners",
}
REFER_TO_USERS = {"user_accounts", "sessions", "personal_tokens", "saved_views", "login_addresses"}
REFER_TO_GROUPS = {"group_members"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("column", "home", "known"),
    [
        ("account_id", "accounts", REFER_TO_ACCOUNTS),
        ("user_id", "users", REFER_TO_USERS),
        ("group_id", "groups", REFER_TO_GROUPS),
    ],
)
def test_it_is_known_of_every_table_that_refers_to_something_that_can_be_removed(
    database: str, column: str, home: str, known: set[str]
) -> None:
    """A new table: say what becomes of its rows when that goes, test it, and name it above."""
    if database.startswith("sqlite") and home == "accounts":
        known = {*known, "listed_mismatches"}  # in step with `mismatches` by triggers
    catalogue = (
        "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c "
        "WHERE m.type = 'table'"
        if database.startswith("sqlite")
        else "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema()"
    )
    assert {table for table, name in rows_of(database, catalogue) if name == column} - {
        home
    } == known


# SIMs


def test_a_moved_sim_is_reported_in_its_new_account_alone(fleet: Store) -> None:
    assert moved(fleet, (ONE, "b")).sims == [ONE]
    assert rows(fleet, "a") == [mismatch(TWO)]
    assert [read_row(row).account_name for row in report_of(fleet, EVERYTHING, "b")] == ["b"]
    check_kept(fleet)


def test_a_moved_sim_is_in_no_group_of_the_account_it_left_even_when_it_comes_back(
    fleet: Store,
) -> None:
    moved(fleet, (ONE, "b"))
    assert group_of(fleet, ONE) == UNASSIGNED
    moved(fleet, (ONE, "a"))
    assert (group_of(fleet, ONE), group_of(fleet, TWO)) == (UNASSIGNED, "West")


def test_a_moved_sim_enters_the_group_that_waited_for_it(fleet: Store) -> None:
    take(fleet, GroupMember("b", "East", ONE))
    moved(fleet, (ONE, "b"))
    assert group_of(fleet, ONE) == "East"


def test_of_several_moves_of_a_sim_the_last_counts_and_staying_is_no_move(fleet: Store) -> None:
    assert moved(fleet, (ONE, "b"), (TWO, "a"), (ONE, "a"), (THREE, "a")).sims == [THREE]
    assert group_of(fleet, ONE) == "West"


def test_good_moves_are_made_beside_refused_ones(fleet: Store) -> None:
    done = moved(
        fleet, (ONE, "nobody's"), (TWO, "b"), (sim(ONE)._replace(iccid=STRANGER).iccid, "b")
    )
    assert done.sims == [TWO]
    assert {place: type(refusal) for place, refusal in done.refused.items()} == {
        0: AccountNotFound,
        2: SimNotFound,
    }
    with pytest.raises(AccountNotFound, match="nobody's"):
        done.require_all()


STRANGER = type(ONE).parse("89148000000899999999")


def test_a_removed_sim_takes_its_expectations_groups_and_rows_with_it(
    fleet: Store, database: str
) -> None:
    take(fleet, GroupMember("b", "East", ONE))
    assert removed(fleet, ONE, ONE).sims == [ONE]
    assert rows(fleet) == [mismatch(TWO)]
    for table in ("sims", "expectations", "group_members", "mismatches"):
        assert rows_of(database, f"SELECT 1 FROM {table} WHERE iccid = {int(ONE)}") == [], table  # noqa: S608
    check_kept(fleet)


def test_what_the_network_saw_of_a_removed_sim_waits_until_it_is_loaded_again(fleet: Store) -> None:
    removed(fleet, ONE)
    with fleet.snapshot() as reader:
        (found,) = inventory.records(reader, str(ONE))
    assert (found.sim, found.group, found.expectations, found.activations) == (None, None, 0, 1)
    take(fleet, sim(ONE, "b"), expected(ONE))
    assert rows(fleet, "b") == [mismatch(ONE)]


def test_a_sim_that_is_only_expected_can_be_removed_and_one_that_was_only_seen_cannot(
    store: Store,
) -> None:
    take(store, expected(ONE), seen(TWO))
    done = removed(store, ONE, TWO)
    assert done.sims == [ONE]
    with pytest.raises(SimNotFound, match=str(TWO)):
        done.require_all()


def test_what_was_judged_before_a_removal_is_judged_anew(fleet: Store) -> None:
    with fleet.snapshot() as reader:
        before = reader.expectations_version()
    removed(fleet, ONE)
    with fleet.snapshot() as reader:
        assert reader.expectations_version() > before


def test_a_sim_in_short_counts_what_is_told_of_it(fleet: Store) -> None:
    take(fleet, seen(ONE, FOREIGN, at=20))
    with fleet.snapshot() as reader:
        (by_number,) = inventory.records(reader, str(MDN))
    assert by_number.sim == sim(ONE, "a", MDN)
    assert (
        by_number.group,
        by_number.expectations,
        by_number.activations,
        by_number.mismatches,
    ) == ("West", 1, 2, 1)


# Groups


def test_ids_that_no_sim_of_the_account_has_are_told(fleet: Store) -> None:
    with fleet.transaction() as writer:
        wanted = GroupChange(added=Listed((ONE, THREE)), removed=Listed(mdns=(MDN,)))
        changed = groups.change_and_show(writer, accounts.number_of(writer, "a"), "West", wanted)
        assert (changed.group.name, changed.passed_over) == ("West", Listed((THREE,)))
        made = groups.create_and_show(
            writer, accounts.number_of(writer, "b"), "East", "far", Listed((ONE, THREE), (MDN,))
        )
        assert (made.group, made.passed_over) == (Group("East", "far"), Listed((ONE,), (MDN,)))


@pytest.mark.parametrize("of_group", [{"name": "h"}, {"description": ""}])
def test_a_change_of_the_group_itself_is_not_of_its_listed_sims_alone(
    of_group: dict[str, Any],
) -> None:
    """Every machine of a cluster has a copy of the group, of an empty description too."""
    members = GroupChange(added=Listed((ONE,)), removed=Listed((TWO,)))
    assert members.sims() == frozenset((ONE, TWO))
    assert replace(members, **of_group).sims() is None
    assert replace(members, added=Listed((), (MDN,))).sims() is None


def test_a_removed_group_leaves_no_member_behind(fleet: Store, database: str) -> None:
    with fleet.transaction() as writer:
        groups.delete(writer, accounts.number_of(writer, "a"), "West")
    assert rows_of(database, "SELECT 1 FROM group_members") == []
    assert group_of(fleet, ONE) == UNASSIGNED

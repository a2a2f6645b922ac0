"""What is recorded with a change, what is noted in passing, and how the chain is proved."""

from __future__ import annotations

import json
from secrets import token_bytes
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tallystick.access.audit import (
    BURST_S,
    BURSTS_MAX,
    NOTES_AT_ONCE,
    AuditTrail,
    Notes,
)
from tallystick.background import Loops
from tallystick.core.acts import DONE, Act, Link, Via, refused
from tallystick.core.errors import NameTaken, PasswordRefused
from tallystick.core.moments import SECONDS_A_DAY, Moment
from tallystick.operations.copying import copy
from tallystick.settings import Settings, settings_changed
from tallystick.store import open_store
from tallystick.store.acting import act_under_way, acting
from tallystick.store.audit import AuditFilter
from tallystick.thingspace.rows import wire_row
from tests.engines import rows_of
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.conftest import Clock

PASSWORD = "correct horse"
ALL = AuditFilter(1 << 60)
REFUSED = refused("password-refused")


class Timer:
    """Seconds that are set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def audit(store: Store, clock: Clock, timer: Timer) -> Iterator[AuditTrail]:
    opened = AuditTrail(store, clock, Loops(timer))
    yield opened
    opened.close()


def act_of(action: str, actor: str = "ann", address: str = "192.0.2.1") -> Act:
    """An act over HTTP."""
    return Act(Moment(1), Via.HTTP, action, actor, address=address)


def outcomes(audit: AuditTrail) -> list[tuple[str, str]]:
    """Action and outcome of each record, the oldest first."""
    return [(entry.action, entry.outcome) for _, entry, _ in audit.records()]


def test_a_change_and_its_record_are_one_transaction(access: Access) -> None:
    with acting(act_of("app.add")):
        access.add_app("loader", ["intake"])
    with acting(act_of("app.add")), pytest.raises(NameTaken):
        access.add_app("loader", ["intake"])
    assert act_under_way() is None
    access.add_app("unseen", ["intake"])
    assert outcomes(access.audit) == [("app.add", "done")]


def test_what_cannot_be_recorded_is_not_done(database: str, access: Access) -> None:
    rows_of(database, "DELETE FROM audit_chain RETURNING 1")
    with acting(act_of("app.add")), pytest.raises(AssertionError):
        access.add_app("loader", ["intake"])
    assert access.apps() == []


def test_a_long_act_is_recorded_once_as_begun_and_a_trial_not_at_all(
    store: Store, access: Access
) -> None:
    act = Act(Moment(1), Via.COMMAND, "import", is_long=True)
    with acting(act):
        for name in ("a", "b"):
            access.add_app(name, ["m2m"])
    with acting(act_of("try")), store.transaction() as writer:
        writer.try_expectations([])
    assert outcomes(access.audit) == [("import", "begun")]


def test_records_are_found_by_who_did_what_and_when(audit: AuditTrail) -> None:
    for second, (actor, action) in enumerate(
        [("ann", "user.add"), ("bob", "user.add"), ("ann", "user.change"), ("ann", "user.add")]
    ):
        audit.add(Act(Moment(second), Via.HTTP, action, actor, subject=f"s{second}"), DONE)

    def numbers(asked: AuditFilter, at_most: int = 9) -> list[int]:
        return [record.number for record in audit.page(asked, at_most)]

    assert numbers(ALL) == [4, 3, 2, 1]
    assert numbers(ALL, 2) == [4, 3]
    assert numbers(ALL._replace(before=3)) == [2, 1]
    assert numbers(ALL._replace(actor="ann")) == [4, 3, 1]
    assert numbers(ALL._replace(action="user.add")) == [4, 2, 1]
    assert numbers(ALL._replace(action="user.add", subject="s1")) == [2]
    assert numbers(ALL._replace(actor="ann", action="user.add")) == [4, 1]
    assert numbers(ALL._replace(earliest=0, latest=3)) == [3, 2]
    assert numbers(ALL._replace(subject="s1")) == [2]
    assert numbers(ALL._replace(latest=3, before=3)) == [2, 1]


def test_a_record_changed_behind_the_programs_back_is_named(
    database: str, audit: AuditTrail
) -> None:
    for number in range(3):
        audit.add(act_of(f"act.{number}"), DONE)
    assert audit.verify() == (1, audit.verify().head, None)
    rows_of(database, "UPDATE audit_records SET actor = 'eve' WHERE number = 2 RETURNING number")
    misfit = audit.verify().misfit
    assert misfit
    assert misfit.number == 2


def test_the_cut_off_end_of_a_chain_is_missed(database: str, audit: AuditTrail) -> None:
    for number in range(3):
        audit.add(act_of(f"act.{number}"), DONE)
    rows_of(database, "DELETE FROM audit_records WHERE number = 3 RETURNING number")
    misfit = audit.verify().misfit
    assert misfit
    assert misfit.number == 3


def test_what_is_pruned_leaves_a_chain_that_is_proved_from_its_anchor_on(
    database: str, audit: AuditTrail, clock: Clock
) -> None:
    for number in range(3):
        audit.add(Act(clock(), Via.HTTP, f"act.{number}"), DONE)
    noted = audit.verify().head
    clock.advance(31 * SECONDS_A_DAY)
    audit.add(Act(clock(), Via.HTTP, "act.3"), DONE)
    assert not audit.prune(0)
    assert not audit.prune(32)
    assert len(outcomes(audit)) == 4
    assert not audit.prune(30)
    assert outcomes(audit) == [("act.3", "done"), ("audit.prune", "done")]
    oldest, head, misfit = audit.verify(noted)
    assert (oldest, head.number, misfit) == (4, 5, None)
    wrong = audit.verify(Link(2, noted.digest)).misfit
    assert wrong
    rows_of(database, "DELETE FROM audit_records WHERE number = 4 RETURNING number")
    misfit = audit.verify().misfit
    assert misfit
    assert misfit.number == 4


def test_old_records_are_pruned_in_order_some_at_a_time_and_the_last_ones_too(
    store: Store, audit: AuditTrail
) -> None:
    for moment in (1, 2, 9, 3):  # when acts began, which may end in another order
        audit.add(Act(Moment(moment), Via.HTTP, "act"), DONE)
    with store.transaction() as writer:
        bounds = [(1, 9), (5, 2), (5, 9), (10, 9), (10, 3)]
        links = [writer.prunable_audit(Moment(before), at_most) for before, at_most in bounds]
    assert [link and link.number for link in links] == [None, 2, 2, 4, 3]


def test_settings_are_recorded_when_a_server_starts_with_others(audit: AuditTrail) -> None:
    first = settings_changed(Settings(port=81, database="postgresql://u:p@h/d"))
    assert first == {
        "TALLYSTICK_PORT": "81",
        "TALLYSTICK_DATABASE": "postgresql://…@h/d",
    }
    for changed in (first, first, {}, first):
        audit.record_settings(changed)
    told = [json.loads(entry.details) for _, entry, _ in audit.records()]
    assert told == [first, {}, first]


def test_failed_logins_of_one_name_and_address_are_one_record_with_a_count(
    access: Access, timer: Timer, store: Store, clock: Clock
) -> None:
    access.add_user("ann", PASSWORD, [], all_accounts=True)
    audit = access.audit = AuditTrail(store, clock, Loops(timer))
    for _ in range(7):
        with acting(act_of("session.login", "portal")), pytest.raises(PasswordRefused):
            access.login("ann", "wrong")
    with acting(act_of("session.login", "portal")), pytest.raises(PasswordRefused):
        access.login("correct horse", "wrong")
    audit.close()
    counts: dict[str, int] = {}
    for _, entry, _ in audit.records():
        assert entry.outcome == REFUSED
        count = json.loads(entry.details).get("count", 1)
        counts[entry.actor] = counts.get(entry.actor, 0) + count
    assert counts == {"portal/?": 1, "portal/ann": 7}
    assert len(list(audit.records())) < 5
    assert "horse" not in str(list(audit.records()))


def test_of_two_resets_at_once_the_second_is_recorded_as_refused_alone(
    access: Access, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    access.add_user("ann", PASSWORD, [], all_accounts=True)
    user_id = access.user_of_session(access.login("ann", PASSWORD))
    slow = quick_access(store, clock, token_bytes)
    fits = slow._passwords.fits  # noqa: SLF001 - a moment that no caller can hit from outside
    new: list[str] = []

    def fits_and_is_reset(password: str, password_argon2: str) -> bool:
        was_right = fits(password, password_argon2)
        if not new:  # by somebody else, in a thread of their own
            other = Thread(target=lambda: new.append(access.reset_password(user_id, PASSWORD)))
            other.start()
            other.join()
        return was_right

    monkeypatch.setattr(slow._passwords, "fits", fits_and_is_reset)  # noqa: SLF001 - the same
    with acting(act_of("password.reset", "portal")), pytest.raises(PasswordRefused):
        slow.reset_password(user_id, PASSWORD)
    slow.close()
    assert access.login("ann", *new)
    assert outcomes(slow.audit) == [("password.reset", refused("password-refused"))]


def test_what_is_repeated_is_written_at_once_and_then_every_ten_minutes(timer: Timer) -> None:
    notes = Notes(timer)

    def written() -> list[int]:
        due = notes.due()
        notes.written(due)
        return [each.notes for each in due]

    notes.add(act_of("call"), REFUSED)
    assert written() == [1]
    for _ in range(5):
        notes.add(act_of("call"), REFUSED)
    timer.seconds = BURST_S - 1
    assert written() == []
    timer.seconds = BURST_S
    assert written() == [5]
    timer.seconds = 2 * BURST_S
    assert written() == []


def test_what_comes_while_a_part_of_it_is_written_is_not_lost_at_the_end(timer: Timer) -> None:
    notes = Notes(timer)
    notes.add(act_of("call"), REFUSED)
    being_written = notes.due()
    notes.add(act_of("call"), REFUSED)
    notes.hurry()
    notes.written(being_written)
    assert [each.notes for each in notes.due()] == [1]


def test_a_stranger_with_any_number_of_addresses_causes_a_bounded_number_of_records(
    timer: Timer,
) -> None:
    notes, records, told = Notes(timer), 0, 0
    for hour in range(3):
        for minute in range(60):
            timer.seconds = 60.0 * (60 * hour + minute)
            for number in range(2 * BURSTS_MAX):
                notes.add(act_of("call", address=f"{minute}.{number}"), REFUSED)
            due = notes.due()
            notes.written(due)
            records += len(due)
            told += sum(each.notes for each in due)
    assert records <= NOTES_AT_ONCE + 3 * 360 + 3 * 6 + 1
    timer.seconds += BURST_S
    told += sum(each.notes for each in notes.due())
    assert told == 3 * 60 * 2 * BURSTS_MAX


def test_a_copy_of_a_store_has_the_same_chain_and_goes_on_with_it(
    access: Access, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        access.audit.add(act_of(name), DONE)
    with open_store(f"sqlite:///{tmp_path}/copy.db", wire_row) as target:
        for _ in range(2):
            with acting(act_of("copy")):
                copy(store, target, lambda _done, _steps: None)
        trail = AuditTrail(target, lambda: Moment(0), Loops())
        actions = ["a", "b", "copy", "copy"]
        assert [entry.action for _, entry, _ in trail.records()] == actions
        assert trail.verify().misfit is None

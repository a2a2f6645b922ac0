"""The outbox: what is put there is delivered at least once, or given up and shown."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
import pytest

from tallystick import outbox
from tallystick.clock import system_clock
from tallystick.core.approval import Approval, Decider
from tallystick.core.errors import (
    AccountNotEmpty,
    DeliveryNotFound,
    InvalidValue,
    ListenerNotFound,
)
from tallystick.core.facts import SimExpectation
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.moments import BEGINNING
from tallystick.core.retries import WAIT_S_MAX
from tallystick.fleet import accounts, ledger
from tallystick.outbox import Outbox, deliveries, post, posting
from tallystick.outbox.uploads import FAILURES_MAX, SERVICE, Outcome, Pair, Uploads, outcome_of
from tallystick.store import open_store
from tallystick.store.callbacks import ListenerRow
from tallystick.store.engines.sqlite import path_of
from tallystick.store.queries import queries_for
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import wire_row
from tests.contract.conftest import account_with
from tests.listening import PATIENCE_S, listening, wait_until
from tests.store.few import FOREIGN, HOME, ICCIDS, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.identifiers import Iccid
    from tallystick.core.ledger import ChangeSet
    from tallystick.core.moments import Moment
    from tallystick.store import Store
    from tallystick.store.callbacks import DeliveryRow
    from tests.conftest import Clock
    from tests.listening import Listener

OUTCOME = b'{"accepted":1,"rejected":[]}'
DAY_S = 86_400
DOWN = "answered 503"


def always_half() -> float:
    return 0.5


def to(url: str, body: bytes) -> str | None:
    """Call a listener of the test."""
    return post(url, body, private_allowed=True)


def outbox_of(store: Store, clock: Callable[[], Moment]) -> Outbox:
    return Outbox(store, clock, always_half, message_of, to)


def registered(store: Store, account: str, listener: Listener, service: str = SERVICE) -> int:
    """Register a listener of an account; give the account's number."""
    with store.transaction() as writer:
        account_ids, _ = writer.account_ids_made({account})
        row = ListenerRow(
            account_ids[account], service, f"http://127.0.0.1:{listener.port}/", "ann", "hush"
        )
        outbox.register(writer, row, private_allowed=True)
    return account_ids[account]


def put(store: Store, clock: Clock, account_id: int, *request_ids: str) -> None:
    """Put outcomes in the outbox."""
    with store.transaction() as writer:
        for request_id in request_ids:
            writer.add_deliveries(account_id, SERVICE, request_id, OUTCOME, clock())


def kept(store: Store) -> list[DeliveryRow]:
    """What waits or was given up."""
    with store.snapshot() as reader:
        return reader.deliveries(reader.accounts().values())


def deliver_due(store: Store, clock: Clock) -> list[str]:
    """Make every delivery that is due, one after the other; give their requests."""
    box, made = outbox_of(store, clock), []
    while claimed := box.claim(8):
        for delivery in claimed:
            box.deliver(delivery)
            made.append(delivery.request_id)
    return made


def test_an_upload_puts_its_outcome_in_the_outbox_and_the_listener_is_told(
    store: Store, clock: Clock
) -> None:
    account_id, (iccid,) = account_with(store, "told", 1)
    uploads = Uploads(store, clock, secrets.token_bytes)
    with listening() as listener:
        registered(store, "told", listener)
        with store.transaction() as writer:
            request_id = uploads.put(
                writer, account_id, [Pair(str(iccid), "352099001761481"), Pair("1", "2")], "ann"
            )
        assert kept(store) == []
        assert uploads.take_next()
        assert [each.request_id for each in kept(store)] == [request_id]
        assert deliver_due(store, clock) == [request_id]
    (message,) = listener.messages
    (rejected,) = message.pop("outcome")["rejected"]
    assert message == {
        "username": "ann",
        "password": "hush",
        "requestId": request_id,
        "deviceIds": [],
        "status": "Success",
        "callbackCount": 1,
    }
    assert rejected["index"] == 1
    assert kept(store) == []


class Asking(NamedTuple):
    """An account that asks for approval, and its SIMs, of which the first is expected in `HOME`."""

    account_id: int
    iccids: list[Iccid]


@pytest.fixture
def asking(store: Store) -> Asking:
    account_id, iccids = account_with(store, "asks", 3)
    take(store, SimExpectation(iccids[0], BEGINNING, HOME))
    with store.transaction() as writer:
        writer.set_approval(account_id, Approval.REQUIRED)
    return Asking(account_id, iccids)


def put_pairs(store: Store, uploads: Uploads, account_id: int, *pairs: tuple[object, str]) -> str:
    """Upload pairs; give the request."""
    uploaded = [Pair(str(iccid), imei) for iccid, imei in pairs]
    with store.transaction() as writer:
        return uploads.put(writer, account_id, uploaded, "app/ann")


def decided(store: Store, clock: Clock, *, is_approved: bool = True) -> ChangeSet:
    """Have somebody else decide about what came last; give it as it was before."""
    with store.snapshot() as reader:
        (proposal, *_) = reader.change_sets(BEHIND_ALL, 1)
    decide = ledger.approve if is_approved else ledger.reject
    decide(store, proposal.change_set_id, Decider("bob"), clock())
    return proposal


def outcome_in(store: Store, account_id: int, request_id: str) -> Outcome | None:
    with store.snapshot() as reader:
        return outcome_of(reader, account_id, request_id)


@pytest.mark.parametrize("is_approved", [True, False])
def test_an_upload_to_an_account_that_asks_is_pending_until_somebody_has_decided(
    store: Store, clock: Clock, asking: Asking, is_approved: bool
) -> None:
    account_id, (known, iccid, other) = asking
    uploads = Uploads(store, clock, secrets.token_bytes)
    pairs = [(iccid, str(FOREIGN)), ("1", "2"), (known, str(HOME)), (ICCIDS[-1], str(HOME))]
    request_id = put_pairs(store, uploads, account_id, *pairs)
    bad = put_pairs(store, uploads, account_id, ("1", "2"))
    assert (uploads.take_next(), uploads.take_next(), uploads.take_next()) == (True, True, False)
    assert outcome_in(store, account_id, bad) is not None  # behind one that is pending
    assert outcome_in(store, account_id, request_id) is None
    with store.snapshot() as reader:
        assert len(reader.whole_expectations_between(-1, other)) == 1
    proposal = decided(store, clock, is_approved=is_approved)
    assert (proposal.state, proposal.actor, proposal.source) == ("proposed", "app/ann", "upload")
    assert uploads.take_next()
    outcome = outcome_in(store, account_id, request_id)
    with store.snapshot() as reader:
        expectations = reader.whole_expectations_between(-1, other)
    assert outcome is not None
    assert outcome.accepted == len(expectations) == (2 if is_approved else 1)
    own_reasons = {1: "iccid must be", 3: "the account has no SIM"}
    expected = own_reasons if is_approved else own_reasons | {0: "was not approved"}
    reasons = {each.index: each.reason for each in outcome.rejected}
    assert list(reasons) == sorted(expected)
    for index, words in expected.items():
        assert words in reasons[index]


def test_what_comes_of_a_proposed_upload_is_what_was_judged_and_approved(
    store: Store, clock: Clock, asking: Asking
) -> None:
    account_id, (_, iccid, _) = asking
    faults = 0

    def failing_clock() -> Moment:
        nonlocal faults
        if faults:
            faults -= 1
            raise RuntimeError
        return clock()

    def doubts_of(*_: object) -> dict[str, Any]:
        assert not faults
        return {"asked": 1}

    uploads = Uploads(store, failing_clock, secrets.token_bytes, doubts_of=doubts_of)
    request_id = put_pairs(store, uploads, account_id, (iccid, str(FOREIGN)))
    assert uploads.take_next()
    with store.transaction() as writer:
        account_ids, _ = writer.account_ids_made({"elsewhere"})
        writer.move_sims(account_ids["elsewhere"], [iccid])
    decided(store, clock)
    faults = FAILURES_MAX
    for _ in range(FAILURES_MAX):
        with pytest.raises(RuntimeError):
            uploads.take_next()
    assert outcome_in(store, account_id, request_id) == Outcome(1, [], {"asked": 1})


def test_an_upload_waits_for_approval_or_to_be_taken_in_and_is_counted_as_what_it_does(
    store: Store, clock: Clock, asking: Asking
) -> None:
    account_id, (_, iccid, _) = asking
    uploads = Uploads(store, clock, secrets.token_bytes)

    def waiting() -> tuple[int, int, int, bool]:
        with store.snapshot() as reader:
            return (
                reader.count_waiting_uploads(),
                reader.count_waiting_uploads_to(account_id),
                reader.count_proposed_uploads_to(account_id),
                reader.oldest_upload() is not None,
            )

    put_pairs(store, uploads, account_id, (iccid, str(FOREIGN)))
    assert waiting() == (1, 1, 0, True)
    uploads.take_next()
    assert waiting() == (0, 0, 1, False)
    with store.transaction() as writer, pytest.raises(AccountNotEmpty, match="uploads to approve"):
        accounts.remove(writer, "asks")
    decided(store, clock)
    assert waiting() == (1, 1, 0, True)
    uploads.take_next()
    assert waiting() == (0, 0, 0, False)


def test_asking_for_the_next_upload_visits_none_that_waits_for_approval(
    database: str, store: Store
) -> None:
    """It is asked each second, and those that wait for approval may be many, and wait long."""
    assert not store.is_empty()
    if not database.startswith("sqlite:"):
        pytest.skip("PostgreSQL chooses by what is in the table")
    driver = apsw.Connection(str(path_of(database)))
    query = queries_for("sqlite")["oldest_upload"]
    plan = driver.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    (index,) = driver.execute("SELECT sql FROM sqlite_schema WHERE name = 'uploads_waiting'")
    driver.close()
    assert [str(step[-1]).partition(" USING ")[2][-21:] for step in plan] == [
        "INDEX uploads_waiting"
    ], plan
    assert "waits_for IS NULL" in str(index)


def test_a_failed_upload_is_told_with_a_fault(store: Store, clock: Clock) -> None:
    with listening() as listener:
        account_id = registered(store, "told", listener)
        with store.transaction() as writer:
            outcome = json.dumps(
                {"accepted": 0, "rejected": [{"index": 0, "reason": "not ours"}]}
            ).encode()
            writer.add_deliveries(account_id, SERVICE, "r", outcome, clock())
        deliver_due(store, clock)
    (message,) = listener.messages
    assert message["status"] == "Failed"
    assert message["faultResponse"] == {
        "faultcode": "UnifiedWebService.REQUEST_FAILED.UnexpectedError",
        "faultstring": "REQUEST_FAILED. None of 1 pairs was taken in; pair 0: not ours",
    }


def test_only_listeners_of_the_account_and_the_service_are_told(store: Store, clock: Clock) -> None:
    with listening() as listener:
        account_id = registered(store, "one", listener, "CarrierService")
        registered(store, "other", listener)
        put(store, clock, account_id, "r")
        assert kept(store) == []


def test_a_listener_that_fails_twice_is_tried_later_and_later_until_it_accepts(
    store: Store, clock: Clock
) -> None:
    with listening(503, 500, 202) as listener:
        put(store, clock, registered(store, "a", listener), "r")
        assert deliver_due(store, clock) == ["r"]
        (failed,) = kept(store)
        assert (failed.attempts, failed.last_error, failed.given_up_at) == (1, DOWN, None)
        clock.advance(3.74)  # five seconds less a quarter
        assert deliver_due(store, clock) == []
        clock.advance(0.02)
        assert deliver_due(store, clock) == ["r"]
        clock.advance(7.4)
        assert deliver_due(store, clock) == []
        clock.advance(0.2)
        assert deliver_due(store, clock) == ["r"]
        assert kept(store) == []
    assert [message["callbackCount"] for message in listener.messages] == [1, 2, 3]


def test_of_one_listener_one_delivery_is_made_at_a_time_the_oldest_first(
    store: Store, clock: Clock
) -> None:
    with listening() as listener, listening() as another:
        box = outbox_of(store, clock)
        put(store, clock, registered(store, "a", listener), "first", "second")
        put(store, clock, registered(store, "b", another), "of another")
        (first, other) = sorted(box.claim(8), key=lambda each: each.delivery_id)
        assert (first.request_id, other.request_id) == ("first", "of another")
        assert box.claim(8) == []
        box.deliver(first)
        assert [each.request_id for each in box.claim(8)] == ["second"]


def test_after_a_failure_the_other_deliveries_to_the_listener_wait_a_minute(
    store: Store, clock: Clock
) -> None:
    with listening(503, 200) as listener, listening() as another:
        account_id = registered(store, "a", listener)
        put(store, clock, account_id, "first", "second")
        put(store, clock, registered(store, "b", another), "of another")
        assert sorted(deliver_due(store, clock)) == ["first", "of another"]
        clock.advance(4)
        assert deliver_due(store, clock) == ["first"]
        clock.advance(55)
        assert deliver_due(store, clock) == []
        clock.advance(2)
        assert deliver_due(store, clock) == ["second"]


def test_what_was_claimed_by_a_process_that_is_gone_is_claimed_again_when_its_lease_ends(
    store: Store, clock: Clock
) -> None:
    with listening() as listener:
        put(store, clock, registered(store, "a", listener), "r")
        assert len(outbox_of(store, clock).claim(8)) == 1
        clock.advance(deliveries.LEASE_S - 1)
        assert deliver_due(store, clock) == []
        clock.advance(1)
        assert deliver_due(store, clock) == ["r"]


def test_no_two_processes_claim_the_same_delivery(
    store: Store, database: str, clock: Clock
) -> None:
    """Several stores on one database are as several processes to it."""
    with listening() as listener:
        for number in range(20):
            put(store, clock, registered(store, f"account {number}", listener), "r")
    claimed: list[int] = []

    def work() -> None:
        with open_store(database, wire_row) as own:
            box = outbox_of(own, clock)
            while some := box.claim(3):
                claimed.extend(each.delivery_id for each in some)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20


def test_a_listener_that_fails_for_a_day_is_given_up_and_forgotten_a_month_later(
    store: Store, clock: Clock
) -> None:
    with listening(503) as listener:
        account_id = registered(store, "a", listener)
        put(store, clock, account_id, "old", "as old")
        clock.advance(DAY_S - 1)
        put(store, clock, account_id, "new")
        deliver_due(store, clock)
        assert [each.given_up_at for each in kept(store)] == [None] * 3
        clock.advance(60)
        deliver_due(store, clock)
        given_up = {each.request_id: each for each in kept(store) if each.given_up_at}
        assert set(given_up) == {"old", "as old"}
        assert {each.last_error for each in given_up.values()} == {DOWN}
        clock.advance(DAY_S)
        assert deliver_due(store, clock) == ["new"]
        clock.advance(30 * DAY_S - 10)
        put(store, clock, account_id, "later")
        deliver_due(store, clock)
        assert [each.request_id for each in kept(store)] == ["new", "later"]


def test_a_delivery_that_was_given_up_is_tried_again_when_an_operator_says_so(
    store: Store, clock: Clock
) -> None:
    with listening(503, 503, 200) as listener:
        put(store, clock, registered(store, "a", listener), "r")
        clock.advance(DAY_S + 1)
        deliver_due(store, clock)
        (given_up,) = kept(store)
        assert given_up.given_up_at
        for count in (2, 3):
            with store.transaction() as writer:
                outbox.retry(writer, given_up.delivery_id, clock())
            assert deliver_due(store, clock) == ["r"]
            assert len(listener.messages) == count
    assert kept(store) == []
    with store.transaction() as writer, pytest.raises(DeliveryNotFound):
        outbox.retry(writer, given_up.delivery_id, clock())


def test_what_waits_goes_to_the_new_address_at_once_when_the_listener_moves(
    store: Store, clock: Clock
) -> None:
    with listening(503) as old, listening() as new:
        put(store, clock, registered(store, "a", old), "first", "second")
        deliver_due(store, clock)
        registered(store, "a", new)
        assert deliver_due(store, clock) == ["first", "second"]
        assert len(new.messages) == 2


def test_a_listener_that_is_deregistered_takes_what_waits_for_it_along(
    store: Store, clock: Clock
) -> None:
    with listening() as listener:
        account_id = registered(store, "a", listener)
        put(store, clock, account_id, "r")
        claimed = outbox_of(store, clock).claim(8)
        with store.transaction() as writer:
            outbox.deregister(writer, account_id, SERVICE)
        assert kept(store) == []
        outbox_of(store, clock).deliver(claimed[0])  # which was under way
        with store.transaction() as writer, pytest.raises(ListenerNotFound, match=SERVICE):
            outbox.deregister(writer, account_id, SERVICE)


def test_who_is_late_to_say_how_a_delivery_went_changes_no_other_one(
    store: Store, clock: Clock
) -> None:
    with listening() as listener:
        account_id = registered(store, "a", listener)
        put(store, clock, account_id, "r")
        (late,) = outbox_of(store, clock).claim(8)
        clock.advance(deliveries.LEASE_S)
        assert deliver_due(store, clock) == ["r"]
        put(store, clock, account_id, "next")
        outbox_of(store, clock).deliver(late)
        assert [each.request_id for each in kept(store)] == ["next"]


def test_what_was_due_before_the_clock_was_set_back_a_day_is_due_now(
    store: Store, clock: Clock
) -> None:
    with listening(503, 200) as listener:
        put(store, clock, registered(store, "a", listener), "r")
        deliver_due(store, clock)
        clock.advance(-DAY_S)
        assert deliver_due(store, clock) == ["r"]
        assert kept(store) == []


def test_a_lease_of_before_the_clock_was_set_back_has_ended(store: Store, clock: Clock) -> None:
    with listening() as listener:
        put(store, clock, registered(store, "a", listener), "r")
        assert len(outbox_of(store, clock).claim(8)) == 1
        clock.advance(-deliveries.AHEAD_S_MAX)  # as a process's clock that is behind another one's
        assert outbox_of(store, clock).claim(8) == []
        clock.advance(-DAY_S)
        assert deliver_due(store, clock) == ["r"]


def test_a_delivery_of_before_the_clock_was_set_back_is_tried_for_a_day_from_now(
    store: Store, clock: Clock
) -> None:
    with listening(503) as listener:
        put(store, clock, registered(store, "a", listener), "r")
        clock.advance(-10 * DAY_S)
        deliver_due(store, clock)
        clock.advance(DAY_S - 1)
        deliver_due(store, clock)
        assert [delivery.given_up_at for delivery in kept(store)] == [None]
        clock.advance(WAIT_S_MAX)
        deliver_due(store, clock)
        assert [delivery.given_up_at for delivery in kept(store)] == [clock()]


def test_asking_for_what_is_due_reads_an_index(database: str, store: Store) -> None:
    """It is asked each second, and what was given up may be much."""
    assert not store.is_empty()
    if not database.startswith("sqlite:"):
        pytest.skip("PostgreSQL chooses by what is in the table")
    driver = apsw.Connection(str(path_of(database)))
    query = queries_for("sqlite")["due_deliveries"]
    moments = {"now": 0, "next_try_max": 0, "lease_max": 0, "at_most": 8}
    plan = driver.execute(f"EXPLAIN QUERY PLAN {query}", moments).fetchall()
    driver.close()
    reads = [str(step[-1]) for step in plan if " deliveries_waiting " in str(step[-1])]
    assert [read.partition(" USING")[0] for read in reads] == ["SEARCH p", "SEARCH f"], plan


@pytest.mark.parametrize("change", [{"username": "x" * 256}, {"password": "y\0z"}])
def test_names_and_passwords_have_their_limits(store: Store, change: dict[str, Any]) -> None:
    with store.transaction() as writer:
        account_ids, _ = writer.account_ids_made({"a"})
        row = ListenerRow(
            account_ids["a"], SERVICE, "https://listener.example/", "ann", "hush"
        )._replace(**change)
        with pytest.raises(
            InvalidValue, match=f"{next(iter(change))} must be 255 characters at most"
        ):
            outbox.register(writer, row, private_allowed=True)


def threads_of_callbacks() -> set[threading.Thread]:
    """The threads that call listeners, those of earlier tests too."""
    return {each for each in threading.enumerate() if each.name.startswith("callbacks")}


def test_many_messages_for_listeners_that_hang_do_not_hold_up_another(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "ANSWER_S_MAX", 2 * PATIENCE_S)  # longer than the test waits
    before = threads_of_callbacks()
    with listening() as hanging, listening() as quick:
        hanging.holding.set()
        for number in range(3):
            put(store, clock, registered(store, f"hangs {number}", hanging), *map(str, range(20)))
        account_id = registered(store, "quick", quick)
        box = outbox_of(store, system_clock)
        box.start()
        put(store, clock, account_id, *map(str, range(20)))
        assert len(quick.arrived(20)) == 20
        wait_until(lambda: len(hanging.messages) == 3)
        began = time.monotonic()
        box.close()
        assert time.monotonic() - began < PATIENCE_S
        hanging.holding.clear()
        wait_until(lambda: not threads_of_callbacks() - before)

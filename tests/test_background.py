"""Background loops go on whatever their work raises, and say while they fail.

The first half is about a loop alone. The second half puts a surprise into the work of each loop
that the program has: into rows of its store, into the printing of a row, into what is sent to a
listener. No part of the program is replaced.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import TestClient

from tallystick.background import (
    FAILING_S_MIN,
    STALE_S_MIN,
    Loop,
    Loops,
    Raised,
    attempted,
)
from tallystick.core.errors import StoreBroken, StoreRefused
from tallystick.core.retries import TRY_S_MAX
from tallystick.http.observed import lines_of_calls
from tallystick.intake import KINDS, LiveIntake
from tallystick.operations.metrics import Metrics
from tallystick.operations.readiness import FRESH_S_MAX, Readiness
from tallystick.operations.tallies import Counts, Tallies
from tallystick.outbox import Outbox
from tallystick.outbox.deliveries import LEASE_S
from tallystick.outbox.uploads import SERVICE, Pair, Uploads, outcome_of
from tallystick.settings import Settings
from tallystick.store import Store, open_store
from tallystick.store.callbacks import ListenerRow
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import wire_row
from tallystick.wiring import Seen, build_app
from tests.contract.conftest import account_with
from tests.engines import change, made, rows_of
from tests.listening import wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD
from tests.store.few import FOREIGN, ONE, TWO, expected, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Access
    from tallystick.intake import Kind
    from tallystick.store import Writer
    from tallystick.store.touched import Touched
    from tests.conftest import Clock


class Timer:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def at_once(_failures: int) -> float:
    """No pause, for tests of how often something is tried."""
    return 0.001


@contextmanager
def running(loop: Loop) -> Iterator[None]:
    """A loop that runs while the block does."""
    loop.start()
    try:
        yield
    finally:
        loop.close()


class Work:
    """Work that raises what it was given, in this order, and is done after that."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = deque(errors)
        self.calls = 0

    def __call__(self) -> bool:
        """Do it."""
        self.calls += 1
        if self.errors:
            raise self.errors.popleft()
        return False


def names(loops: Loops) -> list[str]:
    """The work that has been failing for long."""
    return [failing.name for failing in loops.failing()]


def wait_until_it_has_failed(name: str, log: pytest.LogCaptureFixture) -> None:
    """Come back when work of this name has failed for the first time, which the log says."""
    wait_until(lambda: f"{name}: " in log.text)


# A loop alone


@pytest.mark.parametrize(
    "error",
    [ValueError("odd"), SystemExit(1), MemoryError(), BaseException("a panic"), StoreRefused()],
    ids=repr,
)
def test_no_error_of_any_kind_ends_a_loop(error: BaseException) -> None:
    work = Work(error, error)
    with running(Loops(pause_s=at_once).loop("odd jobs", work, 0.001)):
        wait_until(lambda: work.calls >= 4)


def test_a_loop_waits_as_long_as_it_is_told_after_each_failure_in_a_row() -> None:
    pauses: list[int] = []

    def pause_s(failures: int) -> float:
        pauses.append(failures)
        return 0

    work = Work(ValueError(), ValueError(), ValueError())
    with running(Loops(pause_s=pause_s).loop("odd jobs", work, 0.001)):
        wait_until(lambda: work.calls >= 5)
        work.errors.append(ValueError())
        wait_until(lambda: not work.errors)
    assert pauses == [1, 2, 3, 1]


def test_a_pause_is_not_cut_short_by_a_call_but_by_the_end() -> None:
    work = Work(ValueError())
    loop = Loops(pause_s=lambda _: 3600).loop("odd jobs", work, None)
    with running(loop):
        wait_until(lambda: work.calls == 1)
        loop.wake()
        time.sleep(0.1)
        assert work.calls == 1
    assert work.calls == 1


def test_work_is_done_when_it_is_called_for_and_at_its_times() -> None:
    when_called, at_times = Work(), Work()
    loops = Loops()
    loop = loops.loop("when called", when_called, None)
    with running(loop), running(loops.loop("at times", at_times, 0.001)):
        wait_until(lambda: at_times.calls > 10 and when_called.calls)
        assert when_called.calls == 1
        loop.wake()
        wait_until(lambda: when_called.calls == 2)


def test_what_is_left_at_the_end_is_done_and_a_failure_ends_it() -> None:
    work = Work()
    Loops().loop("odd jobs", work, None).finish()
    assert work.calls == 1
    failing = Work(*[ValueError()] * 3)
    Loops(pause_s=lambda _: 3600).loop("odd jobs", failing, None).finish()
    assert failing.calls == 1


def test_what_fails_for_longer_than_a_minute_is_told_until_it_succeeds() -> None:
    timer = Timer()
    loops = Loops(timer, at_once)
    work = Work(*[ValueError("odd")] * 10**6)
    with running(loops.loop("odd jobs", work, 0.001)):
        wait_until(lambda: work.calls > 3)
        timer.now = FAILING_S_MIN
        assert loops.failing() == []
        timer.now += 1
        assert loops.failing() == [("odd jobs", FAILING_S_MIN + 1, "ValueError: odd")]
        timer.now += 10 * STALE_S_MIN
        assert names(loops) == ["odd jobs"]
        work.errors.clear()
        wait_until(lambda: loops.failing() == [])


def test_work_that_is_done_when_somebody_asks_is_told_of_while_its_failures_are_fresh() -> None:
    timer = Timer()
    loops = Loops(timer)
    health = loops.health("calls")
    health.failed(ValueError("odd"))
    timer.now = STALE_S_MIN + 1
    assert loops.failing() == []  # nobody has asked since, so nobody knows
    health.failed(ValueError("odd"))
    assert names(loops) == ["calls"]
    timer.now += STALE_S_MIN
    assert names(loops) == ["calls"]
    timer.now += 1
    assert loops.failing() == []
    health.failed(ValueError("odd"))
    health.succeeded()
    assert loops.failing() == []


def test_the_same_error_again_and_again_is_logged_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tallystick.background")
    health = Loops().health("odd jobs")
    for error in (ValueError("odd"), ValueError("odd"), ValueError("odder"), StoreRefused("away")):
        health.failed(error)
    health.succeeded()
    health.succeeded()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "odd jobs: failed, which nobody foresaw"),
        ("ERROR", "odd jobs: failed, which nobody foresaw"),
        ("WARNING", "odd jobs: waits: away"),
        ("INFO", "odd jobs: goes on"),
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [True, True, False, False]


def test_a_process_ends_with_its_parent_also_where_asking_for_that_fails_at_first() -> None:
    asked: list[bool] = []
    ended: list[bool] = []

    def is_alive() -> bool:
        asked.append(True)
        if len(asked) == 1:
            raise OSError
        return False

    with running(Loops(pause_s=at_once).watch(is_alive, lambda: ended.append(True))):
        wait_until(lambda: ended)
    assert len(asked) >= 2


# Live intake


class Printer:
    """How rows are printed, but for those of some SIMs, which cannot be printed."""

    def __init__(self) -> None:
        self.unprintable: set[int] = set()

    def __call__(self, *row: Any) -> bytes:  # noqa: ANN401 - as the store has them
        """Print a row."""
        if row[3] in self.unprintable:
            message = "this row cannot be printed"
            raise ArithmeticError(message)
        return wire_row(*row)


@pytest.fixture
def printer() -> Printer:
    """How the rows of the store beneath are printed."""
    return Printer()


@pytest.fixture
def odd_store(database: str, engine: str, printer: Printer) -> Iterator[Store]:
    """A store with two SIMs that are expected at home, and rows that may be unprintable."""
    with open_store(database, printer) as fresh:
        made(fresh, engine)
        take(fresh, sim(ONE), sim(TWO), expected(ONE), expected(TWO))
        yield fresh


ACTIVATIONS: Kind = KINDS["activations"]


def test_a_call_at_fault_alone_is_answered_with_an_error_and_those_beside_it_are_taken(
    odd_store: Store, printer: Printer, clock: Clock
) -> None:
    printer.unprintable = {int(ONE)}
    intake = LiveIntake(odd_store, clock, Timer())
    with ThreadPoolExecutor(5) as senders:
        with odd_store.transaction():  # so that all of them wait for one common transaction
            calls = [
                senders.submit(intake.take, ACTIVATIONS, [seen(iccid, FOREIGN)], [], None)
                for iccid in (TWO, ONE, TWO, ONE, TWO)
            ]
            time.sleep(0.3)
        errors = [call.exception(30) for call in calls]
    assert [type(error) for error in errors] == [
        type(None), ArithmeticError, type(None), ArithmeticError, type(None),
    ]  # fmt: skip
    taken = [json.loads(calls[place].result()) for place in (0, 2, 4)]
    assert sum(receipt["accepted"] for receipt in taken) == 1
    assert sum(receipt["duplicate"] for receipt in taken) == 2
    intake.close()


def test_live_intake_goes_on_after_a_surprise_and_tells_while_it_fails(
    odd_store: Store, printer: Printer, clock: Clock
) -> None:
    timer = Timer()
    loops = Loops(timer)
    intake = LiveIntake(odd_store, clock, timer, loops)
    printer.unprintable = {int(ONE)}
    for seconds in (0, FAILING_S_MIN + 1):
        timer.now = seconds
        with pytest.raises(ArithmeticError, match="cannot be printed"):
            intake.take(ACTIVATIONS, [seen(ONE, FOREIGN)], [], None)
    assert names(loops) == ["commits of live intake"]
    printer.unprintable = set()
    receipt = json.loads(intake.take(ACTIVATIONS, [seen(ONE, FOREIGN)], [], None))
    assert receipt["accepted"] == 1
    assert loops.failing() == []
    intake.close()


# Uploads


@pytest.fixture
def desk(store: Store) -> int:
    """An account with one SIM; its number."""
    account_id, _ = account_with(store, "desk", 1)
    return account_id


def put(store: Store, uploads: Uploads, account_id: int, *pairs: Pair) -> str:
    """Put an upload in the queue."""
    with store.transaction() as writer:
        return uploads.put(writer, account_id, pairs, "ann")


POISON = "UPDATE uploads SET pairs = {garbage} WHERE request_id = '{request_id}'"


def poison(database: str, request_id: str) -> None:
    """Make an upload one that the program cannot read."""
    is_sqlite = database.startswith("sqlite:")
    garbage = "x'5b7b'" if is_sqlite else r"'\x5b7b'::bytea"
    change(database, POISON.format(garbage=garbage, request_id=request_id))


def outcome(store: Store, account_id: int, request_id: str) -> Any:  # noqa: ANN401 - or None
    """What came of an upload."""
    with store.snapshot() as reader:
        return outcome_of(reader, account_id, request_id)


def uploads_of(store: Store, clock: Clock, loops: Loops | None = None) -> Uploads:
    """The queue of a store, as a process has it."""
    return Uploads(store, clock, secrets.token_bytes, loops)


def test_an_upload_that_fails_unforeseen_three_times_ends_as_failed_and_the_queue_goes_on(
    store: Store, database: str, clock: Clock, desk: int
) -> None:
    loops = Loops(pause_s=at_once)
    uploads = uploads_of(store, clock, loops)
    bad = put(store, uploads, desk, Pair("1", "2"))
    good = put(store, uploads, desk, Pair("3", "4"))
    poison(database, bad)
    uploads.start()
    wait_until(lambda: outcome(store, desk, good) is not None)
    uploads.close()
    failed = outcome(store, desk, bad)
    assert failed.accepted == 0
    assert [pair.reason for pair in failed.rejected] == [
        "the server failed 3 times to take this upload in; its log says why"
    ]
    assert rows_of(database, "SELECT failures FROM uploads ORDER BY upload_id") == [(3,), (0,)]


def test_failures_of_an_upload_are_counted_across_restarts(
    store: Store, database: str, clock: Clock, desk: int
) -> None:
    bad = put(store, uploads_of(store, clock), desk, Pair("1", "2"))
    poison(database, bad)
    for _ in range(3):
        assert outcome(store, desk, bad) is None
        with open_store(database, wire_row) as reopened, pytest.raises(ValueError, match="array"):
            uploads_of(reopened, clock).take_next()
    assert outcome(store, desk, bad).accepted == 0
    assert not uploads_of(store, clock).take_next()


def test_every_pair_of_an_upload_that_ends_as_failed_is_rejected(
    database: str, odd_store: Store, printer: Printer, clock: Clock
) -> None:
    """Here the pairs can be read; a row that they open cannot be printed."""
    take(odd_store, seen(ONE, FOREIGN))
    printer.unprintable = {int(ONE)}
    with odd_store.snapshot() as reader:
        (account_id,) = reader.accounts().values()
    uploads = uploads_of(odd_store, clock)
    request_id = put(
        odd_store, uploads, account_id, Pair(str(ONE), "010203040506070"), Pair("1", "2")
    )
    for _ in range(3):
        with pytest.raises(ArithmeticError):
            uploads.take_next()
    assert [pair.index for pair in outcome(odd_store, account_id, request_id).rejected] == [0, 1]
    assert rows_of(database, "SELECT count(*) FROM change_sets WHERE source = 'upload'") == [(0,)]


def test_a_listener_is_told_that_an_upload_failed(
    store: Store, database: str, clock: Clock, desk: int
) -> None:
    with store.transaction() as writer:
        writer.put_listener(ListenerRow(desk, SERVICE, "https://listener.example/", "", ""))
    uploads = uploads_of(store, clock)
    poison(database, put(store, uploads, desk, Pair("1", "2")))
    for _ in range(3):
        with pytest.raises(ValueError, match="array"):
            uploads.take_next()
    with store.snapshot() as reader:
        (delivery,) = reader.deliveries([desk])
    assert delivery.attempts == 0


class Away(Store):
    """A store that refuses to be written while it is away."""

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))
        self.is_away = True
        self.tries = 0

    @contextmanager
    def transaction(
        self,
        wait_s: float | None = None,
        touched: Touched | None = None,
        sims: frozenset[int] | None = None,
    ) -> Iterator[Writer]:
        """Refuse, or do as ever."""
        self.tries += 1
        if self.is_away:
            raise StoreBroken
        with super().transaction(wait_s, touched, sims) as writer:
            yield writer


def test_what_the_store_refuses_is_no_failure_of_an_upload(
    store: Store, database: str, clock: Clock, desk: int
) -> None:
    request_id = put(store, uploads_of(store, clock), desk, Pair("1", "2"))
    away = Away(store)
    uploads = uploads_of(away, clock, Loops(pause_s=at_once))
    uploads.start()
    wait_until(lambda: away.tries > 5)
    assert outcome(store, desk, request_id) is None
    away.is_away = False
    wait_until(lambda: outcome(store, desk, request_id) is not None)
    uploads.close()
    assert rows_of(database, "SELECT failures FROM uploads") == [(0,)]


# Callbacks


def half() -> float:
    """Chance that is none."""
    return 0.5


SECRET = "hush"  # of each listener


class Post:
    """Where listeners would be called; what is sent to some of them raises."""

    def __init__(self, odd: str = "") -> None:
        self.odd = odd
        self.urls: list[str] = []

    def __call__(self, url: str, _body: bytes) -> str | None:
        """Send it."""
        self.urls.append(url)
        if url == self.odd:
            raise ZeroDivisionError
        return None


def listeners(store: Store, *account_names: str) -> list[int]:
    """Accounts with a listener each."""
    with store.transaction() as writer:
        account_ids, _ = writer.account_ids_made(set(account_names))
        for name in account_names:
            url = f"https://{name}.example/"
            writer.put_listener(ListenerRow(account_ids[name], SERVICE, url, "ann", SECRET))
    return [account_ids[name] for name in account_names]


def deliver_to(
    store: Store, clock: Clock, account_id: int, request_id: str, outcome: bytes
) -> None:
    """Put an outcome in the outbox."""
    with store.transaction() as writer:
        writer.add_deliveries(account_id, SERVICE, request_id, outcome, clock())


def waiting(store: Store, *account_ids: int) -> list[tuple[str, int, str | None]]:
    """What waits for listeners: the request, its attempts and its last error."""
    with store.snapshot() as reader:
        return [
            (row.request_id, row.attempts, row.last_error) for row in reader.deliveries(account_ids)
        ]


GOOD, GARBAGE = b'{"accepted":1,"rejected":[]}', b"[{"


@pytest.mark.parametrize("oddity", ["its message", "its call"])
def test_a_callback_that_fails_unforeseen_is_put_off_and_others_go_on(
    store: Store, clock: Clock, oddity: str
) -> None:
    odd, other = listeners(store, "odd", "other")
    post = Post("https://odd.example/" if oddity == "its call" else "")
    loops = Loops(pause_s=at_once)
    outbox = Outbox(store, clock, half, message_of, post, loops)
    deliver_to(store, clock, odd, "first", GARBAGE if oddity == "its message" else GOOD)
    deliver_to(store, clock, other, "second", GOOD)
    outbox.start()
    wait_until(lambda: len(waiting(store, odd, other)) == 1)
    wait_until(lambda: waiting(store, odd)[0][1] == 1)
    ((request_id, _, error),) = waiting(store, odd, other)
    assert request_id == "first"
    assert error
    assert error.startswith("the server failed: ")
    deliver_to(store, clock, other if post.odd else odd, "third", GOOD)
    wait_until(lambda: "third" not in [row[0] for row in waiting(store, odd, other)])
    assert waiting(store, odd)[0][1] == 1
    outbox.close()


def test_the_password_of_a_listener_is_in_no_log_whatever_happens(
    store: Store, database: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (account_id,) = listeners(store, "one")
    deliver_to(store, clock, account_id, "r", GOOD)
    outbox = Outbox(store, clock, half, message_of, Post("https://one.example/"))
    (delivery,) = outbox.claim(8)
    assert delivery.listener.password == SECRET
    assert SECRET not in f"{delivery} {delivery!r} {delivery.listener}"
    outbox.deliver(delivery)
    clock.advance(2 * TRY_S_MAX)
    outbox.deliver(outbox.claim(8)[0])
    with raising_on(database, "UPDATE", "listeners"):
        refused = attempted(partial(listeners, store, "one"))
    assert isinstance(refused, Raised)
    for error in (refused.error, ValueError(delivery)):
        Loops().health("odd jobs").failed(error)
    assert "given up" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "a surprise" in caplog.text
    assert SECRET not in caplog.text
    outbox.close()


def test_the_outbox_goes_on_after_a_surprise_and_tells_while_it_fails(
    store: Store, database: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    timer = Timer()
    loops = Loops(timer, at_once)
    post = Post()
    (account_id,) = listeners(store, "one")
    outbox = Outbox(store, clock, half, message_of, post, loops)
    change(database, "ALTER TABLE deliveries RENAME TO deliveries_away")
    outbox.start()
    wait_until_it_has_failed("outbox", caplog)
    timer.now = FAILING_S_MIN + 1
    wait_until(lambda: names(loops) == ["outbox"])
    change(database, "ALTER TABLE deliveries_away RENAME TO deliveries")
    wait_until(lambda: loops.failing() == [])
    deliver_to(store, clock, account_id, "r", GOOD)
    wait_until(lambda: post.urls == ["https://one.example/"])
    wait_until(lambda: waiting(store, account_id) == [])
    outbox.close()


def test_outcomes_of_callbacks_that_cannot_be_kept_are_told(
    store: Store, database: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    timer = Timer()
    loops = Loops(timer, at_once)
    post = Post()
    (account_id,) = listeners(store, "one")
    outbox = Outbox(store, clock, half, message_of, post, loops)
    with raising_on(database, "DELETE", "deliveries"):
        deliver_to(store, clock, account_id, "r", GOOD)
        outbox.start()
        wait_until_it_has_failed("outcomes of callbacks", caplog)
        assert len(post.urls) == 1
        timer.now = FAILING_S_MIN + 1
        clock.advance(LEASE_S)
        wait_until(lambda: names(loops) == ["outcomes of callbacks"])
    clock.advance(LEASE_S)
    wait_until(lambda: waiting(store, account_id) == [])
    wait_until(lambda: loops.failing() == [])
    outbox.close()


# Last uses of sessions


def test_last_uses_are_saved_after_a_surprise_and_are_told_of_while_they_are_not(
    store: Store, database: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    timer = Timer()
    loops = Loops(timer, at_once)
    access = quick_access(store, clock, secrets.token_bytes, loops)
    access.add_user("ada", PASSWORD, [], all_accounts=True)
    session = access.login("ada", PASSWORD)
    with raising_on(database, "UPDATE", "sessions"):
        clock.advance(5)
        assert access.user_of_session(session) == 1  # nobody waits for it
        wait_until_it_has_failed("last uses of sessions", caplog)
        timer.now = FAILING_S_MIN + 1
        wait_until(lambda: names(loops) == ["last uses of sessions"])
    wait_until(lambda: loops.failing() == [])
    assert rows_of(database, "SELECT used_at FROM sessions") == [(clock(),)]
    access.close()


# What the program says of its loops


def test_readiness_is_refused_while_a_loop_has_been_failing_for_long(
    store: Store, database: str, access: Access, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    timer = Timer()
    loops = Loops(timer)
    live = LiveIntake(store, clock, timer, loops)
    uploads = uploads_of(store, clock, loops)
    readiness = Readiness(store, loops)
    tallies = Tallies(Counts)
    metrics = Metrics(store, database, tallies)
    seen = Seen(readiness, tallies, metrics, lines_of_calls(clock))
    app = build_app(Settings(), store, access, live, uploads, seen=seen)
    client = TestClient(app)
    health = loops.health("odd jobs")
    health.failed(ValueError("a secret"))
    assert client.simulate_get("/readyz").status_code == 200
    timer.now = FAILING_S_MIN
    health.failed(ValueError("a secret"))
    timer.now += 1
    refused = client.simulate_get("/readyz")
    assert refused.status_code == 503
    assert refused.json["title"] == "not-ready"
    assert "odd jobs" not in refused.text  # what is wrong is for those who read the log
    assert "odd jobs has been failing" in caplog.text
    assert client.simulate_get("/healthz").status_code == 200
    health.succeeded()
    timer.now += FRESH_S_MAX + 1
    assert client.simulate_get("/readyz").status_code == 200


@contextmanager
def raising_on(database: str, event: str, table: str) -> Iterator[None]:
    """A trigger that raises whenever a row of the table is changed or deleted."""
    if database.startswith("sqlite:"):
        body = "BEGIN SELECT RAISE(ABORT, 'a surprise'); END"
        change(database, f"CREATE TRIGGER surprise BEFORE {event} ON {table} {body}")
        yield
        change(database, "DROP TRIGGER surprise")
        return
    body = "'BEGIN RAISE EXCEPTION ''a surprise''; END'"
    change(database, f"CREATE FUNCTION surprise() RETURNS trigger LANGUAGE plpgsql AS {body}")
    call = "FOR EACH ROW EXECUTE FUNCTION surprise()"
    change(database, f"CREATE TRIGGER surprise BEFORE {event} ON {table} {call}")
    yield
    change(database, f"DROP TRIGGER surprise ON {table}")

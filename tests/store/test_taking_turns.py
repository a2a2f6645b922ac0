"""Writers of one store: who waits for whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import StoreBusy
from tallystick.store import open_store
from tallystick.store.engines import turnstile
from tallystick.store.engines.turnstile import TurnMissedError, Turnstile
from tallystick.thingspace.rows import wire_row
from tests.listening import PATIENCE_S, wait_until
from tests.store.few import start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store

SHORT_WAIT_S = 0.5
ROUNDS = 50
LATE_S = 0.005  # for a thread that should have ended
WAITERS = 24
# Where each waited for its own time and for that of those before it, the last of them would be
# refused after `WAITERS * SHORT_WAIT_S`.
REFUSED_S_MAX = WAITERS * SHORT_WAIT_S / 2
HOLD = """
import sys
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
with open_store(sys.argv[1], wire_row) as store, store.transaction():
    print("holds", flush=True)
    sys.stdin.read()
"""
TAKE_TURNS = """
import sys
from contextlib import ExitStack
from pathlib import Path
from tallystick.store.engines.turnstile import Turnstile
turnstile = Turnstile(Path(sys.argv[1]))
with ExitStack() as held:
    for order in sys.stdin:
        if order == "take\\n":
            print(held.enter_context(turnstile.turn_if_free()), flush=True)
        else:
            held.close()
            print("gone", flush=True)
"""
WRITE = """
import sys
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
with open_store(sys.argv[1], wire_row) as store, store.transaction():
    pass
"""


def test_a_writer_learns_that_another_thread_waits(store: Store) -> None:
    def write() -> None:
        with store.transaction():
            pass

    waiting = threading.Thread(target=write)
    with store.transaction():
        assert not store.is_awaited()
        waiting.start()
        wait_until(store.is_awaited)
    waiting.join()
    with store.transaction():
        assert not store.is_awaited()


def test_a_writer_learns_that_another_process_waits(store: Store, database: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", WRITE, database], env=environment) as waiting:
        with store.transaction():
            wait_until(store.is_awaited)
            assert waiting.poll() is None
        assert waiting.wait(PATIENCE_S) == 0


def test_a_loop_that_writes_takes_no_place_of_those_who_call(store: Store) -> None:
    of_callers = store.with_places(1)
    with of_callers.without_places().transaction():
        waiting = of_callers.transaction(SHORT_WAIT_S)
        with pytest.raises(StoreBusy, match="another writer kept the store"), waiting:
            pass


def refused_after(store: Store) -> float:
    """After how many seconds a writer is refused."""
    began = time.monotonic()
    with pytest.raises(StoreBusy), store.transaction():
        pass
    return time.monotonic() - began


def test_every_waiter_is_refused_at_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "TURN_WAIT_S_MAX", SHORT_WAIT_S)
    with open_store(f"sqlite:///{tmp_path}/store.db", wire_row) as store:
        store.init("UTC")
        with ThreadPoolExecutor(WAITERS) as waiters, store.transaction():
            waits = [waiters.submit(refused_after, store) for _ in range(WAITERS)]
            seconds = [wait.result(PATIENCE_S) for wait in waits]
        assert all(SHORT_WAIT_S <= waited < REFUSED_S_MAX for waited in seconds)
        with store.transaction():
            pass


def test_while_a_stopped_process_has_the_turn_every_waiter_is_refused_at_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "TURN_WAIT_S_MAX", SHORT_WAIT_S)
    database = f"sqlite:///{tmp_path}/store.db"
    with open_store(database, wire_row) as store, ThreadPoolExecutor(WAITERS) as threads:
        store.init("UTC")
        with start(HOLD, database) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "holds\n"
            holder.send_signal(signal.SIGSTOP)
            for _ in range(2):  # those who come later find the thread of the first still waiting
                waits = [threads.submit(refused_after, store) for _ in range(WAITERS)]
                seconds = [wait.result(PATIENCE_S) for wait in waits]
                assert all(SHORT_WAIT_S <= waited < REFUSED_S_MAX for waited in seconds)
            holder.send_signal(signal.SIGCONT)
            holder.communicate(timeout=PATIENCE_S)
        with start(WRITE, database) as other:  # the turn that nobody waited for was let go
            assert other.wait(PATIENCE_S) == 0
        with store.transaction():
            pass


def test_whoever_waits_when_a_stopped_process_goes_on_gets_the_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "TURN_WAIT_S_MAX", SHORT_WAIT_S)
    database = f"sqlite:///{tmp_path}/store.db"

    def write() -> None:
        with store.transaction():
            pass

    with open_store(database, wire_row) as store, ThreadPoolExecutor(1) as threads:
        store.init("UTC")
        with start(HOLD, database) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "holds\n"
            assert refused_after(store) >= SHORT_WAIT_S
            monkeypatch.setattr(turnstile, "TURN_WAIT_S_MAX", PATIENCE_S)
            patient = threads.submit(write)
            time.sleep(0.1)
            holder.communicate(timeout=PATIENCE_S)
        patient.result(PATIENCE_S)


def test_a_turn_taken_as_free_is_not_given_back_by_a_thread_that_nobody_waits_for(
    tmp_path: Path,
) -> None:
    store_file = tmp_path / "store.db"
    store_file.touch()
    ours = Turnstile(store_file)
    with start(TAKE_TURNS, str(store_file)) as other:
        for _ in range(ROUNDS):
            assert told(other, "take") == "True"
            with pytest.raises(TurnMissedError), ours.turn(0):
                pass
            assert told(other, "let go") == "gone"
            with taken_when_free(ours):
                time.sleep(LATE_S)
                assert told(other, "take") == "False"
        other.communicate(timeout=PATIENCE_S)
    ours.close()


def told(process: subprocess.Popen[str], order: str) -> str:
    """What a process answers to an order."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{order}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@contextmanager
def taken_when_free(turnstile: Turnstile) -> Iterator[None]:
    """The turn, asked for again and again until it is free."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with turnstile.turn_if_free() as is_taken:
            if is_taken:
                yield
                return
    pytest.fail("the turn does not become free")

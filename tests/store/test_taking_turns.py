"""Writers of one store: who waits for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.store import Store

PATIENCE_S = 20
WRITE = """
import sys
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
with open_store(sys.argv[1], wire_row) as store, store.transaction():
    pass
"""


def is_awaited_within(store: Store, seconds: float) -> bool:
    """Whether somebody comes to wait for their turn."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if store.is_awaited():
            return True
        time.sleep(0.01)
    return False


def test_a_writer_learns_that_another_thread_waits(store: Store) -> None:
    def write() -> None:
        with store.transaction():
            pass

    waiting = threading.Thread(target=write)
    with store.transaction():
        assert not store.is_awaited()
        waiting.start()
        assert is_awaited_within(store, PATIENCE_S)
    waiting.join()
    with store.transaction():
        assert not store.is_awaited()


def test_a_writer_learns_that_another_process_waits(store: Store, database: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", WRITE, database], env=environment) as waiting:
        with store.transaction():
            assert is_awaited_within(store, PATIENCE_S)
            assert waiting.poll() is None
        assert waiting.wait(PATIENCE_S) == 0

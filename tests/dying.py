"""Processes that are killed while they work on a store."""

from __future__ import annotations

import itertools
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from tallystick.intake import ImportOptions, Listeners, bulk, import_file
from tallystick.operations import copying
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.forked import FORKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.intake import KindName, Progress

BEGIN_S_MAX = 30


def die(work: Callable[..., None], *arguments: object) -> None:
    """Have some work done in a process of its own that kills itself on the way."""
    process = FORKING.Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    process.close()


def kill_after(pause_s: float, work: Callable[..., None], *arguments: object) -> None:
    """Kill a process so long after it has begun to work, or after it has ended.

    `work` takes, before its other arguments, what it calls when it begins.
    """
    begun = FORKING.Event()
    process = FORKING.Process(target=work, args=(begun.set, *arguments))
    process.start()
    assert begun.wait(BEGIN_S_MAX)
    time.sleep(pause_s)
    process.kill()
    process.join()
    process.close()


def import_and_die(
    database: str,
    kind: KindName,
    path: str,
    slice_facts: int,
    slices: int,
    rows: int,
    connections: int = 1,
) -> None:
    """Import a file until so many slices are committed or so many rows printed."""
    bulk.SLICE_FACTS = bulk.TRANSACTION_FACTS_MAX = slice_facts
    bulk.BATCH_FACTS = 4 * slice_facts
    slices_done, rows_done = itertools.count(1), itertools.count(1)

    def after_a_slice(progress: Progress) -> None:
        if progress.facts and next(slices_done) == slices:
            os.kill(os.getpid(), signal.SIGKILL)

    def within_a_slice(*columns: Any) -> bytes:  # noqa: ANN401 - what a row is printed from
        if next(rows_done) == rows:
            os.kill(os.getpid(), signal.SIGKILL)
        return wire_row(*columns)

    with open_store(database, within_a_slice) as store:
        options = ImportOptions(connections=connections)
        import_file(
            store, kind, path, options=options, listeners=Listeners(on_progress=after_a_slice)
        )


def import_in_small_parts(begins: Callable[[], None], database: str, path: str) -> None:
    """Import a file of activations, a few hundred in each slice."""
    bulk.SLICE_FACTS = 500
    bulk.TRANSACTION_FACTS_MAX = 1500
    with open_store(database, wire_row) as store:
        begins()
        import_file(store, "activations", path)


def copy_in_small_parts(begins: Callable[[], None], source: str, target: str) -> None:
    """Copy a store, a few facts at a time."""
    copying.FACTS_A_RANGE_MAX = 20
    with open_store(source, wire_row) as whole, open_store(target, wire_row) as other:
        begins()
        copying.copy(whole, other, lambda _done, _steps: None)

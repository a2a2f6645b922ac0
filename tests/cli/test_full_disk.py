"""Commands on a disk that is full, for which a bound on the size of files stands."""

from __future__ import annotations

import json
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.conftest import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store
    from tests.cli.conftest import Run


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def records(run: Run) -> list[object]:
    listed: list[object] = json.loads(run("audit", "list", "--json").stdout)["records"]
    return listed


def test_a_backup_that_the_audit_cannot_note_is_made_all_the_same(run: Run, store: Store) -> None:
    """The store is on a full disk, the backup on another: the exit status is the backup's."""
    log_bytes, number = 0, 0
    while log_bytes <= 1_000_000:
        number += 1
        with store.transaction() as writer:
            writer.account_ids_made({f"account {number}"})
        log_bytes = Path("tallystick.db-wal").stat().st_size
    before = records(run)
    with files_of_at_most(log_bytes):
        made = run("backup", "a.db")
    assert made.stdout.startswith("a.db: a backup of 20")
    assert made.stderr.startswith("warning: the audit does not say how this ended: tallystick.db:")
    assert made.exit_code == 0
    assert records(run) == before


def test_a_store_that_cannot_be_opened_for_a_full_disk_is_refused_with_that_reason(
    run: Run,
) -> None:
    run("init")
    with files_of_at_most(4096):
        refused = run("report", *WINDOW)
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: tallystick.db: the disk is full, so that the store cannot be opened; free space\n"
    )

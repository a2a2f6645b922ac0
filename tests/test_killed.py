"""After SIGKILL at any time, what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from tallystick.intake import import_file
from tests.dying import import_in_small_parts, kill_after
from tests.sending import (
    FOREIGN,
    HOME,
    SIMS,
    Sender,
    assert_follows_the_rule,
    assert_nothing_is_lost,
    headers_of_sender,
    iccid_of,
    load_fleet,
)
from tests.serving import server_of

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

LIVE_KILLS, IMPORT_KILLS, SOAK_KILLS = 6, 10, 500
KILLS_A_TOKEN = 50
"""On a slow machine all of them take longer than a token holds."""
SENDERS = 4
MARCH = 1_772_323_200  # 2026-03-01, in seconds since 1970


def kill_a_server_while_facts_come(
    store: Store, database: str, headers_of: dict[str, str], kill: int
) -> None:
    """One round: serve, send, kill, look."""
    with server_of(database) as (port, process):
        senders = [Sender(number, port, headers_of, kill * 150) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(random.uniform(0.02, 0.4))
        process.kill()
        for sender in senders:
            sender.join()
    assert_nothing_is_lost(store, senders)


def kill_servers(store: Store, database: str, kills: int) -> None:
    """Round after round on one store."""
    load_fleet(store)
    headers = dict[str, str]()
    for kill in range(kills):
        if kill % KILLS_A_TOKEN == 0:
            headers = headers_of_sender(store, name=f"sender-{kill}")
        kill_a_server_while_facts_come(store, database, headers, kill % 24)


def kill_imports(store: Store, database: str, folder: Path, kills: int) -> None:
    """The same file again and again, killed on its way each time; at last it is let through."""
    load_fleet(store)
    seconds = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(MARCH + n)) for n in range(30_000))
    lines = [
        f"{iccid_of(n % SIMS)},{(HOME, FOREIGN)[n // 3 % 2]},{second}"
        for n, second in enumerate(seconds)
    ]
    path = folder / "activations.csv"
    path.write_text("iccid,imei,activated_at\n" + "\n".join(lines) + "\n", "utf-8")
    for _ in range(kills):
        kill_after(random.uniform(0, 0.12), import_in_small_parts, database, str(path))
        assert_follows_the_rule(store)
    receipt = import_file(store, "activations", str(path))
    assert receipt.read == receipt.accepted + receipt.duplicate == len(lines)
    with store.snapshot() as reader:
        assert reader.counts().activations == len(lines)
    assert_follows_the_rule(store)


def test_what_a_killed_server_acknowledged_is_there_and_nothing_is_half_there(
    store: Store, database: str
) -> None:
    kill_servers(store, database, LIVE_KILLS)


def test_a_killed_import_goes_on_and_ends_as_if_nothing_had_happened(
    store: Store, database: str, tmp_path: Path
) -> None:
    kill_imports(store, database, tmp_path, IMPORT_KILLS)


@pytest.mark.soak
def test_hundreds_of_kills_change_nothing(store: Store, database: str) -> None:
    kill_servers(store, database, SOAK_KILLS)


@pytest.mark.soak
def test_hundreds_of_killed_imports_change_nothing(
    store: Store, database: str, tmp_path: Path
) -> None:
    kill_imports(store, database, tmp_path, SOAK_KILLS)

"""What the tests of every room share: a fresh store, a clock that is set by hand, and who may ask."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tallystick.access import Access
from tallystick.core.moments import Moment, parse_moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self._now = parse_moment("2026-06-01T12:00:00Z")

    def __call__(self) -> Moment:
        """What it shows."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now = Moment(self._now + round(seconds * 1_000_000))


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The address of a store that is not there yet."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A fresh store in a file of its own."""
    with open_store(database, wire_row) as fresh:
        fresh.init("UTC")
        yield fresh


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


@pytest.fixture
def access(store: Store, clock: Clock) -> Iterator[Access]:
    """Access to the fresh store, by the clock that is set by hand."""
    opened = Access(store, clock, secrets.token_bytes)
    yield opened
    opened.close()

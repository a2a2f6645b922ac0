"""The settings of this process, and the store that they name."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tallystick.access import Access
from tallystick.clock import system_clock
from tallystick.settings import Settings, read_settings
from tallystick.store import Store, open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Iterator


def current_settings() -> Settings:
    """The settings of this process: of its environment, and of the file of settings."""
    return read_settings(os.environ)


def store_of(settings: Settings) -> Store:
    """The store that the settings name; nothing is opened before it is used."""
    return open_store(settings.database, wire_row)


@contextmanager
def opened_access() -> Iterator[Access]:
    """Who may ask of the store that the settings name."""
    with store_of(current_settings()) as store:
        yield Access(store, system_clock, secrets.token_bytes)

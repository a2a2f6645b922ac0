"""What the tests of the store share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.few import MDN, ONE, expected, seen, sim, take

if TYPE_CHECKING:
    from tallystick.store import Store


@pytest.fixture
def mismatched(store: Store) -> Store:
    """A store with one SIM that was found in foreign hardware."""
    take(store, sim(ONE, mdn=MDN), expected(ONE), seen(ONE))
    return store

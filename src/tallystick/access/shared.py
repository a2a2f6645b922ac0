"""What every topic of access stands on.

The store, a clock, random bytes, and how secrets are kept.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from tallystick.access.passwords import USUAL_COST, Passwords
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.ledger import BETWEEN_NAMES
from tallystick.core.moments import MICROSECONDS_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.access.passwords import HashCost
    from tallystick.core.moments import Moment
    from tallystick.store import Store


TOKEN_S = 60 * 60
"""So long a Bearer token holds from its first issue."""
CLOCK_AHEAD_S_MAX = 5 * 60
"""By so much the clock that wrote a moment down may have been ahead of the one that reads it.

Machines that share a store differ a little. What lies further ahead was written before the clock
was put back, and holds no longer: else it would hold until the clock gets there again.
"""


TOKEN_LEFT_MAX = (TOKEN_S + CLOCK_AHEAD_S_MAX) * MICROSECONDS_A_SECOND
"""No token has more microseconds left than this."""
DIGEST_NAME = re.compile(r"[0-9a-f]{64}")


class AccessTopic:
    """The store, the clock and the source of random bytes that a topic works with."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        random_bytes: Callable[[int], bytes],
        password_cost: HashCost = USUAL_COST,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._passwords = Passwords(random_bytes, password_cost)


def name_for(app_name: str, user_name: str | None) -> str:
    """What the ledger calls an app, or the app and the user that it calls for."""
    return app_name if user_name is None else f"{app_name}{BETWEEN_NAMES}{user_name}"


def digest_named(what: str, name: str) -> bytes:
    """The digest that tells a session or a token from others, by its name in hexadecimal digits.

    Raises `InvalidValue`.
    """
    if not DIGEST_NAME.fullmatch(name):
        message = f"{what} must be 64 hexadecimal digits, not {shown(name)}"
        raise InvalidValue(message)
    return bytes.fromhex(name)


def digest_of(secret: str) -> bytes:
    """Give what the store keeps of a secret or a token: its SHA-256 digest."""
    return sha256(secret.encode()).digest()

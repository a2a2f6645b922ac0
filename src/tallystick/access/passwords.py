"""Passwords: hashed with argon2, a few at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from tallystick.core.common_passwords import is_common
from tallystick.core.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable

# NIST SP 800-63B: at least 8 characters, and no limit below 64.
PASSWORD_LENGTH_MIN = 8
PASSWORD_LENGTH_MAX = 256

HASHES_AT_ONCE_MAX = 4
"""Bounds the memory that a storm of logins takes."""


class HashCost(NamedTuple):
    """What it takes to compute a hash: the parameters of argon2."""

    memory_kib: int
    passes: int
    lanes: int


USUAL_COST = HashCost(memory_kib=19_456, passes=2, lanes=1)
"""The parameters of OWASP's password storage cheat sheet."""


class Passwords:
    """Hashes passwords and compares them with their hashes.

    `nobodys_argon2` is a hash that no password has: an unknown user's, so that refusing them takes
    as long.
    """

    def __init__(self, random_bytes: Callable[[int], bytes], cost: HashCost = USUAL_COST) -> None:
        self._random_bytes = random_bytes
        self._turns = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        parameters = f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
        self.nobodys_argon2 = f"$argon2id$v=19${parameters}${'A' * 22}${'A' * 43}"

    def chosen(self, password: str, user_name: str) -> str:
        """Hash a password that somebody chose for a user. Raises `InvalidValue`."""
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            message = (
                f"password must be {PASSWORD_LENGTH_MIN}-{PASSWORD_LENGTH_MAX} characters, "
                f"not {len(password)}"
            )
            raise InvalidValue(message)
        if is_common(password, user_name, _is_listed):
            message = (
                "password is one of the first that anybody would guess: a common word, a name, a "
                "date or a row of keys; three words that do not belong together are better"
            )
            raise InvalidValue(message)
        return self.hashed(password)

    def renewed(self, password: str, password_argon2: str) -> str | None:
        """Hash a password anew whose hash is weaker than hashes are made today, else give None."""
        if not self._hasher.check_needs_rehash(password_argon2):
            return None
        return self.hashed(password)

    def hashed(self, password: str) -> str:
        """Hash a password with a salt of its own."""
        with self._turns:
            salt = self._random_bytes(self._hasher.salt_len)
            return self._hasher.hash(password, salt=salt)

    def fits(self, password: str, password_argon2: str) -> bool:
        """Whether the password has this hash."""
        with self._turns:
            try:
                return self._hasher.verify(password_argon2, password)
            except VerificationError:
                return False


def _is_listed(text: str) -> bool:
    """Whether a text is on one of zxcvbn's lists: passwords, names, and words of English."""
    # Its lists take 14 MB, which only a process in which somebody chooses a password should hold.
    from zxcvbn.matching import RANKED_DICTIONARIES  # noqa: PLC0415

    return any(text in ranks for ranks in RANKED_DICTIONARIES.values())

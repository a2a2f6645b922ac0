"""Passwords: hashed with argon2, a few at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from tallystick.core.common_passwords import is_common
from tallystick.core.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable

# NIST SP 800-63B: at least 8 characters, and no limit below 64.
PASSWORD_LENGTH_MIN = 8
PASSWORD_LENGTH_MAX = 256

# The parameters of OWASP's password storage cheat sheet.
ARGON2_MEMORY_KIB = 19_456
ARGON2_PASSES = 2
ARGON2_LANES = 1
HASHES_AT_ONCE_MAX = 4
"""Bounds the memory that a storm of logins takes."""

_PARAMETERS = f"m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}"
NOBODYS_PASSWORD = f"$argon2id$v=19${_PARAMETERS}${'A' * 22}${'A' * 43}"
"""A hash that no password has: an unknown user's, so that refusing them takes as long."""


class Passwords:
    """Hashes passwords and compares them with their hashes."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._turns = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
        self._hasher = PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES)

    def chosen(self, password: str, user_name: str) -> str:
        """Hash a password that somebody chose for a user. Raises `InvalidValue`."""
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            message = (
                f"password must be {PASSWORD_LENGTH_MIN}-{PASSWORD_LENGTH_MAX} characters, "
                f"not {len(password)}"
            )
            raise InvalidValue(message)
        if is_common(password, user_name):
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

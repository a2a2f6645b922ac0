"""Sessions: login, the time between it and logout, and a user's new password (contract, section 3)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from uuid import UUID

from tallystick.access.last_uses import LastUses
from tallystick.access.passwords import NOBODYS_PASSWORD
from tallystick.access.shared import AccessTopic, digest_of
from tallystick.access.users import FAILED_LOGINS_MAX
from tallystick.background import Loops
from tallystick.core.errors import PasswordRefused, SessionExpired, SessionRefused
from tallystick.core.identifiers import shown
from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.store import Store
    from tallystick.store.access import SessionRow, UserRow

IDLE_S_MAX = 20 * 60
EXPIRED_KEPT_S = 24 * 60 * 60
"""So long an ended session is told from one that never was."""
PASSWORD_BYTES = 15
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Sessions(AccessTopic):
    """Sessions begun, checked and ended by their users."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        random_bytes: Callable[[int], bytes],
        loops: Loops | None = None,
    ) -> None:
        super().__init__(store, clock, random_bytes)
        self._last_uses = LastUses(store, loops or Loops())

    def close(self) -> None:
        """Save what is known of sessions' last uses."""
        self._last_uses.close()

    def login(self, username: str, password: str) -> str:
        """Begin a session and give its GUID.

        Raises `PasswordRefused`, after the same work for a wrong password, an unknown and a locked
        user.
        """
        with self._store.glance() as reader:
            user = reader.user(username)
        password_argon2 = user.password_argon2 if user else NOBODYS_PASSWORD
        is_proven = self._passwords.fits(password, password_argon2)
        with self._store.transaction() as writer:
            # Looked up again: logins tried at the same time may have locked the user, or changed
            # the password.
            if is_proven and user and _is_unchanged_and_open(user, writer.user(username)):
                session_token = str(UUID(bytes=self._random_bytes(16), version=4))
                now = self._clock()
                writer.forget_failed_logins(username)
                writer.open_session(digest_of(session_token), user.user_id, now)
                kept_s = IDLE_S_MAX + EXPIRED_KEPT_S
                writer.forget_sessions(now - kept_s * MICROSECONDS_A_SECOND)
                return session_token
            writer.note_failed_login(username)
        raise PasswordRefused

    def logout(self, session_token: str) -> None:
        """End a session. Raises `SessionRefused` or `SessionExpired`."""
        self.user_of_session(session_token)
        with self._store.transaction() as writer:
            writer.end_session(digest_of(session_token))

    def user_of_session(self, session_token: str) -> int:
        """Give the user of a session, which is used by this.

        Raises `SessionRefused` or `SessionExpired`.
        """
        with self._store.glance() as reader:
            session = reader.session(_session_digest(session_token))
        return self._checked_user(session, session_token)

    def _checked_user(self, session: SessionRow | None, session_token: str) -> int:
        digest = _session_digest(session_token)
        if session is None:
            raise SessionRefused
        now = self._clock()
        last_use = max(session.used_at, self._last_uses.of(digest))
        if now - last_use > IDLE_S_MAX * MICROSECONDS_A_SECOND:
            raise SessionExpired
        self._last_uses.note(digest, now)
        return session.user_id

    def reset_password(self, session_token: str, old_password: str) -> str:
        """Give the session's user a new password, in force at once.

        Raises `PasswordRefused`, `SessionRefused` or `SessionExpired`.
        """
        user_id = self.user_of_session(session_token)
        with self._store.glance() as reader:
            old_argon2 = reader.password_of(user_id) or NOBODYS_PASSWORD
        if not self._passwords.fits(old_password, old_argon2):
            raise PasswordRefused
        password = base64.urlsafe_b64encode(self._random_bytes(PASSWORD_BYTES)).decode()
        password_argon2 = self._passwords.hashed(password)
        with self._store.transaction() as writer:
            # Of two resets at once, the second one's old password is old.
            if writer.password_of(user_id) != old_argon2:
                raise PasswordRefused
            writer.set_password(user_id, password_argon2)
        return password


def _session_digest(session_token: str) -> bytes:
    if not GUID.fullmatch(session_token):
        message = f"the session token must be a GUID, not {shown(session_token)}"
        raise SessionRefused(message)
    return digest_of(session_token)


def _is_unchanged_and_open(before: UserRow, now: UserRow | None) -> bool:
    return (
        now is not None
        and now.password_argon2 == before.password_argon2
        and now.failed_logins < FAILED_LOGINS_MAX
    )

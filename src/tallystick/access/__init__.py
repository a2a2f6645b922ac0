"""Access: apps and their Bearer tokens, users and their sessions, lockout.

Nothing that opens a door rests in the store. Of secrets and tokens, which are random and long, it
keeps the SHA-256 digest; of passwords the argon2 hash.
"""

from __future__ import annotations

from tallystick.access.apps import SCOPES, SCOPES_DEFAULT, App, Apps, Credentials
from tallystick.access.last_uses import SAVE_WITHIN_S
from tallystick.access.sessions import IDLE_S_MAX, Sessions
from tallystick.access.shared import CLOCK_AHEAD_S_MAX, TOKEN_S, digest_of
from tallystick.access.tokens import HELD_OVER_S, RENEWED_S, Issued, Tokens
from tallystick.access.users import FAILED_LOGINS_MAX, User, UserChange, Users

__all__ = [
    "CLOCK_AHEAD_S_MAX",
    "FAILED_LOGINS_MAX",
    "HELD_OVER_S",
    "IDLE_S_MAX",
    "RENEWED_S",
    "SAVE_WITHIN_S",
    "SCOPES",
    "SCOPES_DEFAULT",
    "TOKEN_S",
    "Access",
    "App",
    "Credentials",
    "Issued",
    "User",
    "UserChange",
]


class Access(Apps, Tokens, Users, Sessions):
    """Every check of a secret, a token, a password or a session: the one object that shells hold.

    Its methods stand in the module of their topic; here is what concerns two topics at once.
    """

    def user_of_call(self, token: str, scope: str, session_token: str) -> int:
        """Give the user of a session, if the app that the token speaks for has the scope.

        Both are read at once, and the app is checked first. Raises `TokenRefused`, `ScopeRefused`,
        `SessionRefused` or `SessionExpired`.
        """
        with self._store.glance() as reader:
            app, session = reader.caller(digest_of(token), digest_of(session_token))
        self._checked_app(app, scope)
        return self._checked_user(session, session_token)

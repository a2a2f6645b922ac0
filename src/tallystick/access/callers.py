"""Who calls: the app of a token, and the user of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.personal_tokens import PersonalTokens
from tallystick.access.sessions import Sessions
from tallystick.access.shared import digest_of, name_for
from tallystick.access.tokens import Tokens
from tallystick.core.errors import ScopeRefused, TokenRefused
from tallystick.core.ledger import CONSOLE
from tallystick.core.roles import scopes_of

if TYPE_CHECKING:
    from tallystick.core.roles import Role
    from tallystick.store.access import SessionRow


class Caller(NamedTuple):
    """An app, and the user that it calls for, if it does.

    Who uses the console, or a token of their own, calls through no app: its key is empty, and its
    name `CONSOLE`.
    """

    app_key: str
    app_name: str
    user_id: int | None = None
    user_name: str | None = None
    session_token: str | None = None
    role: Role | None = None

    @property
    def name(self) -> str:
        """What the ledger calls them: the app, or the app and the user."""
        return name_for(self.app_name, self.user_name)


class Callers(Tokens, Sessions, PersonalTokens):
    """Who calls, found in one question to the store."""

    def caller(self, token: str, scope: str) -> Caller:
        """Give the app that a token speaks for. Raises `TokenRefused` or `ScopeRefused`."""
        with self._store.glance() as reader:
            row = reader.app_of_token(digest_of(token))
        app = self._checked_app(row, scope)
        return Caller(app.key, app.name)

    def caller_in_session(self, token: str, scope: str, session_token: str) -> Caller:
        """Give the app of a token and the user of a session, which is used by this.

        The app is checked first. Raises `TokenRefused`, `ScopeRefused`, `SessionRefused` or
        `SessionExpired`.
        """
        with self._store.glance() as reader:
            row, session_row = reader.caller(digest_of(token), digest_of(session_token))
        app = self._checked_app(row, scope)
        session = self._checked_session(session_row, session_token)
        return _caller_of(app.key, app.name, session, session_token)

    def caller_in_console(self, session_token: str) -> Caller:
        """Give the user of a session of the console, which is used by this.

        Raises `SessionRefused` or `SessionExpired`.
        """
        session = self._console_session(session_token)
        return _caller_of("", CONSOLE, session, session_token)

    def caller_by_personal_token(self, token: str, *scopes: str) -> Caller:
        """Give the user of a token of their own that opens one of these scopes.

        Raises `TokenRefused` or `ScopeRefused`.
        """
        with self._store.glance() as reader:
            row = reader.personal_token(digest_of(token))
        if row is None or row.expires_at <= self._clock():
            raise TokenRefused
        allowed = scopes_of(row.role, sees_all=row.sees_all)
        opened = set(row.scopes.split()).intersection(allowed)
        name = name_for(CONSOLE, row.user_name)
        if not opened.intersection(scopes):
            message = (
                f"the token lacks the scope {scopes[0]} for this call, or its user the role or the "
                "view of every account"
            )
            raise ScopeRefused(message, name)
        return Caller("", CONSOLE, row.user_id, row.user_name, None, row.role)


def _caller_of(key: str, app_name: str, session: SessionRow, session_token: str) -> Caller:
    return Caller(key, app_name, session.user_id, session.user_name, session_token, session.role)

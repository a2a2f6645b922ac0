"""Bearer tokens, made of the app's secret and a salt (contract, section 2).

Every worker derives the same token from the secret that a request brings, so that the store keeps
its digest alone.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.apps import SECRET_BYTES
from tallystick.access.shared import CLOCK_AHEAD_S_MAX, TOKEN_S, AccessTopic, digest_of
from tallystick.core.errors import AppRefused, ScopeRefused, TokenRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.store.access import TokenRow
from tallystick.store.acting import name_actor

if TYPE_CHECKING:
    from tallystick.store import Reader
    from tallystick.store.access import AppOfToken, AppRow

RENEWED_S = 60
"""A token with less left than this is not given any more: a new one takes its place."""
HELD_OVER_S = 5
"""So long past its end the one that was replaced still holds."""


class Issued(NamedTuple):
    """A Bearer token, the scopes it opens and the seconds it has left."""

    access_token: str
    scope: str
    expires_in_s: int


class Tokens(AccessTopic):
    """Tokens issued, revoked and checked."""

    def check_app(self, key: str, secret: str) -> None:
        """Check an app's key and secret, and do nothing else. Raises `AppRefused`."""
        with self._store.glance() as reader:
            _app(reader, key, secret)

    def issue_token(self, key: str, secret: str) -> Issued:
        """Give the app's token: the same one for an hour from its first issue.

        In its last minute a new one takes its place, while the old one holds until shortly past
        its end: clients read `expires_in` of 0 as never, and would send a dead token for good.
        Raises `AppRefused`.
        """
        with self._store.snapshot() as reader:
            current = self._current_token(_app(reader, key, secret), secret)
        return current or self._issue_anew(key, secret)

    def _current_token(self, app: AppRow, secret: str) -> Issued | None:
        """The app's token, unless it has none that holds for another minute."""
        left_s = self._left(app.token_expires_at) // MICROSECONDS_A_SECOND
        if left_s < RENEWED_S:
            return None
        return Issued(_token(secret, app.issue_salt), app.scopes, left_s)

    def _left(self, expires_at: int | None) -> int:
        """How many microseconds a token still holds; 0 where it does not.

        No token holds for longer than an hour. One that seems to was issued before the clock was
        put back.
        """
        left = (expires_at or 0) - self._clock()
        left_s_max = TOKEN_S + CLOCK_AHEAD_S_MAX
        return left if 0 < left <= left_s_max * MICROSECONDS_A_SECOND else 0

    def _issue_anew(self, key: str, secret: str) -> Issued:
        with self._store.transaction() as writer:
            app = _app(writer, key, secret)
            current = self._current_token(app, secret)
            if current:  # another worker was faster
                return current
            salt = self._random_bytes(SECRET_BYTES)
            token = _token(secret, salt)
            expires_at = self._clock() + TOKEN_S * MICROSECONDS_A_SECOND
            new = TokenRow(digest_of(token), expires_at)
            writer.issue_token(key, salt, new, self._former_token(app))
        return Issued(token, app.scopes, TOKEN_S)

    def _former_token(self, app: AppRow) -> TokenRow:
        """What holds beside a new token: the one that it replaces, or the one before that."""
        if app.token_expires_at is not None and self._left(app.token_expires_at):
            expires_at = app.token_expires_at + HELD_OVER_S * MICROSECONDS_A_SECOND
            return TokenRow(app.token_sha256, expires_at)
        if self._left(app.former_token_expires_at):
            return TokenRow(app.former_token_sha256, app.former_token_expires_at)
        return TokenRow()

    def revoke_token(self, key: str, secret: str, token: str) -> None:
        """End an app's token; one that does not hold is no more anyway. Raises `AppRefused`."""
        with self._store.transaction() as writer:
            _app(writer, key, secret)
            writer.revoke_token(key, digest_of(token))

    def _checked_app(self, app: AppOfToken | None, scope: str) -> AppOfToken:
        if app is None or not self._left(app.expires_at):
            raise TokenRefused
        if scope not in app.scopes.split():
            message = f"the app lacks the scope {scope} for this call"
            raise ScopeRefused(message, app.name)
        return app


def _token(secret: str, issue_salt: bytes) -> str:
    return hmac.digest(secret.encode(), issue_salt, "sha256").hex()


def _app(reader: Reader, key: str, secret: str) -> AppRow:
    app = reader.app(key)
    if app is not None:
        name_actor(app.name)
    if app is None or not hmac.compare_digest(app.secret_sha256, digest_of(secret)):
        raise AppRefused
    return app

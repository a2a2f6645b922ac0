"""Bearer tokens, made of the app's secret and a salt (contract, section 2).

Every worker derives the same token from the secret that a request brings, so that the store keeps
its digest alone.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.apps import SECRET_BYTES
from tallystick.access.shared import AccessTopic, digest_of
from tallystick.core.errors import AppRefused, ScopeRefused, TokenRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND

if TYPE_CHECKING:
    from tallystick.store import Reader
    from tallystick.store.access import AppOfToken, AppRow

TOKEN_S = 60 * 60


class Issued(NamedTuple):
    """A Bearer token, the scopes it opens and the seconds it has left."""

    access_token: str
    scope: str
    expires_in_s: int


class Tokens(AccessTopic):
    """Tokens issued, revoked and checked."""

    def issue_token(self, key: str, secret: str) -> Issued:
        """Give the app's token: the same one for an hour from its first issue.

        Raises `AppRefused`.
        """
        with self._store.snapshot() as reader:
            current = self._current_token(_app(reader, key, secret), secret)
        return current or self._issue_anew(key, secret)

    def _current_token(self, app: AppRow, secret: str) -> Issued | None:
        left = (app.token_expires_at or 0) - self._clock()
        if app.token_sha256 is None or left <= 0:
            return None
        token = _token(secret, app.issue_salt)
        return Issued(token, app.scopes, left // MICROSECONDS_A_SECOND)

    def _issue_anew(self, key: str, secret: str) -> Issued:
        with self._store.transaction() as writer:
            app = _app(writer, key, secret)
            current = self._current_token(app, secret)
            if current:  # another worker was faster
                return current
            salt = self._random_bytes(SECRET_BYTES)
            token = _token(secret, salt)
            expires_at = self._clock() + TOKEN_S * MICROSECONDS_A_SECOND
            writer.issue_token(key, salt, digest_of(token), expires_at)
        return Issued(token, app.scopes, TOKEN_S)

    def revoke_token(self, key: str, secret: str, token: str) -> None:
        """End an app's token; one that is not its current token is no more anyway.

        Raises `AppRefused`.
        """
        with self._store.transaction() as writer:
            _app(writer, key, secret)
            writer.revoke_token(key, digest_of(token))

    def app_of_token(self, token: str, scope: str) -> str:
        """Give the key of the app that the token speaks for.

        Raises `TokenRefused` or `ScopeRefused`.
        """
        with self._store.glance() as reader:
            app = reader.app_of_token(digest_of(token))
        return self._checked_app(app, scope)

    def _checked_app(self, app: AppOfToken | None, scope: str) -> str:
        if app is None or app.expires_at <= self._clock():
            raise TokenRefused
        if scope not in app.scopes.split():
            message = f"the app lacks the scope {scope} for this call"
            raise ScopeRefused(message)
        return app.key


def _token(secret: str, issue_salt: bytes) -> str:
    return hmac.digest(secret.encode(), issue_salt, "sha256").hex()


def _app(reader: Reader, key: str, secret: str) -> AppRow:
    app = reader.app(key)
    if app is None or not hmac.compare_digest(app.secret_sha256, digest_of(secret)):
        raise AppRefused
    return app

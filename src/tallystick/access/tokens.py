"""Bearer tokens, made of the app's secret and a salt (contract, section 2).

Every worker derives the same token from the secret that a request brings, so that the store keeps
its digest alone.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.apps import SCOPES, SECRET_BYTES
from tallystick.access.shared import TOKEN_LEFT_MAX, TOKEN_S, AccessTopic, digest_of
from tallystick.core.errors import AppRefused, ScopeRefused, ScopeUnknown, TokenRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.store.access import TokenRow
from tallystick.store.acting import name_actor

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.store import Reader, Writer
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
        with self._store.snapshot() as reader:
            self._app(reader, key, secret)

    def issue_token(self, key: str, secret: str, scopes: Collection[str] = ()) -> Issued:
        """Give the app's token: the same one for an hour from its first issue.

        In its last minute a new one takes its place, while the old one holds until shortly past
        its end: clients read `expires_in` of 0 as never, and would send a dead token for good. With
        `scopes` the token opens these only; words that are no scopes of ours are passed over.
        Raises `AppRefused` or `ScopeUnknown`.
        """
        with self._store.snapshot() as reader:
            app = self._app(reader, key, secret)
            asked_for = _asked_for(app, scopes)
            current = self._current_token(reader, app, secret, asked_for)
        return current or self._issue_anew(key, secret, asked_for)

    def _app(self, reader: Reader, key: str, secret: str) -> AppRow:
        """The app with this key and secret. Raises `AppRefused`."""
        app = reader.app_of_secret(key, digest_of(secret))
        name = app.name if app else reader.app_name(key)
        if name is not None:
            name_actor(name)
        if app is None or (app.expires_at is not None and app.expires_at <= self._clock()):
            raise AppRefused
        return app

    def _current_token(
        self, reader: Reader, app: AppRow, secret: str, asked_for: str
    ) -> Issued | None:
        """The app's token with these scopes, unless it has none that holds for another minute."""
        kept = reader.current_token(digest_of(secret), asked_for)
        if kept is None:
            return None
        left_s = self._left(kept.expires_at) // MICROSECONDS_A_SECOND
        token = _token(secret, kept.salt)
        if left_s < RENEWED_S or digest_of(token) != kept.sha256:
            return None
        return Issued(token, asked_for or app.scopes, left_s)

    def _left(self, expires_at: int | None) -> int:
        """How many microseconds a token still holds; 0 where it does not.

        No token holds for longer than an hour. One that seems to was issued before the clock was
        put back.
        """
        left = (expires_at or 0) - self._clock()
        return left if 0 < left <= TOKEN_LEFT_MAX else 0

    def _issue_anew(self, key: str, secret: str, asked_for: str) -> Issued:
        with self._store.transaction() as writer:
            app = self._app(writer, key, secret)
            current = self._current_token(writer, app, secret, asked_for)
            if current:  # another worker was faster
                return current
            now = self._clock()
            writer.forget_tokens(key, now, now + TOKEN_LEFT_MAX)
            self._hold_over(writer, digest_of(secret), asked_for)
            salt = self._random_bytes(SECRET_BYTES)
            token = _token(secret, salt)
            expires_at = now + TOKEN_S * MICROSECONDS_A_SECOND
            new = TokenRow(digest_of(token), salt, expires_at)
            writer.issue_token(key, digest_of(secret), asked_for, new)
        return Issued(token, asked_for or app.scopes, TOKEN_S)

    def _hold_over(self, writer: Writer, secret_sha256: bytes, asked_for: str) -> None:
        """Have the token that is replaced hold until shortly past its end."""
        replaced = writer.current_token(secret_sha256, asked_for)
        if replaced is not None:
            expires_at = replaced.expires_at + HELD_OVER_S * MICROSECONDS_A_SECOND
            writer.hold_token_until(replaced.sha256, expires_at)

    def revoke_token(self, key: str, secret: str, token: str) -> None:
        """End an app's token; one that does not hold is no more anyway. Raises `AppRefused`."""
        with self._store.transaction() as writer:
            self._app(writer, key, secret)
            writer.revoke_token(key, digest_of(token))

    def _checked_app(self, app: AppOfToken | None, scope: str) -> AppOfToken:
        if app is None or not self._left(app.expires_at):
            raise TokenRefused
        if scope not in app.scopes:
            message = f"the app lacks the scope {scope} for this call"
            if scope in app.app_scopes.split():
                message = f"the token was asked for without the scope {scope} of this call"
            raise ScopeRefused(message, app.name)
        return app


def _asked_for(app: AppRow, scopes: Collection[str]) -> str:
    """The scopes of ours among those that a token is asked for with; empty for all of the app's.

    Raises `ScopeUnknown` where the app lacks one of them.
    """
    may = app.scopes.split()
    ours = {scope for scope in scopes if scope in SCOPES}
    lacking = sorted(ours.difference(may))
    if lacking:
        message = f"the app lacks the scope {lacking[0]}; it has {', '.join(may)}"
        raise ScopeUnknown(message, app.name)
    return "" if not ours or ours == set(may) else " ".join(s for s in may if s in ours)


def _token(secret: str, salt: bytes) -> str:
    return hmac.digest(secret.encode(), salt, "sha256").hex()

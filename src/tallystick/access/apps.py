"""Apps: the OAuth clients, their secrets, and the scopes that say what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.shared import CLOCK_AHEAD_S_MAX, TOKEN_S, AccessTopic, digest_of
from tallystick.core.errors import AppNotFound, InvalidValue, NameTaken
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.moments import MICROSECONDS_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.store import Reader
    from tallystick.store.access import ListedApp

SCOPES = ("m2m", "intake", "admin")
SCOPES_DEFAULT = SCOPES[:1]
SECRET_BYTES = 32
KEY_BYTES = 16


class Credentials(NamedTuple):
    """An app's key and secret; the secret is shown this once."""

    key: str
    secret: str


class App(NamedTuple):
    """An app as an operator sees it; `token_expires_in_s` is None while it has no token."""

    name: str
    key: str
    scopes: tuple[str, ...]
    token_expires_in_s: int | None


class Apps(AccessTopic):
    """Apps made, listed, changed and removed by an operator."""

    def add_app(
        self, name: str, scopes: Collection[str], shown_to: str | None = None
    ) -> Credentials:
        """Make an app known. Raises `InvalidValue` or `NameTaken`.

        `shown_to` is the app that gets the secret, None where an operator does. It may act as the
        new one from then on, and is no second person beside it.
        """
        parse_name("app name", name)
        kept_scopes = _kept_scopes(scopes)
        key = self._random_bytes(KEY_BYTES).hex()
        secret = self._random_bytes(SECRET_BYTES).hex()
        issue_salt = self._random_bytes(SECRET_BYTES)
        with self._store.transaction() as writer:
            if writer.app_named(name) is not None:
                message = f"there is an app named {shown(name)} already"
                raise NameTaken(message)
            writer.add_app(key, name, digest_of(secret), kept_scopes, issue_salt)
            writer.note_app_keeper(name, shown_to)
        return Credentials(key, secret)

    def apps(self) -> list[App]:
        """Every app, by name."""
        with self._store.snapshot() as reader:
            return [self._seen_by_operator(app) for app in reader.apps()]

    def app_named(self, name: str) -> App:
        """Give the app of this name. Raises `AppNotFound`."""
        with self._store.snapshot() as reader:
            key = _key(reader, name)
            return next(self._seen_by_operator(app) for app in reader.apps() if app.key == key)

    def _seen_by_operator(self, app: ListedApp) -> App:
        left = (app.token_expires_at or 0) - self._clock()
        left_s = left // MICROSECONDS_A_SECOND
        has_token = 0 < left_s <= TOKEN_S + CLOCK_AHEAD_S_MAX
        scopes = tuple(app.scopes.split())
        return App(app.name, app.key, scopes, left_s if has_token else None)

    def change_app(self, name: str, scopes: Collection[str]) -> None:
        """Say what an app may do from now on, its token included.

        Raises `InvalidValue` or `AppNotFound`.
        """
        kept_scopes = _kept_scopes(scopes)
        with self._store.transaction() as writer:
            writer.set_app_scopes(_key(writer, name), kept_scopes)

    def rotate_app(self, name: str, shown_to: str | None = None) -> Credentials:
        """Give an app another secret; the old one and its tokens end at once.

        `shown_to` is the app that gets the secret, None where an operator does. Raises
        `AppNotFound`.
        """
        secret = self._random_bytes(SECRET_BYTES).hex()
        issue_salt = self._random_bytes(SECRET_BYTES)
        with self._store.transaction() as writer:
            key = _key(writer, name)
            writer.set_app_secret(key, digest_of(secret), issue_salt)
            if shown_to != name:  # whoever acts as an app may rotate it, and stays its keeper
                writer.note_app_keeper(name, shown_to)
        return Credentials(key, secret)

    def remove_app(self, name: str) -> None:
        """Forget an app; its token ends at once. Raises `AppNotFound`."""
        with self._store.transaction() as writer:
            writer.remove_app(_key(writer, name))


def _kept_scopes(scopes: Collection[str]) -> str:
    """Scopes as they are kept. Raises `InvalidValue`."""
    for scope in scopes:
        if scope not in SCOPES:
            message = f"scope must be one of {', '.join(SCOPES)}, not {shown(scope)}"
            raise InvalidValue(message)
    if not scopes:
        message = f"scopes must not be empty: name one or more of {', '.join(SCOPES)}"
        raise InvalidValue(message)
    return " ".join(scope for scope in SCOPES if scope in scopes)


def _key(reader: Reader, name: str) -> str:
    key = reader.app_named(name)
    if key is None:
        message = f"there is no app {shown(name)}"
        raise AppNotFound(message)
    return key

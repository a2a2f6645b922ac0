"""Apps: the OAuth clients, their secrets, and the scopes that say what they may do."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.shared import TOKEN_LEFT_MAX, AccessTopic, digest_named, digest_of
from tallystick.core.choices import choice_of
from tallystick.core.errors import AppNotFound, InvalidValue, NameTaken
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.ledger import BETWEEN_NAMES, CONSOLE
from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.store import Reader, Writer

SCOPES = ("m2m", "intake", "admin")
SCOPES_DEFAULT = SCOPES[:1]
SECRET_BYTES = 32
KEY_BYTES = 16


class Credentials(NamedTuple):
    """An app's key and secret; the secret is shown this once."""

    key: str
    secret: str


class Secret(NamedTuple):
    """A secret as an operator sees it: `name` tells it from others and opens nothing.

    `made_at` is None of one from before that was kept, `expires_at` of one without an end.
    """

    name: str
    made_at: Moment | None
    expires_at: Moment | None


class Token(NamedTuple):
    """A token as an operator sees it: `name` tells it from others and opens nothing."""

    name: str
    scopes: tuple[str, ...]
    expires_in_s: int


class App(NamedTuple):
    """An app as an operator sees it: its secrets and its tokens that hold, the newest first."""

    name: str
    key: str
    scopes: tuple[str, ...]
    secrets: tuple[Secret, ...]
    tokens: tuple[Token, ...]

    @property
    def token_expires_in_s(self) -> int | None:
        """For how long one of its tokens holds; None while it has none."""
        return max((token.expires_in_s for token in self.tokens), default=None)


class Apps(AccessTopic):
    """Apps made, listed, changed and removed by an operator."""

    def add_app(
        self,
        name: str,
        scopes: Collection[str],
        shown_to: str | None = None,
        valid_s: int | None = None,
    ) -> Credentials:
        """Make an app known. Raises `InvalidValue` or `NameTaken`.

        `shown_to` is the app that gets the secret, None where an operator does. It may act as the
        new one from then on, and is no second person beside it. The secret ends after `valid_s`, or
        not by itself.
        """
        _require_app_name(name)
        kept_scopes = _kept_scopes(scopes)
        key = self._random_bytes(KEY_BYTES).hex()
        secret = self._random_bytes(SECRET_BYTES).hex()
        with self._store.transaction() as writer:
            if writer.app_named(name) is not None:
                message = f"there is an app named {shown(name)} already"
                raise NameTaken(message)
            writer.add_app(key, name, kept_scopes)
            self._add_secret(writer, key, secret, valid_s)
            writer.note_app_keeper(name, shown_to)
        return Credentials(key, secret)

    def _add_secret(self, writer: Writer, key: str, secret: str, valid_s: int | None) -> None:
        now = self._clock()
        expires_at = None if valid_s is None else Moment(now + valid_s * MICROSECONDS_A_SECOND)
        writer.add_app_secret(key, digest_of(secret), now, expires_at)

    def apps(self) -> list[App]:
        """Every app, by name."""
        with self._store.snapshot() as reader:
            return self._apps(reader)

    def app_named(self, name: str) -> App:
        """Give the app of this name. Raises `AppNotFound`."""
        with self._store.snapshot() as reader:
            key = _key(reader, name)
            return next(app for app in self._apps(reader) if app.key == key)

    def _apps(self, reader: Reader) -> list[App]:
        now = self._clock()
        secrets, tokens = defaultdict(list), defaultdict(list)
        for key, digest, made_at, expires_at in reader.app_secrets():
            if expires_at is None or expires_at > now:
                secrets[key].append(Secret(digest.hex(), _moment(made_at), _moment(expires_at)))
        for key, digest, scopes, expires_at in reader.app_tokens(now):
            left = expires_at - now
            if left <= TOKEN_LEFT_MAX:
                left_s = left // MICROSECONDS_A_SECOND
                tokens[key].append(Token(digest.hex(), tuple(scopes.split()), left_s))
        return [
            App(name, key, tuple(scopes.split()), tuple(secrets[key]), tuple(tokens[key]))
            for key, name, scopes in reader.apps()
        ]

    def change_app(self, name: str, scopes: Collection[str]) -> None:
        """Say what an app may do from now on, its tokens included.

        Raises `InvalidValue` or `AppNotFound`.
        """
        kept_scopes = _kept_scopes(scopes)
        with self._store.transaction() as writer:
            writer.set_app_scopes(_key(writer, name), kept_scopes)

    def rotate_app(
        self,
        name: str,
        shown_to: str | None = None,
        overlap_s: int = 0,
        valid_s: int | None = None,
    ) -> Credentials:
        """Give an app another secret; the old one ends after `overlap_s`.

        Without an overlap it ends at once, with all tokens; with one, the older of two secrets
        does. The new one ends after `valid_s`, or not by itself. `shown_to` is the app that gets
        the secret, None where an operator does. Raises `AppNotFound`.
        """
        secret = self._random_bytes(SECRET_BYTES).hex()
        with self._store.transaction() as writer:
            key = _key(writer, name)
            self._end_secrets(writer, key, overlap_s)
            self._add_secret(writer, key, secret, valid_s)
            if shown_to != name:  # whoever acts as an app may rotate it, and stays its keeper
                writer.note_app_keeper(name, shown_to)
        return Credentials(key, secret)

    def _end_secrets(self, writer: Writer, key: str, overlap_s: int) -> None:
        """End an app's secrets: all but the newest at once, and that one after the overlap."""
        end = Moment(self._clock() + overlap_s * MICROSECONDS_A_SECOND)
        former = [secret for secret in writer.app_secrets() if secret.key == key]
        kept = former[:1] if overlap_s else []
        for secret in former[len(kept) :]:
            writer.remove_app_secret(secret.secret_sha256)
        for secret in kept:
            ends_at = end if secret.expires_at is None else min(end, Moment(secret.expires_at))
            writer.end_app_secret(secret.secret_sha256, ends_at)

    def end_tokens(self, name: str, token: str | None = None) -> int:
        """End an app's tokens, or the one of this name; give how many there were.

        The app gets another one for its secret. Raises `AppNotFound`.
        """
        with self._store.transaction() as writer:
            key = _key(writer, name)
            if token is None:
                return writer.revoke_tokens(key)
            return int(writer.revoke_token(key, digest_named("token", token)))

    def remove_app(self, name: str) -> None:
        """Forget an app; its tokens end at once. Raises `AppNotFound`."""
        with self._store.transaction() as writer:
            writer.remove_app(_key(writer, name))


def _moment(kept: int | None) -> Moment | None:
    return None if kept is None else Moment(kept)


def _require_app_name(name: str) -> None:
    """Refuse a name that the ledger would not tell from a user of the console or of another app."""
    parse_name("app name", name)
    if name == CONSOLE:
        message = f"app name must not be {shown(name)}: the ledger calls users of the console so"
        raise InvalidValue(message)
    if BETWEEN_NAMES in name:
        message = (
            f"app name must have no {BETWEEN_NAMES}, not {shown(name)}: the ledger puts it between "
            "an app and its user"
        )
        raise InvalidValue(message)


def _kept_scopes(scopes: Collection[str]) -> str:
    """Scopes as they are kept. Raises `InvalidValue`."""
    for scope in scopes:
        choice_of(SCOPES, "scope", scope)
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

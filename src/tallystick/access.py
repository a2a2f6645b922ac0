"""Access: apps and their Bearer tokens, users and their sessions, lockout (contract, sections 2 and 3).

Nothing that opens a door rests in the store: of secrets and tokens, which are random and long, it keeps the
SHA-256 digest, of passwords the argon2 hash.
"""

from __future__ import annotations

import base64
import hmac
import re
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from tallystick.background import Loops
from tallystick.core.errors import (
    AppNotFound,
    AppRefused,
    InvalidValue,
    NameTaken,
    PasswordRefused,
    ScopeRefused,
    SessionExpired,
    SessionRefused,
    TokenRefused,
    UserNotFound,
)
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tallystick.store import Reader, Store, Writer
    from tallystick.store.access import AppOfToken, AppRow, SessionRow, UserRow
    from tallystick.store.copying import WholeApp

SCOPES = ("m2m", "intake", "admin")
SCOPES_DEFAULT = SCOPES[:1]
FAILED_LOGINS_MAX = 5
IDLE_S_MAX = 20 * 60
TOKEN_S = 60 * 60
EXPIRED_KEPT_S = 24 * 60 * 60  # so long an ended session is told from one that never was
SAVE_WITHIN_S = 1.0
SECRET_BYTES = 32
KEY_BYTES = 16
PASSWORD_BYTES = 15

ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES = (
    19_456,
    2,
    1,
)  # OWASP's password storage cheat sheet
HASHES_AT_ONCE_MAX = 4  # bounds the memory that a storm of logins takes
NOBODYS_PASSWORD = (
    f"$argon2id$v=19$m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}${'A' * 22}${'A' * 43}"
)
"""A hash that no password has: an unknown user's, so that refusing them takes as long."""

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Credentials(NamedTuple):
    """An app's key and secret; the secret is shown this once."""

    key: str
    secret: str


class Issued(NamedTuple):
    """A Bearer token, the scopes it opens and the seconds it has left."""

    access_token: str
    scope: str
    expires_in_s: int


class App(NamedTuple):
    """An app as an operator sees it; `token_expires_in_s` is None while it has no token."""

    name: str
    key: str
    scopes: tuple[str, ...]
    token_expires_in_s: int | None


class User(NamedTuple):
    """A user as an operator sees them; `accounts` are those granted by name."""

    name: str
    accounts: tuple[str, ...]
    all_accounts: bool
    locked: bool


class UserChange(NamedTuple):
    """What is to become of a user; None leaves it as it is."""

    grant: Sequence[str] = ()
    revoke: Sequence[str] = ()
    all_accounts: bool | None = None
    password: str | None = None


class Access:
    """Who may ask: every check of a secret, a token, a password or a session."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        random_bytes: Callable[[int], bytes],
        loops: Loops | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._passwords = _Passwords(random_bytes)
        self._uses = _LastUses(store, loops or Loops())

    def close(self) -> None:
        """Save what is known of sessions' last uses."""
        self._uses.close()

    # Apps and tokens

    def add_app(self, name: str, scopes: Collection[str]) -> Credentials:
        """Make an app known. Raises `InvalidValue` or `NameTaken`."""
        parse_name("app name", name)
        granted = _granted(scopes)
        made = Credentials(
            self._random_bytes(KEY_BYTES).hex(), self._random_bytes(SECRET_BYTES).hex()
        )
        with self._store.transaction() as writer:
            if writer.app_named(name) is not None:
                message = f"there is an app named {shown(name)} already"
                raise NameTaken(message)
            writer.add_app(
                made.key, name, _digest(made.secret), granted, self._random_bytes(SECRET_BYTES)
            )
        return made

    def apps(self) -> list[App]:
        """Every app, by name."""
        with self._store.snapshot() as reader:
            return self._described(reader)

    def app_named(self, name: str) -> App:
        """The app of this name. Raises `AppNotFound`."""
        with self._store.snapshot() as reader:
            key = _key(reader, name)
            return next(app for app in self._described(reader) if app.key == key)

    def _described(self, reader: Reader) -> list[App]:
        whole = sorted(reader.whole_apps(), key=lambda app: app.name)
        return [
            App(app.name, app.key, tuple(app.scopes.split()), self._seconds_left(app))
            for app in whole
        ]

    def _seconds_left(self, app: WholeApp) -> int | None:
        left = ((app.token_expires_at or 0) - self._clock()) // MICROSECONDS_A_SECOND
        return None if app.token_sha256 is None or left <= 0 else left

    def change_app(self, name: str, scopes: Collection[str]) -> None:
        """Say what an app may do from now on, its token included. Raises `InvalidValue` or `AppNotFound`."""
        granted = _granted(scopes)
        with self._store.transaction() as writer:
            writer.set_app_scopes(_key(writer, name), granted)

    def rotate_app(self, name: str) -> Credentials:
        """Give an app another secret; the old one and its token end at once. Raises `AppNotFound`."""
        secret = self._random_bytes(SECRET_BYTES).hex()
        with self._store.transaction() as writer:
            key = _key(writer, name)
            writer.set_app_secret(key, _digest(secret), self._random_bytes(SECRET_BYTES))
        return Credentials(key, secret)

    def remove_app(self, name: str) -> None:
        """Forget an app; its token ends at once. Raises `AppNotFound`."""
        with self._store.transaction() as writer:
            writer.remove_app(_key(writer, name))

    def issue_token(self, key: str, secret: str) -> Issued:
        """The app's token: the same one for an hour from its first issue. Raises `AppRefused`."""
        with self._store.snapshot() as reader:
            current = self._current_token(_app(reader, key, secret), secret)
        return current or self._issue_anew(key, secret)

    def _current_token(self, app: AppRow, secret: str) -> Issued | None:
        left = (app.token_expires_at or 0) - self._clock()
        if app.token_sha256 is None or left <= 0:
            return None
        return Issued(_token(secret, app.issue_salt), app.scopes, left // MICROSECONDS_A_SECOND)

    def _issue_anew(self, key: str, secret: str) -> Issued:
        with self._store.transaction() as writer:
            app = _app(writer, key, secret)
            current = self._current_token(app, secret)
            if current:  # another worker was faster
                return current
            salt = self._random_bytes(SECRET_BYTES)
            token = _token(secret, salt)
            writer.issue_token(
                key, salt, _digest(token), self._clock() + TOKEN_S * MICROSECONDS_A_SECOND
            )
        return Issued(token, app.scopes, TOKEN_S)

    def revoke_token(self, key: str, secret: str, token: str) -> None:
        """End an app's token; one that is not its current token is no more anyway. Raises `AppRefused`."""
        with self._store.transaction() as writer:
            _app(writer, key, secret)
            writer.revoke_token(key, _digest(token))

    def app_of_token(self, token: str, scope: str) -> str:
        """The key of the app that the token speaks for. Raises `TokenRefused` or `ScopeRefused`."""
        with self._store.glance() as reader:
            found = reader.app_of_token(_digest(token))
        return self._checked_app(found, scope)

    def _checked_app(self, app: AppOfToken | None, scope: str) -> str:
        if app is None or app.expires_at <= self._clock():
            raise TokenRefused
        if scope not in app.scopes.split():
            message = f"the app lacks the scope {scope} for this call"
            raise ScopeRefused(message)
        return app.key

    def app_name(self, key: str) -> str:
        """What the app with this key is called."""
        with self._store.glance() as reader:
            return reader.app_name(key) or key

    # Users

    def add_user(
        self, name: str, password: str, accounts: Sequence[str], *, all_accounts: bool
    ) -> None:
        """Make a user known, and accounts that are not known yet. Raises `InvalidValue` or `NameTaken`."""
        parse_name("user name", name)
        for account in accounts:
            parse_name("account", account)
        password_argon2 = self._hashed(password)
        with self._store.transaction() as writer:
            if writer.user(name) is not None:
                message = f"there is a user named {shown(name)} already"
                raise NameTaken(message)
            writer.add_user(name, password_argon2, accounts, all_accounts=all_accounts)

    def unlock_user(self, name: str) -> None:
        """Let a user try again after too many failed logins. Raises `UserNotFound`."""
        with self._store.transaction() as writer:
            _user(writer, name)
            writer.forget_failed_logins(name)

    def change_user(self, name: str, wanted: UserChange) -> None:
        """Change what a user sees, making accounts that are not known yet, or their password.

        A new password ends the user's sessions; it does not unlock them. Raises `InvalidValue` or `UserNotFound`.
        """
        for account in wanted.grant:
            parse_name("account", account)
        password_argon2 = None if wanted.password is None else self._hashed(wanted.password)
        with self._store.transaction() as writer:
            user_id = _user(writer, name).user_id
            writer.grant_accounts(user_id, wanted.grant)
            for account in wanted.revoke:
                _revoke(writer, name, account)
            if wanted.all_accounts is not None:
                writer.set_all_accounts(user_id, all_accounts=wanted.all_accounts)
            if password_argon2 is not None:
                writer.set_password(user_id, password_argon2)
                writer.end_sessions_of(user_id)

    def _hashed(self, password: str) -> str:
        if not password:
            message = "password must not be empty"
            raise InvalidValue(message)
        return self._passwords.hashed(password)

    def remove_user(self, name: str) -> None:
        """Forget a user; their sessions end at once. Raises `UserNotFound`."""
        with self._store.transaction() as writer:
            writer.remove_user(_user(writer, name).user_id)

    def user_named(self, name: str) -> User:
        """The user of this name. Raises `UserNotFound`."""
        with self._store.snapshot() as reader:
            _user(reader, name)
            return next(user for user in _users(reader) if user.name == name)

    def users(self) -> list[User]:
        """Every user, by name."""
        with self._store.snapshot() as reader:
            return list(_users(reader))

    def user_name(self, user_id: int) -> str:
        """What the user with this number is called."""
        with self._store.glance() as reader:
            return reader.user_name(user_id) or str(user_id)

    # Sessions

    def login(self, username: str, password: str) -> str:
        """Begin a session and give its GUID.

        Raises `PasswordRefused`, after the same work for a wrong password, an unknown and a locked user.
        """
        with self._store.glance() as reader:
            user = reader.user(username)
        proven = self._passwords.fits(password, user.password_argon2 if user else NOBODYS_PASSWORD)
        with self._store.transaction() as writer:
            # Looked up again: logins tried at the same time may have locked the user, or changed the password.
            if proven and user and _unchanged_and_open(user, writer.user(username)):
                session_token = str(UUID(bytes=self._random_bytes(16), version=4))
                now = self._clock()
                writer.forget_failed_logins(username)
                writer.open_session(_digest(session_token), user.user_id, now)
                writer.forget_sessions(now - (IDLE_S_MAX + EXPIRED_KEPT_S) * MICROSECONDS_A_SECOND)
                return session_token
            writer.note_failed_login(username)
        raise PasswordRefused

    def logout(self, session_token: str) -> None:
        """End a session. Raises `SessionRefused` or `SessionExpired`."""
        self.user_of_session(session_token)
        with self._store.transaction() as writer:
            writer.end_session(_digest(session_token))

    def user_of_session(self, session_token: str) -> int:
        """The user of a session, which is used by this. Raises `SessionRefused` or `SessionExpired`."""
        digest = _session_digest(session_token)
        with self._store.glance() as reader:
            found = reader.session(digest)
        return self._checked_user(found, digest)

    def user_of_call(self, token: str, scope: str, session_token: str) -> int:
        """The user of a session, if the app that the token speaks for has the scope; the app is checked first.

        Raises `TokenRefused`, `ScopeRefused`, `SessionRefused` or `SessionExpired`.
        """
        with self._store.glance() as reader:
            app, session = reader.caller(_digest(token), _digest(session_token))
        self._checked_app(app, scope)
        return self._checked_user(session, _session_digest(session_token))

    def _checked_user(self, session: SessionRow | None, digest: bytes) -> int:
        if session is None:
            raise SessionRefused
        now = self._clock()
        if now - max(session.used_at, self._uses.of(digest)) > IDLE_S_MAX * MICROSECONDS_A_SECOND:
            raise SessionExpired
        self._uses.note(digest, now)
        return session.user_id

    def reset_password(self, session_token: str, old_password: str) -> str:
        """Give the session's user a new password, in force at once.

        Raises `PasswordRefused`, `SessionRefused` or `SessionExpired`.
        """
        user_id = self.user_of_session(session_token)
        with self._store.glance() as reader:
            kept = reader.password_of(user_id) or NOBODYS_PASSWORD
        if not self._passwords.fits(old_password, kept):
            raise PasswordRefused
        password = base64.urlsafe_b64encode(self._random_bytes(PASSWORD_BYTES)).decode()
        password_argon2 = self._passwords.hashed(password)
        with self._store.transaction() as writer:
            if (
                writer.password_of(user_id) != kept
            ):  # two resets at once: the second one's old password is old
                raise PasswordRefused
            writer.set_password(user_id, password_argon2)
        return password


class _Passwords:
    """Argon2, a few at a time."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._turns = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
        self._hasher = PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES)

    def hashed(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password, salt=self._random_bytes(self._hasher.salt_len))

    def fits(self, password: str, password_argon2: str) -> bool:
        with self._turns:
            try:
                return self._hasher.verify(password_argon2, password)
            except VerificationError:
                return False


class _LastUses:
    """When sessions were last used: exact in this process, saved from a thread of its own within a second or so.

    A report must not wait for whoever is writing to the store, an import for example, only to say that its
    session was used. Other workers go by what is saved.
    """

    def __init__(self, store: Store, loops: Loops) -> None:
        self._store = store
        self._unsaved: dict[bytes, Moment] = {}
        self._lock = threading.Lock()
        self._loop = loops.loop("last uses of sessions", self._save, SAVE_WITHIN_S)

    def of(self, digest: bytes) -> int:
        """The last use that may not be saved yet; 0 where there is none."""
        return self._unsaved.get(digest, 0)

    def note(self, digest: bytes, moment: Moment) -> None:
        """The session was used at this moment."""
        with self._lock:
            self._unsaved[digest] = moment
        self._loop.start()

    def close(self) -> None:
        """Save what is not saved yet, and save no more after it."""
        self._loop.finish()

    def _save(self) -> bool:
        with self._lock:
            uses = dict(self._unsaved)
        if not uses:
            return False
        with self._store.transaction() as writer:
            for digest, moment in uses.items():
                writer.use_session(digest, moment)
        with self._lock:
            for digest, moment in uses.items():
                if self._unsaved[digest] == moment:
                    del self._unsaved[digest]
        return False


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _session_digest(session_token: str) -> bytes:
    if not GUID.fullmatch(session_token):
        message = f"the session token must be a GUID, not {shown(session_token)}"
        raise SessionRefused(message)
    return _digest(session_token)


def _token(secret: str, issue_salt: bytes) -> str:
    return hmac.digest(secret.encode(), issue_salt, "sha256").hex()


def _app(reader: Reader, key: str, secret: str) -> AppRow:
    app = reader.app(key)
    if app is None or not hmac.compare_digest(app.secret_sha256, _digest(secret)):
        raise AppRefused
    return app


def _granted(scopes: Collection[str]) -> str:
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


def _user(reader: Reader, name: str) -> UserRow:
    user = reader.user(name)
    if user is None:
        message = f"there is no user {shown(name)}"
        raise UserNotFound(message)
    return user


def _users(reader: Reader) -> Iterator[User]:
    for name, all_accounts, failed in reader.users():
        yield User(
            name, tuple(reader.accounts_granted(name)), all_accounts, failed >= FAILED_LOGINS_MAX
        )


def _revoke(writer: Writer, user: str, account: str) -> None:
    account_id = writer.account_id(account)
    if account_id is None or not writer.revoke_account(_user(writer, user).user_id, account_id):
        message = f"user {shown(user)} was not granted an account {shown(account)} by name"
        raise InvalidValue(message)


def _unchanged_and_open(before: UserRow, now: UserRow | None) -> bool:
    return (
        now is not None
        and now.password_argon2 == before.password_argon2
        and now.failed_logins < FAILED_LOGINS_MAX
    )

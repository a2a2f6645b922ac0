"""Sessions, from login to logout, and a user's new password (contract, section 3)."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from tallystick.access.audit import AuditTrail
from tallystick.access.last_uses import LastUses
from tallystick.access.passwords import USUAL_COST
from tallystick.access.shared import (
    CLOCK_AHEAD_S_MAX,
    AccessTopic,
    digest_named,
    digest_of,
    name_for,
)
from tallystick.access.users import FAILED_LOGINS_MAX, user_row
from tallystick.background import Loops
from tallystick.core.acts import refused
from tallystick.core.addresses import block_of
from tallystick.core.errors import (
    PasswordRefused,
    SessionExpired,
    SessionRefused,
)
from tallystick.core.identifiers import shown
from tallystick.core.ledger import CONSOLE
from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY, Moment
from tallystick.store.acting import act_under_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.access.passwords import HashCost
    from tallystick.store import Reader, Store, Writer
    from tallystick.store.access import SessionRow, UserRow

IDLE_S_MAX = 20 * 60
CONSOLE_S_MAX = 12 * 60 * 60
"""So long a session of the console holds, however much it is used."""
EXPIRED_KEPT_S = SECONDS_A_DAY
"""So long an ended session is told from one that never was."""
PASSWORD_BYTES = 15
ADDRESS_KNOWN_S = 90 * SECONDS_A_DAY
"""So long after a user's last login from an address it is known as theirs."""
ADDRESSES_KNOWN_MAX = 20
STRANGE_ADDRESSES_MAX = 19
"""Strange addresses whose failures are counted one by one.

With those beyond, which share a count, strangers have 100 guesses in all until an operator unlocks:
as many as NIST SP 800-63B allows.
"""
NOBODY = -1
"""The number of no user."""
UNKNOWN_USER = "?"
"""What the audit calls a user whom nobody knows: the name may be a password, typed too early."""
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SESSIONS_LISTED_MAX = 100
SESSIONS_OF_USER_MAX = 1_000
"""Sessions of the console, and as many of programs; of more, those used longest ago end."""
CONSOLE_TOKEN_BYTES = 32
CONSOLE_TOKEN = re.compile(r"[0-9a-f]{64}\.(?P<begun>[0-9]{1,16})")
"""A session of the console: random digits, and the second since 1970 in which it began.

The store keeps the digest of both together, so nobody can change the second.
"""


class _HashChanged(Exception):  # noqa: N818 - it refuses nothing: the password is proven again
    """The hash of a password changed after the password was held against it.

    The password may be the same: another login may have hashed it anew. The transaction is left
    by this, so that the audit has nothing of it.
    """


class _Failures(NamedTuple):
    """A user as they are now, and how many of their logins failed in a row.

    `there` is of the address that asks: what fails elsewhere does not count for it. It is None
    where too many other strange addresses have a count of their own; those beyond share one. So
    whoever knows no password locks the user out of the address that they try from, and by way of
    many addresses out of strange ones alone.
    """

    user: UserRow | None
    there: int | None

    @property
    def are_counted_there(self) -> bool:
        """Whether the address that asks has a count of its own."""
        return self.there is not None

    @property
    def in_a_row(self) -> int:
        """How many count for the address that asks."""
        if self.there is not None:
            return self.there
        return self.user.failed_logins if self.user else 0

    @property
    def allow_login(self) -> bool:
        """Whether the user may log in, if the password is theirs."""
        return self.user is not None and self.in_a_row < FAILED_LOGINS_MAX

    def require_hash_of(self, before: UserRow | None) -> None:
        """Raise `_HashChanged` where the password was held against another hash than this one."""
        if self.user is None or before is None:
            return
        if self.user.password_argon2 != before.password_argon2:
            raise _HashChanged


class OwnSession(NamedTuple):
    """A session as its user sees it.

    `name` tells it from others and opens nothing. `begun_at` is None of one from before that was
    kept; `is_this` is whether the user looks through it.
    """

    name: str
    begun_at: Moment | None
    used_at: Moment
    in_console: bool
    is_this: bool


class Sessions(AccessTopic):
    """Sessions begun, checked and ended by their users."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        random_bytes: Callable[[int], bytes],
        loops: Loops | None = None,
        password_cost: HashCost = USUAL_COST,
    ) -> None:
        super().__init__(store, clock, random_bytes, password_cost)
        loops = loops or Loops()
        self._last_uses = LastUses(store, loops)
        self.audit = AuditTrail(store, clock, loops)

    def close(self) -> None:
        """Save what is known of sessions' last uses, and what is noted for the audit."""
        self._last_uses.close()
        self.audit.close()

    def login(self, username: str, password: str, address: str = "") -> str:
        """Begin a session and give its GUID; `address` is where the login comes from.

        Raises `PasswordRefused`, after the same work for a wrong password, an unknown and a locked
        user.
        """
        place = block_of(address)
        guid = str(UUID(bytes=self._random_bytes(16), version=4))
        return self._begin(username, password, guid, place, in_console=False)

    def sign_in(self, username: str, password: str, address: str = "") -> str:
        """Begin a session of the console and give its token, which no call of an app takes.

        Raises `PasswordRefused` like `login`; failures of both lock the same user.
        """
        second = self._clock() // MICROSECONDS_A_SECOND
        random = self._random_bytes(CONSOLE_TOKEN_BYTES).hex()
        session_token, place = f"{random}.{second}", block_of(address)
        return self._begin(username, password, session_token, place, in_console=True)

    def _begin(
        self, username: str, password: str, session_token: str, place: str, *, in_console: bool
    ) -> str:
        def look_up(reader: Reader) -> tuple[str, UserRow | None]:
            user = reader.user(username)
            _name_who_logs_in(username if user else UNKNOWN_USER, in_console=in_console)
            return username, user

        def renewed(user: UserRow) -> str | None:
            return self._passwords.renewed(password, user.password_argon2)

        def open_session(writer: Writer, user: UserRow) -> None:
            self._open_session(writer, session_token, user.user_id, in_console=in_console)

        self._prove(look_up, password, place, renewed, open_session)
        return session_token

    def _prove(
        self,
        look_up: Callable[[Reader], tuple[str, UserRow | None]],
        password: str,
        place: str,
        new_hash: Callable[[UserRow], str | None],
        then: Callable[[Writer, UserRow], None],
    ) -> None:
        """Hold a password against a user's hash and, if it is theirs, do what was asked for.

        `look_up` gives the user's name and the user; `new_hash` is kept from now on, if there is
        one. Hashes are computed before the transaction, which others wait for. Raises
        `PasswordRefused`, and notes the failure.
        """
        while True:
            with self._store.glance() as reader:
                name, user = look_up(reader)
            is_proven = self._is_proven(user, password)
            kept = new_hash(user) if is_proven and user else None
            with suppress(_HashChanged), self._store.transaction() as writer:
                # Looked up again: logins tried at the same time may have locked the user.
                failures = self._failures(writer, name, place)
                # Of two resets at once, the second one's old password is old.
                failures.require_hash_of(user)
                if is_proven and user and failures.allow_login:
                    self._forget_failures(writer, user.user_id, name, failures, place)
                    if kept:
                        writer.set_password(user.user_id, kept)
                    then(writer, user)
                    return
                self._note_failure(writer, name, failures, place)
                break
        raise PasswordRefused

    def _failures(self, writer: Writer, name: str, place: str) -> _Failures:
        """How many logins of a user failed in a row, seen from an address.

        A strange address gets a count of its own where few have one.
        """
        user = writer.user(name)
        since = self._clock() - ADDRESS_KNOWN_S * MICROSECONDS_A_SECOND
        user_id = NOBODY if user is None else user.user_id
        if place:
            writer.count_failed_logins_there(user_id, place, since, STRANGE_ADDRESSES_MAX)
        return _Failures(user, writer.failed_logins_there(user_id, place, since))

    def _forget_failures(
        self, writer: Writer, user_id: int, name: str, failures: _Failures, place: str
    ) -> None:
        """Begin the count anew that a login is counted in; what is locked elsewhere stays so.

        Were the count of strange addresses forgotten with every login, each one of the user's own
        would give strangers more guesses.
        """
        if not failures.are_counted_there and failures.in_a_row < FAILED_LOGINS_MAX:
            writer.forget_failed_logins(name)
        if place:
            writer.remember_login_address(user_id, place, self._clock(), ADDRESSES_KNOWN_MAX)

    def _note_failure(self, writer: Writer, name: str, failures: _Failures, place: str) -> None:
        """Count a refused password, and note it for the audit: as an act it changes nothing."""
        user_id = failures.user.user_id if failures.user else NOBODY
        writer.note_failed_login(name, user_id, place, is_counted_there=failures.are_counted_there)
        act = act_under_way()
        if act is None:
            return
        if failures.user and failures.in_a_row >= FAILED_LOGINS_MAX:
            act.details["locked"] = True
        self.audit.note(act, refused(PasswordRefused.code))

    def _is_proven(self, user: UserRow | None, password: str) -> bool:
        """Whether this is the user's password; for no user it takes as long to say no."""
        password_argon2 = user.password_argon2 if user else self._passwords.nobodys_argon2
        return self._passwords.fits(password, password_argon2)

    def _open_session(
        self, writer: Writer, session_token: str, user_id: int, *, in_console: bool
    ) -> None:
        """Begin a session, and forget those that ended long ago or are too many."""
        now = self._clock()
        writer.open_session(digest_of(session_token), user_id, now, in_console=in_console)
        writer.end_sessions_beyond(user_id, SESSIONS_OF_USER_MAX, in_console=in_console)
        kept = (IDLE_S_MAX + EXPIRED_KEPT_S) * MICROSECONDS_A_SECOND
        writer.forget_sessions(now - kept, now + kept)

    def logout(self, session_token: str) -> None:
        """End a session. Raises `SessionRefused` or `SessionExpired`."""
        self.user_of_session(session_token)
        with self._store.transaction() as writer:
            writer.end_session(digest_of(session_token))

    def sign_out(self, session_token: str) -> None:
        """End a session of the console, if there is one with this token."""
        with self._store.transaction() as writer:
            writer.end_session(digest_of(session_token))

    def sessions_of(self, user_id: int, session_token: str = "") -> list[OwnSession]:
        """The sessions of a user that have not ended, the last used first, 100 at most.

        `session_token` is the one through which they look; empty where an operator does.
        """
        this = digest_of(session_token)
        with self._store.glance() as reader:
            listed = reader.sessions_of(user_id, SESSIONS_LISTED_MAX)
        sessions = [
            OwnSession(
                each.token_sha256.hex(),
                each.begun_at,
                self._last_use(each.token_sha256, each.used_at),
                each.in_console,
                each.token_sha256 == this,
            )
            for each in listed
        ]
        return [each for each in sessions if not self._has_ended(each)]

    def _has_ended(self, session: OwnSession) -> bool:
        oldest = self._clock() - CONSOLE_S_MAX * MICROSECONDS_A_SECOND
        is_too_old = session.in_console and (session.begun_at or 0) < oldest
        return is_too_old or self._has_expired(session.used_at)

    def end_session_of(self, user_id: int, name: str) -> None:
        """End a user's session by its name in `sessions_of`; one that has ended is no more anyway.

        Raises `InvalidValue`.
        """
        digest = digest_named("session", name)
        with self._store.transaction() as writer:
            writer.end_session_of(user_id, digest)

    def end_other_sessions_of(self, user_id: int, session_token: str) -> None:
        """End every session of a user but the one through which they ask."""
        with self._store.transaction() as writer:
            writer.end_other_sessions_of(user_id, digest_of(session_token))

    def sessions_of_user(self, name: str) -> list[OwnSession]:
        """The sessions of a user that have not ended, for an operator. Raises `UserNotFound`."""
        with self._store.glance() as reader:
            user_id = user_row(reader, name).user_id
        return self.sessions_of(user_id)

    def end_sessions_of_user(self, name: str, session: str | None = None) -> None:
        """End a user's sessions, or the one of this name, for an operator.

        Raises `UserNotFound` or `InvalidValue`.
        """
        digest = None if session is None else digest_named("session", session)
        with self._store.transaction() as writer:
            user_id = user_row(writer, name).user_id
            if digest is None:
                writer.end_sessions_of(user_id)
            else:
                writer.end_session_of(user_id, digest)

    def user_of_session(self, session_token: str) -> int:
        """Give the user of a session, which is used by this.

        Raises `SessionRefused` or `SessionExpired`.
        """
        with self._store.glance() as reader:
            session = reader.session(_session_digest(session_token))
        return self._checked_session(session, session_token).user_id

    def _console_session(self, session_token: str) -> SessionRow:
        """The session of the console with this token, which is used by this.

        Raises `SessionRefused` or `SessionExpired`.
        """
        form = CONSOLE_TOKEN.fullmatch(session_token)
        if form is None:
            raise SessionRefused
        digest = digest_of(session_token)
        with self._store.glance() as reader:
            session = reader.session(digest)
        age_s = self._clock() // MICROSECONDS_A_SECOND - int(form["begun"])
        if not -CLOCK_AHEAD_S_MAX <= age_s <= CONSOLE_S_MAX:
            raise SessionExpired
        return self._used(session, digest)

    def _checked_session(self, session: SessionRow | None, session_token: str) -> SessionRow:
        return self._used(session, _session_digest(session_token))

    def _used(self, session: SessionRow | None, digest: bytes) -> SessionRow:
        """The session, which is used by this; raises `SessionRefused` or `SessionExpired`."""
        if session is None:
            raise SessionRefused
        if self._has_expired(self._last_use(digest, session.used_at)):
            raise SessionExpired
        self._last_uses.note(digest, self._clock())
        return session

    def _last_use(self, digest: bytes, saved: Moment) -> Moment:
        return Moment(max(saved, self._last_uses.of(digest)))

    def _has_expired(self, last_use: Moment) -> bool:
        idle = self._clock() - last_use
        idle_min = -CLOCK_AHEAD_S_MAX * MICROSECONDS_A_SECOND
        return not idle_min <= idle <= IDLE_S_MAX * MICROSECONDS_A_SECOND

    def reset_password(self, user_id: int, old_password: str, address: str = "") -> str:
        """Give a user a new password, in force at once.

        A wrong old password counts as a failed login, and the user is locked after too many of
        either. Raises `PasswordRefused`.
        """
        password = base64.urlsafe_b64encode(self._random_bytes(PASSWORD_BYTES)).decode()
        password_argon2, place = self._passwords.hashed(password), block_of(address)
        look_up = partial(_user_of_id, user_id)
        self._prove(look_up, old_password, place, lambda _: password_argon2, lambda *_: None)
        return password

    def choose_password(
        self, user_id: int, session_token: str, old_password: str, new: str, address: str = ""
    ) -> None:
        """Give a user the password that they chose, in force at once.

        It ends their sessions, but for the one through which they ask, and their own tokens. A
        wrong old password counts as in `reset_password`. Raises `PasswordRefused`, or
        `InvalidValue` where the new one is none.
        """
        look_up = partial(_user_of_id, user_id)
        with self._store.glance() as reader:
            name, _ = look_up(reader)
        password_argon2 = self._passwords.chosen(new, name)

        def end_others(writer: Writer, _: UserRow) -> None:
            writer.end_other_sessions_of(user_id, digest_of(session_token))
            writer.end_personal_tokens_of(user_id)

        place = block_of(address)
        self._prove(look_up, old_password, place, lambda _: password_argon2, end_others)


def _user_of_id(user_id: int, reader: Reader) -> tuple[str, UserRow | None]:
    """The name of a user, and the user; neither where they are gone."""
    return reader.user_of_id(user_id) or ("", None)


def _name_who_logs_in(username: str, *, in_console: bool) -> None:
    """Say for the audit who logs in: through the app that calls, or to the console."""
    act = act_under_way()
    if act is not None:
        act.actor = name_for(CONSOLE if in_console else act.actor, username)
        act.details.clear()


def _session_digest(session_token: str) -> bytes:
    if not GUID.fullmatch(session_token):
        message = f"the session token must be a GUID, not {shown(session_token)}"
        raise SessionRefused(message)
    return digest_of(session_token)

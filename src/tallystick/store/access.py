"""Apps, users, tokens and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.moments import Moment
from tallystick.core.roles import Role
from tallystick.store.accounts import AccountChanges
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Sequence


class UserRow(NamedTuple):
    """A user as kept."""

    user_id: int
    password_argon2: str
    failed_logins: int


class AppRow(NamedTuple):
    """An app with one of its secrets as kept; `expires_at` is None of a secret without an end."""

    name: str
    scopes: str
    expires_at: int | None


class TokenRow(NamedTuple):
    """A token as kept: its digest, what it is derived with, and until when it holds."""

    sha256: bytes
    salt: bytes
    expires_at: int


class ListedApp(NamedTuple):
    """An app as it is listed."""

    key: str
    name: str
    scopes: str


class ListedSecret(NamedTuple):
    """A secret as it is listed; None of what was not kept, and of a secret without an end."""

    key: str
    secret_sha256: bytes
    made_at: int | None
    expires_at: int | None


class ListedToken(NamedTuple):
    """A token of an app as it is listed; without scopes it has all that the app has."""

    key: str
    token_sha256: bytes
    scopes: str
    expires_at: int


class AppOfToken(NamedTuple):
    """The app that a token speaks for; without scopes of its own the token has all of the app's."""

    key: str
    name: str
    app_scopes: str
    token_scopes: str
    expires_at: int

    @property
    def scopes(self) -> list[str]:
        """What the token opens."""
        scopes = self.app_scopes.split()
        asked_for = self.token_scopes.split() or scopes
        return [scope for scope in scopes if scope in asked_for]


class ListedUser(NamedTuple):
    """A user as they are listed, without the accounts granted by name."""

    name: str
    all_accounts: bool
    role: Role
    failed_logins: int


class SessionRow(NamedTuple):
    """A session as kept, with its user's name and role."""

    user_id: int
    used_at: Moment
    user_name: str
    role: Role


class ListedSession(NamedTuple):
    """A session as its user sees it; `begun_at` is None of one from before that was kept."""

    token_sha256: bytes
    begun_at: Moment | None
    used_at: Moment
    in_console: bool


class ListedPersonalToken(NamedTuple):
    """A user's own token as it is listed."""

    name: str
    scopes: str
    made_at: int
    expires_at: int


class PersonalTokenRow(NamedTuple):
    """A user's own token as kept, with its user's name, role, and whether they see all."""

    user_id: int
    user_name: str
    role: Role
    sees_all: bool
    scopes: str
    expires_at: int


class View(NamedTuple):
    """The accounts that a user may see, numbers by name, and the zone of the kept rows.

    The zone is empty where there are no accounts. `sees_all` is whether they see those that come
    later, too.
    """

    accounts: dict[str, int]
    wire_zone: str
    sees_all: bool


class AccessQuestions(Asking):
    """Who may come in, and what they may see."""

    def app_of_secret(self, key: str, secret_sha256: bytes) -> AppRow | None:
        """The app with this key, if it has this secret."""
        row = self._connection.row("app_of_secret", key=key, secret_sha256=secret_sha256)
        return None if row is None else AppRow(*row)

    def app_name(self, key: str) -> str | None:
        """What the app with this key is called."""
        return self._value(str, "app_name", key=key)

    def apps(self) -> list[ListedApp]:
        """Every app, by name."""
        return [ListedApp(*row) for row in self._connection.rows("apps")]

    def app_secrets(self) -> list[ListedSecret]:
        """Every secret of every app, the newest of each first."""
        return [ListedSecret(*row) for row in self._connection.rows("app_secrets")]

    def app_tokens(self, now: Moment) -> list[ListedToken]:
        """Every token of an app that ends after a moment, the last of each first."""
        return [ListedToken(*row) for row in self._connection.rows("app_tokens", now=now)]

    def current_token(self, secret_sha256: bytes, scopes: str) -> TokenRow | None:
        """The token that was issued last for a secret and these scopes."""
        row = self._connection.row("current_token", secret_sha256=secret_sha256, scopes=scopes)
        return None if row is None else TokenRow(*row)

    def app_named(self, name: str) -> str | None:
        """The key of the app with this name."""
        return self._value(str, "app_named", name=name)

    def app_of_token(self, token_sha256: bytes) -> AppOfToken | None:
        """The app whose current token has this digest."""
        row = self._connection.row("app_of_token", token_sha256=token_sha256)
        return None if row is None else AppOfToken(*row)

    def caller(
        self, token_sha256: bytes, session_sha256: bytes
    ) -> tuple[AppOfToken | None, SessionRow | None]:
        """The app whose current token has the one digest, and the session that has the other."""
        row = self._connection.row(
            "caller", token_sha256=token_sha256, session_sha256=session_sha256
        )
        key, name, scopes, token_scopes, expires_at, *session_columns = row or (None,) * 9
        app = None if key is None else AppOfToken(key, name, scopes, token_scopes, expires_at)
        session = None if session_columns[0] is None else _session_row(*session_columns)
        return app, session

    def user(self, name: str) -> UserRow | None:
        """The user of this name."""
        row = self._connection.row("user_named", name=name)
        return None if row is None else UserRow(*row)

    def users(self) -> list[ListedUser]:
        """Every user, by name."""
        return [
            ListedUser(name, bool(all_accounts), Role(role), failed)
            for name, all_accounts, role, failed in self._connection.rows("users")
        ]

    def accounts_granted(self, name: str) -> list[str]:
        """The accounts that a user was granted by name."""
        return [account for (account,) in self._connection.rows("accounts_granted", name=name)]

    def view_of(self, user_id: int) -> View:
        """What a user may see, and how it is kept.

        One question where there is an account to see, for every report begins with it.
        """
        rows = list(self._connection.rows("accounts_seen_by", user_id=user_id))
        if not rows:
            _, sees_all = self._connection.row("rank_of_user", user_id=user_id) or ("", False)
            return View({}, "", bool(sees_all))
        accounts = {name: account_id for account_id, name, _, _ in rows}
        _, _, wire_zone, sees_all = rows[0]
        return View(accounts, wire_zone, bool(sees_all))

    def user_of_id(self, user_id: int) -> tuple[str, UserRow] | None:
        """Give the name of the user with this number, and what is kept of them."""
        row = self._connection.row("user_of_id", user_id=user_id)
        return None if row is None else (row[0], UserRow(*row[1:]))

    def app_keepers(self) -> dict[str, str]:
        """Give the app that was last shown the secret of another, by the name of that other."""
        return dict(self._connection.rows("app_keepers"))

    def session(self, token_sha256: bytes) -> SessionRow | None:
        """The user of a session, their role, and the moment of its last use."""
        row = self._connection.row("session", token_sha256=token_sha256)
        return None if row is None else _session_row(*row)

    def sessions_of(self, user_id: int, at_most: int) -> list[ListedSession]:
        """The sessions of a user, the last used first; those that have expired are among them."""
        rows = self._connection.rows("sessions_of_user", user_id=user_id, at_most=at_most)
        return [
            ListedSession(
                digest,
                None if begun_at is None else Moment(begun_at),
                Moment(used_at),
                bool(in_console),
            )
            for digest, begun_at, used_at, in_console in rows
        ]

    def rank_of(self, user_id: int) -> tuple[Role, bool]:
        """The role of a user who is known, and whether they see every account."""
        row = self._connection.row("rank_of_user", user_id=user_id)
        assert row is not None  # noqa: S101 - the caller has found the user
        return Role(row[0]), bool(row[1])

    def personal_token(self, token_sha256: bytes) -> PersonalTokenRow | None:
        """The user whose own token this is."""
        row = self._connection.row("personal_token", token_sha256=token_sha256)
        if row is None:
            return None
        user_id, user_name, role, sees_all, scopes, expires_at = row
        return PersonalTokenRow(user_id, user_name, Role(role), bool(sees_all), scopes, expires_at)

    def failed_logins_there(self, user_id: int, address: str, since: int) -> int | None:
        """How many logins of a user failed in a row at an address.

        None where it has no count of its own: they have not logged in from there since a moment,
        and too many other addresses like it have one.
        """
        return self._value(
            int, "failed_logins_there", user_id=user_id, address=address, since=since
        )

    def personal_tokens_of(self, user_id: int) -> list[ListedPersonalToken]:
        """A user's own tokens, by name."""
        rows = self._connection.rows("personal_tokens_of_user", user_id=user_id)
        return [ListedPersonalToken(*row) for row in rows]


def _session_row(user_id: int, used_at: int, user_name: str, role: str) -> SessionRow:
    return SessionRow(user_id, Moment(used_at), user_name, Role(role))


class AccessChanges(AccountChanges, AccessQuestions):
    """Who comes in, and what they did."""

    def add_app(self, key: str, name: str, scopes: str) -> None:
        """Make an app known, which has no secret yet."""
        self._connection.run("add_app", key=key, name=name, scopes=scopes)

    def set_app_scopes(self, key: str, scopes: str) -> None:
        """Say what an app may do."""
        self._connection.run("set_app_scopes", key=key, scopes=scopes)

    def add_app_secret(
        self, key: str, secret_sha256: bytes, made_at: Moment, expires_at: Moment | None
    ) -> None:
        """Give an app another secret, beside those that it has."""
        self._connection.run(
            "add_app_secret",
            key=key,
            secret_sha256=secret_sha256,
            made_at=made_at,
            expires_at=expires_at,
        )

    def end_app_secret(self, secret_sha256: bytes, expires_at: Moment) -> None:
        """Have a secret end at a moment; tokens that were issued for it hold for their hour."""
        self._connection.run("end_app_secret", secret_sha256=secret_sha256, expires_at=expires_at)

    def remove_app_secret(self, secret_sha256: bytes) -> None:
        """Have a secret end, and the tokens that were issued for it."""
        for query in ("remove_app_secret", "remove_tokens_of_secret"):
            self._connection.run(query, secret_sha256=secret_sha256)

    def remove_app(self, key: str) -> None:
        """Forget an app, its secrets and its tokens."""
        for query in ("remove_app", "remove_app_secrets", "revoke_tokens"):
            self._connection.run(query, key=key)

    def issue_token(self, key: str, secret_sha256: bytes, scopes: str, token: TokenRow) -> None:
        """Give an app a token, issued for one of its secrets and for these scopes."""
        self._connection.run(
            "issue_token",
            key=key,
            secret_sha256=secret_sha256,
            scopes=scopes,
            token_sha256=token.sha256,
            salt=token.salt,
            expires_at=token.expires_at,
        )

    def hold_token_until(self, token_sha256: bytes, expires_at: int) -> None:
        """Have a token hold until a moment."""
        self._connection.run("hold_token_until", token_sha256=token_sha256, expires_at=expires_at)

    def forget_tokens(self, key: str, now: int, latest: int) -> None:
        """Forget an app's tokens that ended before one moment, or that end after another."""
        self._connection.run("forget_tokens", key=key, now=now, latest=latest)

    def revoke_token(self, key: str, token_sha256: bytes) -> bool:
        """Revoke an app's token; give whether there was one."""
        return self._connection.run("revoke_token", key=key, token_sha256=token_sha256) > 0

    def revoke_tokens(self, key: str) -> int:
        """Revoke every token of an app; give how many there were."""
        return self._connection.run("revoke_tokens", key=key)

    def note_app_keeper(self, name: str, keeper: str | None) -> None:
        """Note which other app was shown an app's secret; None where an operator alone was.

        A user of the console, by the name that the ledger has for them, is kept in the same way by
        the app that chose their password.
        """
        if keeper is None:
            self._connection.run("forget_app_keeper", name=name)
        else:
            self._connection.run("keep_app_keeper", name=name, keeper=keeper)

    def add_user(
        self,
        name: str,
        password_argon2: str,
        accounts: Sequence[str],
        *,
        all_accounts: bool,
        role: Role,
    ) -> None:
        """Make a user known, and accounts that they may see and that are not known yet."""
        self._connection.run(
            "add_user",
            name=name,
            password_argon2=password_argon2,
            all_accounts=int(all_accounts),
            role=role,
        )
        user = self.user(name)
        assert user is not None  # noqa: S101 - made above, in this transaction
        self.grant_accounts(user.user_id, accounts)

    def grant_accounts(self, user_id: int, accounts: Sequence[str]) -> None:
        """Let a user see accounts; those that are not known yet are made."""
        account_ids, _ = self.account_ids_made(set(accounts))
        for account_id in account_ids.values():
            self._connection.run("grant_account", user_id=user_id, account_id=account_id)

    def revoke_account(self, user_id: int, account_id: int) -> bool:
        """Let a user no longer see an account by its name; give whether they were granted it."""
        return self._connection.run("revoke_account", user_id=user_id, account_id=account_id) > 0

    def set_all_accounts(self, user_id: int, *, all_accounts: bool) -> None:
        """Let a user see all accounts, or only those granted by name."""
        self._connection.run("set_all_accounts", user_id=user_id, all_accounts=int(all_accounts))

    def set_role(self, user_id: int, role: Role) -> None:
        """Say what a user may do."""
        self._connection.run("set_role", user_id=user_id, role=role)

    def remove_user(self, user_id: int) -> None:
        """Forget a user, their sessions and views, where they logged in, and what they may see."""
        self.end_sessions_of(user_id)
        self.end_personal_tokens_of(user_id)
        self._connection.run("revoke_accounts_of_user", user_id=user_id)
        self._connection.run("forget_views_of_user", user_id=user_id)
        self._connection.run("forget_login_addresses", user_id=user_id)
        self._connection.run("remove_user", user_id=user_id)

    def end_sessions_of(self, user_id: int) -> None:
        """End every session of a user."""
        self._connection.run("end_sessions_of_user", user_id=user_id)

    def add_personal_token(
        self,
        token_sha256: bytes,
        user_id: int,
        name: str,
        scopes: str,
        made_at: Moment,
        expires_at: Moment,
    ) -> None:
        """Make a token of a user's own known."""
        self._connection.run(
            "add_personal_token",
            token_sha256=token_sha256,
            user_id=user_id,
            name=name,
            scopes=scopes,
            made_at=made_at,
            expires_at=expires_at,
        )

    def end_personal_token(self, user_id: int, name: str) -> bool:
        """End a user's own token; give whether there was one."""
        return self._connection.run("end_personal_token", user_id=user_id, name=name) > 0

    def end_personal_tokens_of(self, user_id: int) -> None:
        """End every token of a user's own."""
        self._connection.run("end_personal_tokens_of_user", user_id=user_id)

    def count_failed_logins_there(self, user_id: int, address: str, since: int, most: int) -> None:
        """Have failed logins at a strange address counted there, unless `most` such have a count.

        Strange is one from which the user has not logged in since a moment.
        """
        self._connection.run(
            "count_failed_logins_there", user_id=user_id, address=address, since=since, most=most
        )

    def note_failed_login(
        self, name: str, user_id: int, address: str, *, is_counted_there: bool
    ) -> None:
        """Count a failed login, with as many statements for a name that exists as for any other.

        `is_counted_there` is whether the address has a count of its own.
        """
        self._connection.run("note_failed_login", name=name, is_counted_there=int(is_counted_there))
        self._connection.run("note_failed_login_there", user_id=user_id, address=address)
        self._connection.run("count_failed_login")

    def remember_login_address(self, user_id: int, address: str, now: int, kept: int) -> None:
        """Note that the user logged in from an address; so many addresses of theirs are kept."""
        self._connection.run(
            "remember_login_address", user_id=user_id, address=address, logged_in_at=now
        )
        self._connection.run("forget_login_addresses_beyond", user_id=user_id, kept=kept)

    def forget_failed_logins(self, name: str) -> None:
        """The user's count of failed logins starts anew."""
        self._connection.run("forget_failed_logins", name=name)

    def forget_failed_logins_there(self, user_id: int) -> None:
        """So do those at single addresses."""
        self._connection.run("forget_strange_addresses", user_id=user_id)
        self._connection.run("forget_failed_logins_there", user_id=user_id)

    def set_password(self, user_id: int, password_argon2: str) -> None:
        """Give a user another password."""
        self._connection.run("set_password", user_id=user_id, password_argon2=password_argon2)

    def open_session(
        self, token_sha256: bytes, user_id: int, begun_at: int, *, in_console: bool
    ) -> None:
        """Begin a session, of the console or of calls of apps."""
        self._connection.run(
            "open_session",
            token_sha256=token_sha256,
            user_id=user_id,
            begun_at=begun_at,
            in_console=int(in_console),
        )

    def end_sessions_beyond(self, user_id: int, kept: int, *, in_console: bool) -> None:
        """End a user's sessions of one kind, but for so many that were used last."""
        self._connection.run(
            "end_sessions_beyond", user_id=user_id, in_console=int(in_console), kept=kept
        )

    def use_session(self, token_sha256: bytes, used_at: int) -> None:
        """A session was used."""
        self._connection.run("use_session", token_sha256=token_sha256, used_at=used_at)

    def end_session(self, token_sha256: bytes) -> bool:
        """End a session; give whether there was one."""
        return self._connection.run("end_session", token_sha256=token_sha256) > 0

    def end_session_of(self, user_id: int, token_sha256: bytes) -> None:
        """End a session if it is this user's."""
        self._connection.run("end_session_of_user", user_id=user_id, token_sha256=token_sha256)

    def end_other_sessions_of(self, user_id: int, token_sha256: bytes) -> None:
        """End every session of a user but one."""
        self._connection.run(
            "end_other_sessions_of_user", user_id=user_id, token_sha256=token_sha256
        )

    def forget_sessions(self, used_before: int, used_after: int) -> None:
        """Forget sessions last used before one moment, or after another that is still to come."""
        self._connection.run("forget_sessions", used_before=used_before, used_after=used_after)

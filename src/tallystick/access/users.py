"""Users: who may log in, which accounts they see, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.shared import AccessTopic, name_for
from tallystick.core.errors import InvalidValue, NameTaken, UserNotFound
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.ledger import CONSOLE
from tallystick.core.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.store import Reader, Writer
    from tallystick.store.access import UserRow

FAILED_LOGINS_MAX = 5


class User(NamedTuple):
    """A user as an operator sees them; `accounts` are those granted by name."""

    name: str
    accounts: tuple[str, ...]
    all_accounts: bool
    role: Role
    locked: bool


class UserChange(NamedTuple):
    """What is to become of a user; None leaves it as it is."""

    grant: Sequence[str] = ()
    revoke: Sequence[str] = ()
    all_accounts: bool | None = None
    password: str | None = None
    role: Role | None = None


class Users(AccessTopic):
    """Users made, listed, changed, unlocked and removed by an operator."""

    def add_user(
        self,
        name: str,
        password: str,
        accounts: Sequence[str],
        *,
        all_accounts: bool,
        role: Role = Role.VIEWER,
        chosen_by: str | None = None,
    ) -> None:
        """Make a user known, and accounts that are not known yet.

        `chosen_by` is the app that chose the password, None where an operator did. It may sign in
        as this user, and is no second person beside them. Raises `InvalidValue` or `NameTaken`.
        """
        parse_name("user name", name)
        for account in accounts:
            parse_name("account", account)
        password_argon2 = self._passwords.chosen(password, name)
        with self._store.transaction() as writer:
            if writer.user(name) is not None:
                message = f"there is a user named {shown(name)} already"
                raise NameTaken(message)
            writer.add_user(name, password_argon2, accounts, all_accounts=all_accounts, role=role)
            writer.note_app_keeper(name_for(CONSOLE, name), chosen_by)

    def users(self) -> list[User]:
        """Every user, by name."""
        with self._store.snapshot() as reader:
            return list(_users(reader))

    def user_named(self, name: str) -> User:
        """Give the user of this name. Raises `UserNotFound`."""
        with self._store.snapshot() as reader:
            user_row(reader, name)
            return next(user for user in _users(reader) if user.name == name)

    def unlock_user(self, name: str) -> None:
        """Let a user try again after too many failed logins. Raises `UserNotFound`."""
        with self._store.transaction() as writer:
            user_id = user_row(writer, name).user_id
            writer.forget_failed_logins(name)
            writer.forget_failed_logins_there(user_id)

    def change_user(self, name: str, wanted: UserChange, chosen_by: str | None = None) -> None:
        """Change what a user sees, making accounts that are not known yet, their role or password.

        A new password ends the user's sessions and their own tokens; it does not unlock them.
        `chosen_by` is the app that chose it, None where an operator did. Raises `InvalidValue` or
        `UserNotFound`.
        """
        for account in wanted.grant:
            parse_name("account", account)
        password_argon2 = None
        if wanted.password is not None:
            password_argon2 = self._passwords.chosen(wanted.password, name)
        with self._store.transaction() as writer:
            user_id = user_row(writer, name).user_id
            writer.grant_accounts(user_id, wanted.grant)
            for account in wanted.revoke:
                _revoke(writer, name, account)
            if wanted.all_accounts is not None:
                writer.set_all_accounts(user_id, all_accounts=wanted.all_accounts)
            if wanted.role is not None:
                writer.set_role(user_id, wanted.role)
            if password_argon2 is not None:
                writer.note_app_keeper(name_for(CONSOLE, name), chosen_by)
                writer.set_password(user_id, password_argon2)
                writer.end_sessions_of(user_id)
                writer.end_personal_tokens_of(user_id)

    def remove_user(self, name: str) -> None:
        """Forget a user; their sessions and tokens end at once. Raises `UserNotFound`."""
        with self._store.transaction() as writer:
            writer.remove_user(user_row(writer, name).user_id)


def user_row(reader: Reader, name: str) -> UserRow:
    """The user of this name as kept. Raises `UserNotFound`."""
    user = reader.user(name)
    if user is None:
        message = f"there is no user {shown(name)}"
        raise UserNotFound(message)
    return user


def _users(reader: Reader) -> Iterator[User]:
    for user in reader.users():
        accounts = tuple(reader.accounts_granted(user.name))
        locked = user.failed_logins >= FAILED_LOGINS_MAX
        yield User(user.name, accounts, user.all_accounts, user.role, locked)


def _revoke(writer: Writer, user: str, account: str) -> None:
    account_id = writer.account_id(account)
    if account_id is None or not writer.revoke_account(user_row(writer, user).user_id, account_id):
        message = f"user {shown(user)} was not granted an account {shown(account)} by name"
        raise InvalidValue(message)

"""What apps, users, their sessions and their tokens read like in JSON."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from tallystick.core.moments import wire, wire_or_none
from tallystick.core.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.access import App, Credentials, User
    from tallystick.access.personal_tokens import PersonalToken
    from tallystick.access.sessions import OwnSession


class SecretAnswer(msgspec.Struct):
    """A secret of an app that holds; null where it has no end, or its beginning is not known."""

    id: str
    made_at: str | None
    expires_at: str | None


class TokenAnswer(msgspec.Struct):
    """A token of an app that holds; without scopes it opens all that the app has."""

    id: str
    scopes: list[str]
    expires_in_s: int


class AppAnswer(msgspec.Struct):
    """An app: its scopes, and the seconds that its token has left, null where it has none."""

    name: str
    key: str
    scopes: list[str]
    token_expires_in_s: int | None
    secrets: list[SecretAnswer]
    tokens: list[TokenAnswer]


class AppList(msgspec.Struct):
    """Every app, by name."""

    apps: list[AppAnswer]


class CredentialsAnswer(msgspec.Struct):
    """An app's key and secret; the secret is shown this once."""

    key: str
    secret: str


class SessionAnswer(msgspec.Struct):
    """A session of a user that has not ended; `of` is `console`, or `calls` of an app."""

    id: str
    begun_at: str | None
    used_at: str
    of: str


class SessionList(msgspec.Struct):
    """The sessions of a user, the last used first."""

    sessions: list[SessionAnswer]


class PersonalTokenAnswer(msgspec.Struct):
    """A token of a user's own."""

    name: str
    scopes: list[str]
    made_at: str
    expires_at: str


class PersonalTokenList(msgspec.Struct):
    """The tokens of a user's own, by name."""

    tokens: list[PersonalTokenAnswer]


class NewPersonalTokenAnswer(msgspec.Struct):
    """A token of a user's own, shown this once."""

    token: str


class UserAnswer(msgspec.Struct):
    """A user: the accounts they see, their role, and whether failed logins locked them."""

    name: str
    accounts: list[str]
    all_accounts: bool
    role: Role
    locked: bool


class UserList(msgspec.Struct):
    """Every user, by name."""

    users: list[UserAnswer]


def app_answer(app: App) -> AppAnswer:
    """An app, as it reads."""
    secrets = [
        SecretAnswer(each.name, wire_or_none(each.made_at, UTC), wire_or_none(each.expires_at, UTC))
        for each in app.secrets
    ]
    tokens = [TokenAnswer(each.name, list(each.scopes), each.expires_in_s) for each in app.tokens]
    return AppAnswer(app.name, app.key, list(app.scopes), app.token_expires_in_s, secrets, tokens)


def session_list(sessions: Iterable[OwnSession]) -> SessionList:
    """Sessions of a user, as they read."""
    return SessionList(
        [
            SessionAnswer(
                each.name,
                wire_or_none(each.begun_at, UTC),
                wire(each.used_at, UTC),
                "console" if each.in_console else "calls",
            )
            for each in sessions
        ]
    )


def personal_token_list(tokens: Iterable[PersonalToken]) -> PersonalTokenList:
    """Tokens of a user's own, as they read."""
    return PersonalTokenList(
        [
            PersonalTokenAnswer(
                each.name, list(each.scopes), wire(each.made_at, UTC), wire(each.expires_at, UTC)
            )
            for each in tokens
        ]
    )


def credentials_answer(made: Credentials) -> CredentialsAnswer:
    """A key and a secret, as they read."""
    return CredentialsAnswer(made.key, made.secret)


def user_answer(user: User) -> UserAnswer:
    """A user, as they read."""
    return UserAnswer(user.name, list(user.accounts), user.all_accounts, user.role, user.locked)

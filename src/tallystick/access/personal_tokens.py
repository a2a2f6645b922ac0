"""Personal access tokens: what a user's own programs call by, in place of an app and a session.

A token is random, shown once and kept as its digest. It opens no more than its scopes, and no more
than it could be made with now, by its user's role and by whether they see every account. What is
done by it is done by its user: who proposes in the console cannot approve by a token.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from tallystick.access.shared import AccessTopic, digest_of
from tallystick.access.users import user_row
from tallystick.core.errors import InvalidValue, NameTaken, NotFound
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.moments import MICROSECONDS_A_DAY, Moment
from tallystick.core.roles import scopes_of

if TYPE_CHECKING:
    from collections.abc import Collection

TOKEN_PREFIX = "tally_"  # noqa: S105 - tells tokens of users from those of apps, for scanners too
TOKEN_BYTES = 32
TOKENS_OF_USER_MAX = 50
VALID_DAYS_MAX = 366


class PersonalToken(NamedTuple):
    """A user's token as it is listed."""

    name: str
    scopes: tuple[str, ...]
    made_at: Moment
    expires_at: Moment


class PersonalTokens(AccessTopic):
    """Users' own tokens made, listed and ended."""

    def add_personal_token(
        self,
        user_name: str,
        name: str,
        scopes: Collection[str],
        valid_days: int,
    ) -> str:
        """Make a token for a user and give it, this once, to that user or to an operator.

        No app may be shown it: it could act as the user, and approve what it proposed. Raises
        `UserNotFound`, `NameTaken` or `InvalidValue`.
        """
        parse_name("token name", name)
        if not 1 <= valid_days <= VALID_DAYS_MAX:
            message = f"a token is valid for 1 to {VALID_DAYS_MAX} days, not {valid_days}"
            raise InvalidValue(message)
        secret = base64.urlsafe_b64encode(self._random_bytes(TOKEN_BYTES)).decode().rstrip("=")
        token, now = f"{TOKEN_PREFIX}{secret}", self._clock()
        expires_at = Moment(now + valid_days * MICROSECONDS_A_DAY)
        with self._store.transaction() as writer:
            user_id = user_row(writer, user_name).user_id
            role, sees_all = writer.rank_of(user_id)
            kept_scopes = _kept_scopes(scopes, scopes_of(role, sees_all=sees_all))
            there = writer.personal_tokens_of(user_id)
            _require_room(name, [each.name for each in there])
            writer.add_personal_token(digest_of(token), user_id, name, kept_scopes, now, expires_at)
        return token

    def personal_tokens_of(self, user_name: str) -> list[PersonalToken]:
        """The tokens of a user, by name, those that have ended too. Raises `UserNotFound`."""
        with self._store.snapshot() as reader:
            rows = reader.personal_tokens_of(user_row(reader, user_name).user_id)
        return [
            PersonalToken(name, tuple(scopes.split()), Moment(made_at), Moment(expires_at))
            for name, scopes, made_at, expires_at in rows
        ]

    def end_personal_token(self, user_name: str, name: str) -> None:
        """End a user's token. Raises `UserNotFound` or `NotFound`."""
        with self._store.transaction() as writer:
            if not writer.end_personal_token(user_row(writer, user_name).user_id, name):
                message = f"user {shown(user_name)} has no token {shown(name)}"
                raise NotFound(message)


def _kept_scopes(scopes: Collection[str], allowed: tuple[str, ...]) -> str:
    """Scopes as they are kept. Raises `InvalidValue`."""
    for scope in scopes:
        if scope not in allowed:
            message = (
                f"a token of this user may have {', '.join(allowed)} by their role and by what "
                f"they see, not {shown(scope)}"
            )
            raise InvalidValue(message)
    if not scopes:
        message = f"scopes must not be empty: name one or more of {', '.join(allowed)}"
        raise InvalidValue(message)
    return " ".join(scope for scope in allowed if scope in scopes)


def _require_room(name: str, names: Collection[str]) -> None:
    if name in names:
        message = f"the user has a token {shown(name)} already"
        raise NameTaken(message)
    if len(names) >= TOKENS_OF_USER_MAX:
        message = f"the user has {TOKENS_OF_USER_MAX} tokens, which is as many as there may be"
        raise InvalidValue(message)

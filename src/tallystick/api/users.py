"""`/api/v1/users`: who may log in, whose SIMs they see, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon
import msgspec
from msgspec import UNSET, UnsetType

from tallystick.access import UserChange
from tallystick.api.answers import access as answers
from tallystick.api.calls import ADMIN, address_of, name_in, struct_of
from tallystick.api.operation import operation
from tallystick.core.errors import RoleRefused
from tallystick.core.roles import Role
from tallystick.http.acts import records
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user to be made; accounts that are not known yet are made too."""

    name: str
    password: str
    accounts: list[str] = []
    all_accounts: bool = False
    role: Role = Role.VIEWER


class UserPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What is to become of a user: accounts to grant and to revoke by name.

    A new password ends their sessions.
    """

    grant: list[str] = []
    revoke: list[str] = []
    all_accounts: bool | UnsetType = UNSET
    password: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET


class Users:
    """Every user."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.UserList)
    def on_get(self, _req: Request, resp: Response) -> None:
        """List the users."""
        resp.data = msgspec.json.encode(
            answers.UserList([answers.user_answer(each) for each in self._access.users()])
        )

    @operation(scope=ADMIN, body=NewUser, answer=answers.UserAnswer, status=201)
    @records("user.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make a user."""
        body = struct_of(req, NewUser)
        self._access.add_user(
            body.name,
            body.password,
            body.accounts,
            all_accounts=body.all_accounts,
            role=body.role,
            chosen_by=caller_of(req).name,
        )
        resp.status = falcon.HTTP_201
        resp.location = address_of("users", body.name)
        resp.data = msgspec.json.encode(answers.user_answer(self._access.user_named(body.name)))


class User:
    """One user."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.UserAnswer)
    def on_get(self, _req: Request, resp: Response, user: str) -> None:
        """Show a user."""
        self._answer(resp, name_in(user))

    @operation(scope=ADMIN, body=UserPatch, answer=answers.UserAnswer)
    @records("user.change")
    def on_patch(self, req: Request, resp: Response, user: str) -> None:
        """Change what a user sees, their role, or their password."""
        body = struct_of(req, UserPatch)
        wanted = UserChange(
            body.grant,
            body.revoke,
            None if body.all_accounts is UNSET else body.all_accounts,
            None if body.password is UNSET else body.password,
            None if body.role is UNSET else body.role,
        )
        self._access.change_user(name_in(user), wanted, caller_of(req).name)
        self._answer(resp, name_in(user))

    @operation(scope=ADMIN, status=204)
    @records("user.remove")
    def on_delete(self, _req: Request, resp: Response, user: str) -> None:
        """Remove a user; their sessions end at once."""
        self._access.remove_user(name_in(user))
        resp.status = falcon.HTTP_204

    def _answer(self, resp: Response, name: str) -> None:
        resp.data = msgspec.json.encode(answers.user_answer(self._access.user_named(name)))


class Unlock:
    """The lock of one user."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.UserAnswer)
    @records("user.unlock")
    def on_post(self, _req: Request, resp: Response, user: str) -> None:
        """Let a user log in again after too many failures."""
        name = name_in(user)
        self._access.unlock_user(name)
        resp.data = msgspec.json.encode(answers.user_answer(self._access.user_named(name)))


class NewPersonalToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token of a user's own to be made."""

    name: str
    scopes: list[str]
    valid_days: int


class Sessions:
    """The sessions of one user."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.SessionList)
    def on_get(self, _req: Request, resp: Response, user: str) -> None:
        """List the sessions of a user that have not ended, 100 at most."""
        sessions = self._access.sessions_of_user(name_in(user))
        resp.data = msgspec.json.encode(answers.session_list(sessions))

    @operation(scope=ADMIN, status=204)
    @records("user.end-sessions")
    def on_delete(self, _req: Request, resp: Response, user: str) -> None:
        """End every session of a user."""
        self._access.end_sessions_of_user(name_in(user))
        resp.status = falcon.HTTP_204


class OneSession:
    """One session of a user."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, status=204)
    @records("user.end-sessions")
    def on_delete(self, _req: Request, resp: Response, user: str, session: str) -> None:
        """End a session of a user, by its id; one that has ended is no more anyway."""
        self._access.end_sessions_of_user(name_in(user), session)
        resp.status = falcon.HTTP_204


class PersonalTokens:
    """The tokens of a user's own."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.PersonalTokenList)
    def on_get(self, _req: Request, resp: Response, user: str) -> None:
        """List the tokens of a user's own."""
        tokens = self._access.personal_tokens_of(name_in(user))
        resp.data = msgspec.json.encode(answers.personal_token_list(tokens))

    @operation(
        scope=ADMIN, body=NewPersonalToken, answer=answers.NewPersonalTokenAnswer, status=201
    )
    @records("user.add-token")
    def on_post(self, req: Request, resp: Response, user: str) -> None:
        """Make a token of the calling user's own, shown this once."""
        name, body = name_in(user), struct_of(req, NewPersonalToken)
        if caller_of(req).user_name != name:
            message = "a token of a user's own is made by that user, or at the command line"
            raise RoleRefused(message)
        token = self._access.add_personal_token(name, body.name, body.scopes, body.valid_days)
        resp.status = falcon.HTTP_201
        resp.location = address_of("users", name, "tokens", body.name)
        resp.data = msgspec.json.encode(answers.NewPersonalTokenAnswer(token))


class OnePersonalToken:
    """One token of a user's own."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, status=204)
    @records("user.end-token")
    def on_delete(self, _req: Request, resp: Response, user: str, token: str) -> None:
        """End a token of a user's own, by its name."""
        self._access.end_personal_token(name_in(user), name_in(token))
        resp.status = falcon.HTTP_204

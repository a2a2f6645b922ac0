"""The gate: who calls is found once for each call, and handed on.

A responder says with `needs` what it asks of its caller. The gate, a middleware of the app, looks
the app's token and the user's session up in one question to the store, before the body is read, and
refuses what does not fit. Responders read the answer with `caller_of`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import falcon

from tallystick.access.personal_tokens import TOKEN_PREFIX
from tallystick.core.errors import AccessRefused, SessionExpired, SessionRefused
from tallystick.core.roles import Right, require_right
from tallystick.http.cookies import SAFE_METHODS, Browsers

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.access import Access, Caller

Responder = TypeVar("Responder", bound="Callable[..., None]")

SESSION_HEADER = "VZ-M2M-Token"
SIGN_IN_PATH = "/login"
"""Where a browser without a session is sent, with the page that it asked for as `next`."""
SCOPE_OF_USERS = "m2m"
"""The scope of apps that call for a user."""


class BearerMissing(AccessRefused):
    """The call has no Bearer token."""

    code = "token-refused"


class SessionMissing(AccessRefused):
    """The call has no session."""

    code = "session-refused"


class Session(Enum):
    """Whether a call belongs to a user's session."""

    NONE = "none"
    """It does not: an app calls for itself."""
    REQUIRED = "required"
    """A user calls, through an app."""
    ALLOWED = "allowed"
    """A user calls through an app with the scope m2m, or else an app for itself."""
    CONSOLE = "console"
    """A user has signed in to the console, and calls through no app."""


class Needs(NamedTuple):
    """What a call asks of its caller.

    `right` is what the user of a session of the console must be allowed to do.
    """

    scope: str
    session: Session = Session.NONE
    right: Right = Right.SEE


def needs(
    scope: str, session: Session = Session.NONE, right: Right = Right.SEE
) -> Callable[[Responder], Responder]:
    """Say of a responder what its call asks of its caller."""
    stated = Needs(scope, session, right)

    def marked(responder: Responder) -> Responder:
        responder.needs = stated  # type: ignore[attr-defined] # read back by the gate
        return responder

    return marked


for_users = needs(SCOPE_OF_USERS, Session.REQUIRED)
"""Say of a responder that a user calls it, through an app."""


def for_console_to(right: Right) -> Callable[[Responder], Responder]:
    """Say of a responder that a browser calls it, for a signed-in user who has this right."""
    return needs(SCOPE_OF_USERS, Session.CONSOLE, right)


for_console = for_console_to(Right.SEE)
"""Say of a responder that a browser calls it, for a user who has signed in to the console."""


def open_to_all(responder: Responder) -> Responder:
    """Say of a responder that its call checks its caller itself, or is for everybody."""
    responder.needs = None  # type: ignore[attr-defined] # read back by the gate
    return responder


def needs_of(resource: object, method: str) -> Needs | None:
    """What was said of a responder; None where its call is open to all.

    Raises `TypeError` where nothing was said: no call is open by mistake.
    """
    responder = getattr(resource, f"on_{method.lower()}")
    try:
        stated: Needs | None = responder.needs
    except AttributeError:
        place = place_of(resource, method)
        message = f"{place} does not say who may call it: put @needs(…) or @open_to_all on it"
        raise TypeError(message) from None
    return stated


def place_of(resource: object, method: str) -> str:
    """Where in the program a responder stands, for whoever has to say something of it there."""
    kind = type(resource)
    return f"{kind.__module__}.{kind.__name__}.on_{method.lower()}"


class Gate:
    """The middleware that every call passes once its route is known."""

    def __init__(self, access: Access, browsers: Browsers | None = None) -> None:
        self._access = access
        self._browsers = browsers or Browsers()

    def process_resource(
        self,
        req: Request,
        resp: Response,  # noqa: ARG002 - the form of a middleware
        resource: object,
        params: dict[str, Any],  # noqa: ARG002 - the same
    ) -> None:
        """Find out who calls. Raises what the caller is refused with."""
        if not hasattr(resource, f"on_{req.method.lower()}"):
            return  # the framework says which methods there are
        stated = needs_of(resource, req.method)
        if stated is not None:
            req.context.caller = self._caller(req, stated)

    def _caller(self, req: Request, stated: Needs) -> Caller:
        if stated.session is Session.CONSOLE:
            return self._caller_in_console(req, stated.right)
        session_token = req.get_header(SESSION_HEADER)
        is_for_user = stated.session is Session.REQUIRED or (
            stated.session is Session.ALLOWED and session_token is not None
        )
        scope = SCOPE_OF_USERS if is_for_user else stated.scope
        token = bearer_token(req, scope)
        if token.startswith(TOKEN_PREFIX) and _is_open_to_tokens_of_users(stated):
            return self._access.caller_by_personal_token(token, stated.scope, *_also(stated))
        if not is_for_user:
            return self._access.caller(token, scope)
        if session_token:
            return self._access.caller_in_session(token, scope, session_token)
        self._access.caller(token, scope)  # the app is checked before the session
        message = f"the call needs {SESSION_HEADER}: the session of a user"
        raise SessionMissing(message)

    def _caller_in_console(self, req: Request, right: Right) -> Caller:
        """The user of the session in the browser's cookie; others are sent to sign in.

        Raises `ForeignForm` or `RoleRefused`.
        """
        self._browsers.require_own_page(req)
        try:
            caller = self._access.caller_in_console(self._browsers.session_token(req) or "")
        except (SessionRefused, SessionExpired) as refusal:
            back = req.relative_uri if req.method in SAFE_METHODS else "/"
            place = f"{SIGN_IN_PATH}?next={quote(back, safe='/')}"
            raise falcon.HTTPSeeOther(place) from refusal
        req.context.caller = caller  # the audit names who is refused, too
        assert caller.role is not None  # noqa: S101 - every user has one
        require_right(caller.role, right)
        return caller


def _is_open_to_tokens_of_users(stated: Needs) -> bool:
    """Whether users' own tokens open a call: none of ThingSpace's, its login neither."""
    return stated.session is Session.ALLOWED or stated.scope != SCOPE_OF_USERS


def _also(stated: Needs) -> tuple[str, ...]:
    """The scope that may stand for the one of a call that users may make."""
    return (SCOPE_OF_USERS,) if stated.session is Session.ALLOWED else ()


def caller_of(req: Request) -> Caller:
    """Who calls, as the gate found out."""
    caller: Caller = req.context.caller
    return caller


def user_of(req: Request) -> int:
    """The number of the user who calls; of a call that needs a session."""
    user_id = caller_of(req).user_id
    assert user_id is not None  # noqa: S101 - the gate lets nobody else through
    return user_id


def session_of(req: Request) -> str:
    """The session that the call belongs to; of a call that needs one."""
    session_token = caller_of(req).session_token
    assert session_token is not None  # noqa: S101 - the gate lets nobody else through
    return session_token


def credentials(req: Request, scheme: str) -> str | None:
    """What `Authorization` carries under a scheme, in lower case; None where it carries nothing."""
    given_scheme, _, given = (req.get_header("Authorization") or "").partition(" ")
    return given.strip() or None if given_scheme.lower() == scheme else None


def bearer_token(req: Request, scope: str) -> str:
    """The Bearer token of the app that calls. Raises `BearerMissing`."""
    token = credentials(req, "bearer")
    if token is None:
        message = f"the call needs Authorization: Bearer …, of an app with the scope {scope}"
        raise BearerMissing(message)
    return token

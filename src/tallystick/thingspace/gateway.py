"""The gateway: OAuth2 tokens, and the Bearer check of every call (contract, section 2)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import msgspec

from tallystick.core.errors import AppRefused
from tallystick.core.identifiers import shown
from tallystick.http.acts import records
from tallystick.http.gate import credentials, open_to_all
from tallystick.http.limits import one_try
from tallystick.thingspace.bodies import read_form
from tallystick.thingspace.described import RevokeForm, TokenAnswer, TokenForm, described
from tallystick.thingspace.errors import (
    BasicMissing,
    FormRefused,
    GrantTypeRefused,
    NoSuchResource,
)

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access


VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What a token consists of; it comes back in a header, which nothing else may stand in."""


def no_such_resource(req: Request, resp: Response, **_: str) -> None:  # noqa: ARG001 - a sink's form
    """Whatever path under the API root the route table does not know."""
    message = f"there is no {shown(req.path)}"
    raise NoSuchResource(message)


class Token:
    """`POST /oauth2/token`: the app's Bearer token."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @described(TokenForm, TokenAnswer, is_form=True)
    @open_to_all
    @records("token.issue")
    def on_post(self, req: Request, resp: Response) -> None:
        """Issue the token; the same one for each request within its hour."""
        key, secret = _checked_app(req, self._access)
        form = read_form(req)
        if not form.get("grant_type"):
            message = "grant_type is missing"
            raise FormRefused(message)
        if form["grant_type"] != "client_credentials":
            message = f"grant_type must be client_credentials, not {shown(form['grant_type'])}"
            raise GrantTypeRefused(message)
        issued = self._access.issue_token(key, secret, form.get("scope", "").split())
        resp.cache_control = ("no-store",)
        resp.data = msgspec.json.encode(
            {
                "access_token": issued.access_token,
                "scope": issued.scope,
                "token_type": "Bearer",
                "expires_in": issued.expires_in_s,
            }
        )


class Revoke:
    """`POST /oauth2/revoke`: the end of a Bearer token."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @described(RevokeForm, is_form=True)
    @open_to_all
    @records("token.revoke")
    def on_post(self, req: Request, resp: Response) -> None:
        """Revoke the token; one that is not current is revoked already."""
        key, secret = _checked_app(req, self._access)
        token = read_form(req).get("token")
        if not token:
            message = "token is missing"
            raise FormRefused(message)
        if not VISIBLE.fullmatch(token):
            message = "the token must be of visible ASCII characters, as every token is"
            raise FormRefused(message)
        self._access.revoke_token(key, secret, token)
        resp.set_header("RevokedAccessToken", token)


def _checked_app(req: Request, access: Access) -> tuple[str, str]:
    """The key and the secret of the app that calls, before its body is waited for.

    Raises `BasicMissing`, `AppRefused` or `Throttled`.
    """
    key, secret = _basic(req)
    with one_try(req, key):
        access.check_app(key, secret)
    return key, secret


def _basic(req: Request) -> tuple[str, str]:
    given = credentials(req, "basic")
    if given is None:
        raise BasicMissing
    try:
        key, colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError as error:
        message = "the Basic credentials are not base64(key:secret)"
        raise AppRefused(message) from error
    if not colon:
        raise AppRefused
    return key, secret

"""`/api/v1/apps`: the OAuth clients that may call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import falcon
import msgspec

from tallystick.access import SCOPES_DEFAULT
from tallystick.api.answers import access as answers
from tallystick.api.calls import ADMIN, address_of, name_in, number_in, struct_of
from tallystick.api.operation import operation
from tallystick.core.moments import SECONDS_A_DAY
from tallystick.http.acts import records
from tallystick.http.gate import caller_of
from tallystick.store.acting import add_details

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access


OVERLAP_S_MAX = 90 * SECONDS_A_DAY
VALID_DAYS_MAX = 3650
ROTATION = {
    "overlap_s": f"so many seconds the old secret holds on; 0 if nothing is said, {OVERLAP_S_MAX} "
    "at most",
    "valid_days": "so many days the new secret holds; for good if nothing is said, "
    f"{VALID_DAYS_MAX} at most",
}
"""What a call that gives an app another secret may say of both."""


class NewApp(msgspec.Struct, forbid_unknown_fields=True):
    """An app to be made."""

    name: str
    scopes: tuple[str, ...] = SCOPES_DEFAULT
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=VALID_DAYS_MAX)] | None = None


class AppChange(msgspec.Struct, forbid_unknown_fields=True):
    """What an app may do from now on, in place of what it could."""

    scopes: list[str]


class Apps:
    """Every app."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.AppList)
    def on_get(self, _req: Request, resp: Response) -> None:
        """List the apps."""
        resp.data = msgspec.json.encode(
            answers.AppList([answers.app_answer(each) for each in self._access.apps()])
        )

    @operation(scope=ADMIN, body=NewApp, answer=answers.CredentialsAnswer, status=201)
    @records("app.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make an app; its secret is shown this once."""
        caller = caller_of(req).name
        body = struct_of(req, NewApp)
        valid_s = None if body.valid_days is None else body.valid_days * SECONDS_A_DAY
        made = self._access.add_app(body.name, body.scopes, caller, valid_s)
        resp.status = falcon.HTTP_201
        resp.location = address_of("apps", body.name)
        resp.data = msgspec.json.encode(answers.credentials_answer(made))


class App:
    """One app."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.AppAnswer)
    def on_get(self, _req: Request, resp: Response, app: str) -> None:
        """Show an app."""
        resp.data = msgspec.json.encode(answers.app_answer(self._access.app_named(name_in(app))))

    @operation(scope=ADMIN, body=AppChange, answer=answers.AppAnswer)
    @records("app.change")
    def on_patch(self, req: Request, resp: Response, app: str) -> None:
        """Change what an app may do, with the token that it has too."""
        name = name_in(app)
        self._access.change_app(name, struct_of(req, AppChange).scopes)
        resp.data = msgspec.json.encode(answers.app_answer(self._access.app_named(name)))

    @operation(scope=ADMIN, status=204)
    @records("app.remove")
    def on_delete(self, _req: Request, resp: Response, app: str) -> None:
        """Remove an app; its token ends at once."""
        self._access.remove_app(name_in(app))
        resp.status = falcon.HTTP_204


class Secret:
    """The secret of one app."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, answer=answers.CredentialsAnswer, query=ROTATION)
    @records("app.rotate")
    def on_post(self, req: Request, resp: Response, app: str) -> None:
        """Give an app another secret, shown this once; the old one ends at once, or as asked."""
        overlap_s = number_in(req, "overlap_s", 0, OVERLAP_S_MAX)
        valid_days = number_in(req, "valid_days", 0, VALID_DAYS_MAX)
        add_details({name: req.get_param(name) for name in ROTATION})
        made = self._access.rotate_app(
            name_in(app), caller_of(req).name, overlap_s, valid_days * SECONDS_A_DAY or None
        )
        resp.data = msgspec.json.encode(answers.credentials_answer(made))


class Tokens:
    """The tokens of one app."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, status=204)
    @records("app.end-tokens")
    def on_delete(self, _req: Request, resp: Response, app: str) -> None:
        """End every token of an app; it gets another one for its secret."""
        self._access.end_tokens(name_in(app))
        resp.status = falcon.HTTP_204


class Token:
    """One token of an app."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @operation(scope=ADMIN, status=204)
    @records("app.end-tokens")
    def on_delete(self, _req: Request, resp: Response, app: str, token: str) -> None:
        """End a token of an app, by its id; one that has ended is no more anyway."""
        self._access.end_tokens(name_in(app), token)
        resp.status = falcon.HTTP_204

"""What the pages for operators share: who may use them, and how a form's deed is done.

An operator administers what they see. Users and apps may be about any account, and so may the names
of accounts: these are for operators who see every account, those of the future too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import falcon

from tallystick.console.forms import problem_of
from tallystick.core.choices import choice_of
from tallystick.core.errors import (
    AccountNotEmpty,
    DefaultGroupKept,
    NameTaken,
    NotFound,
    RoleRefused,
)
from tallystick.core.roles import Right
from tallystick.core.selection import account_number
from tallystick.http.gate import for_console_to, user_of
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.console.pages import Pages
    from tallystick.core.errors import Refusal
    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store
    from tallystick.store.access import View

PATH = "/admin"
FORBIDDEN = (
    "this takes an operator who sees every account, those of the future too, as it may be about "
    "any of them"
)
CONFLICTS = (NameTaken, AccountNotEmpty, DefaultGroupKept)

for_operators = for_console_to(Right.ADMINISTER)
"""Say of a responder that a browser calls it, for an operator."""


class Desk(NamedTuple):
    """What the pages work with."""

    pages: Pages
    store: Store
    access: Access
    clock: Callable[[], Moment]

    def view_of(self, req: Request) -> View:
        """What the operator sees."""
        with self.store.glance() as reader:
            return reader.view_of(user_of(req))

    def require_whole_view(self, req: Request) -> None:
        """Hold an operator to see every account. Raises `RoleRefused`."""
        if not self.view_of(req).sees_all:
            raise RoleRefused(FORBIDDEN)


class FirstAdminPage:
    """`/admin`: the accounts, which every operator may look at."""

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - a responder's form
        """Send the browser there."""
        go_to(resp, f"{PATH}/accounts")


def own_account(reader: Reader, req: Request, name: str) -> int:
    """The number of an account that the operator sees. Raises `AccountNotFound`."""
    return account_number(reader.view_of(user_of(req)).accounts, name)


def deed_named(deeds: Mapping[str, Callable[[], None]], name: str) -> Callable[[], None]:
    """What a form's field `do` names. Raises `InvalidValue`."""
    deed = choice_of(deeds, "do", name)
    name_deed(deed)
    return deeds[deed]


def refused_form(req: Request, resp: Response, refusal: Refusal) -> str:
    """Give why a form was refused, to be shown on its page with the status of that.

    Raises the refusal itself where what the page is about is not there, and as `problem_of`.
    """
    if isinstance(refusal, NotFound):
        raise refusal
    resp.status = falcon.HTTP_409 if isinstance(refusal, CONFLICTS) else falcon.HTTP_400
    return problem_of(req, refusal)


def go_to(resp: Response, path: str, **parameters: str) -> None:
    """Send the browser to a page that shows what was done."""
    resp.status = falcon.HTTP_303
    resp.location = f"{path}?{urlencode(parameters)}" if parameters else path


def lines_of(text: str) -> list[str]:
    """The lines of a field that are not empty."""
    return [line for each in text.splitlines() if (line := each.strip())]

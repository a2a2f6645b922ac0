"""How a form is answered: its deed is found, its page says what is wrong, or it leads elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import falcon

from tallystick.core.choices import choice_of
from tallystick.core.errors import (
    AccountNotEmpty,
    DefaultGroupKept,
    NameTaken,
    NotFound,
    StoreRefused,
)
from tallystick.http.acts import answered_refusal
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request, Response

    from tallystick.core.errors import Refusal

CONFLICTS = (NameTaken, AccountNotEmpty, DefaultGroupKept)


def deed_named(deeds: Mapping[str, Callable[[], None]], name: str) -> Callable[[], None]:
    """What a form's field `do` names. Raises `InvalidValue`."""
    deed = choice_of(deeds, "do", name)
    name_deed(deed)
    return deeds[deed]


def problem_of(req: Request, refusal: Refusal) -> str:
    """Give why a form was refused, to be shown on its page, and have the audit say the same.

    Raises the refusal itself where no other form would do better: the store refused it.
    """
    if isinstance(refusal, StoreRefused):
        raise refusal
    answered_refusal(req, refusal)
    return refusal.message


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

"""How refusals and failures read as pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.console.pages import HEADERS
from tallystick.core.errors import (
    NoAccounts,
    NotFound,
    OwnProposal,
    Refusal,
    RoleRefused,
    StoreRefused,
)
from tallystick.http.bodies import BodyTooLarge, BodyTooSlow
from tallystick.http.calls import CallsBusy
from tallystick.http.cookies import ForeignForm
from tallystick.http.limits import Throttled

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Caller
    from tallystick.console.pages import Pages

STATUS: dict[type[Refusal], tuple[int, str]] = {
    CallsBusy: (503, "Busy"),
    BodyTooSlow: (408, "Too slow"),
    ForeignForm: (403, "Not from this page"),
    RoleRefused: (403, "Not allowed to you"),
    OwnProposal: (409, "Somebody else has to decide"),
    NotFound: (404, "Not found"),
    NoAccounts: (403, "No account"),
    BodyTooLarge: (413, "Too large"),
    Throttled: (429, "Too often"),
    StoreRefused: (503, "The store does not answer"),
    Refusal: (400, "Not understood"),
}
RETRY_AFTER_S = 5


def answer_error(pages: Pages, req: Request, resp: Response, error: Exception) -> None:
    """Answer what was raised, the unforeseen included, as a page.

    It has the menu where the gate has found out who has signed in.
    """
    status, title, message = _worded(req, error)
    resp.status = status
    resp.set_headers(HEADERS)
    if isinstance(error, falcon.HTTPError):
        resp.set_headers(error.headers or {})
    if isinstance(error, StoreRefused | CallsBusy):
        resp.set_header("Retry-After", str(RETRY_AFTER_S))
    pages.show(resp, "error.html", _signed_in(req), title=title, message=message)


def _signed_in(req: Request) -> Caller | None:
    """Who has signed in to the console, as far as that is known; an app has not."""
    caller: Caller | None = getattr(req.context, "caller", None)
    return None if caller is None or caller.session_token is None else caller


def _worded(req: Request, error: Exception) -> tuple[int, str, str]:
    if isinstance(error, Refusal):
        kinds = (kind for kind in type(error).__mro__ if kind in STATUS)
        return *STATUS[next(kinds)], error.message_for_callers
    if isinstance(error, falcon.HTTPError):
        page = "page" if req.method == "GET" else req.method
        return error.status_code, error.title or "Refused", f"There is no {page} {req.path}."
    return 500, "The server failed", "Its log says how."

"""Which calls are acts for the audit, and what a call says of the act that it is.

A responder says with `records` what its call is called in the audit. The middleware begins that act
once the gate has let the caller through, and ends it behind the answer. In between, the transaction
that changes the store records it (`store/acting.py`). Refusals and exports, which change nothing,
are noted in passing (`access/audit.py`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tallystick.core.acts import DONE, FAILED, MASKED, Act, Via, refused
from tallystick.core.errors import (
    AppRefused,
    PasswordRefused,
    Refusal,
    RoleRefused,
    ScopeRefused,
    SessionRefused,
    TokenRefused,
)
from tallystick.core.identifiers import masked
from tallystick.http.cookies import ForeignForm
from tallystick.http.observed import request_id_of
from tallystick.store.acting import act_under_way, begin_act, end_act

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request, Response

    from tallystick.access.audit import AuditTrail
    from tallystick.core.moments import Moment

Responder = TypeVar("Responder", bound="Callable[..., None]")

REFUSED_CALL = "call"
"""What a call is called in the audit that was refused before its act began, or that is no act."""
RIGHTS_REFUSED = (
    AppRefused,
    PasswordRefused,
    RoleRefused,
    ScopeRefused,
    SessionRefused,
    TokenRefused,
    ForeignForm,
)
"""Refusals of a right that somebody claims, which are noted whatever the call is.

A call that claims none, without a token or with a session that has ended, is a matter of the log.
"""


class Recorded(NamedTuple):
    """What a call is called in the audit: a name of ours, in which nothing is that a caller says.

    `is_export` is of calls that change nothing and are recorded when they are done, `is_long` of
    those that take several transactions.
    """

    action: str
    is_export: bool = False
    is_long: bool = False


def records(
    action: str, *, is_export: bool = False, is_long: bool = False
) -> Callable[[Responder], Responder]:
    """Say of a responder that its call is an act for the audit."""
    stated = Recorded(action, is_export, is_long)

    def marked(responder: Responder) -> Responder:
        responder.recorded = stated  # type: ignore[attr-defined] # read back below
        return responder

    return marked


def recorded_of(resource: object, method: str) -> Recorded | None:
    """What was said of a responder; None where its call is no act."""
    responder = getattr(resource, f"on_{method.lower()}", None)
    stated: Recorded | None = getattr(responder, "recorded", None)
    return stated


def answered_refusal(req: Request, refusal: Refusal) -> None:
    """Say for the audit what a responder refused that answers with a page of its own."""
    req.context.outcome = refused(refusal.code)


class Acts:
    """The middleware that begins and ends the acts that calls are."""

    def __init__(self, audit: AuditTrail, clock: Callable[[], Moment]) -> None:
        self._audit = audit
        self._clock = clock
        self._recorded: dict[tuple[type, str], Recorded | None] = {}

    def process_resource(
        self,
        req: Request,
        resp: Response,  # noqa: ARG002 - the form of a middleware
        resource: object,
        params: dict[str, Any],
    ) -> None:
        """Begin the act that a call is, if it is one."""
        stated = self._recorded_of(resource, req.method)
        if stated is None:
            return
        act = self._act_of(req, stated.action)
        act.subject = _subject(params) or req.get_param("name") or ""
        act.is_export, act.is_long = stated.is_export, stated.is_long
        begin_act(act)

    def _recorded_of(self, resource: object, method: str) -> Recorded | None:
        """The same as `recorded_of`, worked out once: calls that bring facts in ask it, too."""
        key = (type(resource), method)
        if key not in self._recorded:
            self._recorded[key] = recorded_of(resource, method)
        return self._recorded[key]

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """End the act that a call was, and note what no transaction has recorded."""
        act = act_under_way()
        if act is None:
            return
        end_act()
        outcome = getattr(req.context, "outcome", None) or _outcome_of(resp)
        is_unrecorded = act.is_export or (act.is_long and act.recorded_in)
        if not act.is_noted and (outcome != DONE or is_unrecorded):
            self._audit.note(act, outcome)

    def note_refusal(self, req: Request, error: Exception) -> None:
        """Note how the act of a call ended, or that a caller was refused a right."""
        outcome = refused(error.code) if isinstance(error, Refusal) else None
        req.context.outcome = outcome
        if act_under_way() is None and outcome and isinstance(error, RIGHTS_REFUSED):
            act = self._act_of(req, REFUSED_CALL)
            act.actor = act.actor or getattr(error, "actor", "")
            act.subject = f"{req.method} {req.uri_template or req.path}"
            self._audit.note(act, outcome)

    def _act_of(self, req: Request, action: str) -> Act:
        caller = getattr(req.context, "caller", None)
        return Act(
            self._clock(),
            Via.HTTP,
            action,
            actor=caller.name if caller else "",
            address=req.remote_addr,
            request_id=request_id_of(req),
        )


def _outcome_of(resp: Response) -> str:
    """How a call ended whose responder answered by itself what it refused."""
    if resp.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FAILED
    is_done = resp.status_code < HTTPStatus.BAD_REQUEST
    return DONE if is_done else refused(str(resp.status_code))


def _subject(params: Mapping[str, Any]) -> str:
    """What a call is about, by the parameters of its path; subscribers in part."""
    texts = (masked(text) if name in MASKED else text for name, text in params.items())
    return "/".join(texts)

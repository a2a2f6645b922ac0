"""What a call of our own takes and answers, said beside its responder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.http.bodies import BodyTooLarge, whole_body
from tallystick.http.cookies import SAFE_METHODS
from tallystick.http.gate import Session, needs, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request

NO_BODY = re.compile(rb"({\s*}|null)?")
"""What says nothing, with no blanks around it."""
NO_BODY_BYTES_MAX = 64 << 10
"""So long a body of a call that takes none is read, to see whether it says something."""
Responder = TypeVar("Responder", bound="Callable[..., None]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call: the scope that it needs, what it takes, and what it answers when it is done.

    `body` is a type that msgspec knows, or a function that gives it for a resource; None: the call
    has none. `query` are its parameters: those of `required` must be there, those of `several` may
    come several times. `texts` are the media types of an answer that comes as lines of text, beside
    `answer` or instead of it. `for_users` is whether a user's session may stand for the scope, with
    an app of the scope m2m.
    """

    scope: str
    body: Any = None
    answer: Any = None
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    also_ndjson: bool = False
    texts: tuple[str, ...] = ()
    for_users: bool = False

    def __call__(self, responder: Responder) -> Responder:
        """Give the responder, refusing what this does not name: parameters, and a body.

        What is passed over in silence answers another question than was asked, or does what was to
        be tried.
        """

        @needs(self.scope, Session.ALLOWED if self.for_users else Session.NONE)
        @wraps(responder)
        def held(resource: object, req: Request, *rest: Any, **names: str) -> None:  # noqa: ANN401 - as they come
            _require_known(req, self)
            if self.body is None and req.method not in SAFE_METHODS:
                _require_no_body(req, self)
            responder(resource, req, *rest, **names)

        held.operation = self  # type: ignore[attr-defined] # read back below
        return cast("Responder", held)


operation = Operation
"""As a decorator: say of a responder what its call is, and hold calls to that."""


def _require_known(req: Request, stated: Operation) -> None:
    for name, value in req.params.items():
        if name not in stated.query:
            there = f"there are {', '.join(stated.query)}" if stated.query else "this call has none"
            message = f"there is no parameter {shown(name)}; {there}"
            raise InvalidValue(message)
        if isinstance(value, list) and name not in stated.several:
            message = f"the parameter {name} stands twice"
            raise InvalidValue(message)


def _require_no_body(req: Request, stated: Operation) -> None:
    """Refuse a body that says something to a call that takes none. Raises `InvalidValue`."""
    try:
        if NO_BODY.fullmatch(whole_body(req, NO_BODY_BYTES_MAX).strip()):
            return
    except BodyTooLarge:
        pass  # it is refused for what it is, not for its length
    message = "this call takes no body"
    if stated.query:
        message += f"; what it takes are parameters of its address: {', '.join(stated.query)}"
    raise InvalidValue(message)


def operation_of(resource: object, method: str, path: str) -> Operation:
    """What was said of a responder. Raises `TypeError` where nothing was."""
    responder = getattr(resource, f"on_{method.lower()}")
    stated = getattr(responder, "operation", None)
    if not isinstance(stated, Operation):
        how = f"put @operation(scope=…, body=…, answer=…) on {place_of(resource, method)}"
        message = f"{method} {path} is not described: {how}"
        raise TypeError(message)
    return stated

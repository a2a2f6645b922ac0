"""What a call of our own takes and answers, said beside its responder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.http.bodies import whole_body
from tallystick.http.cookies import SAFE_METHODS
from tallystick.http.gate import Session, needs, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request

NO_BODIES = frozenset({b"", b"{}"})
NO_BODY_BYTES_MAX = 64 << 10
"""So long a body of a call that takes none is read, to see whether it says something."""
Responder = TypeVar("Responder", bound="Callable[..., None]")
Stated = ParamSpec("Stated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call: the scope that it needs, what it takes, and what it answers when it is done.

    `summary` is taken from the first line of the responder's docstring. `body` is a type that
    msgspec knows, or a function that gives it for a resource; None: the call has none. `query` are
    its parameters: those of `required` must be there, those of `several` may come several times.
    `texts` are the media types of an answer that comes as lines of text, beside `answer` or instead
    of it. `for_users` is whether a user's session may stand for the scope, with an app of the scope
    m2m.
    """

    scope: str
    summary: str = ""
    body: Any = None
    answer: Any = None
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    also_ndjson: bool = False
    texts: tuple[str, ...] = ()
    for_users: bool = False


def _decorator(
    stated: Callable[Stated, Operation],
) -> Callable[Stated, Callable[[Responder], Responder]]:
    """A decorator of responders that takes what an operation is made of."""

    def taking(*args: Stated.args, **said: Stated.kwargs) -> Callable[[Responder], Responder]:
        return lambda responder: _held(responder, stated(*args, **said))

    return taking


operation = _decorator(Operation)
"""Say of a responder what its call is, and hold calls to that."""


def _held(responder: Responder, operation: Operation) -> Responder:
    """A responder that refuses what its operation does not name: parameters, and a body.

    What is passed over in silence answers another question than was asked, or does what was to be
    tried.
    """

    @needs(operation.scope, Session.ALLOWED if operation.for_users else Session.NONE)
    @wraps(responder)
    def held(resource: object, req: Request, *rest: Any, **names: str) -> None:  # noqa: ANN401 - as they come
        _require_known(req, operation)
        if operation.body is None and req.method not in SAFE_METHODS:
            _require_no_body(req, operation)
        responder(resource, req, *rest, **names)

    summary = (responder.__doc__ or "").split("\n")[0]
    held.operation = replace(operation, summary=summary)  # type: ignore[attr-defined] # read back below
    return cast("Responder", held)


def _require_known(req: Request, operation: Operation) -> None:
    for name, value in req.params.items():
        if name not in operation.query:
            there = (
                f"there are {', '.join(operation.query)}"
                if operation.query
                else "this call has none"
            )
            message = f"there is no parameter {shown(name)}; {there}"
            raise InvalidValue(message)
        if isinstance(value, list) and name not in operation.several:
            message = f"the parameter {name} stands twice"
            raise InvalidValue(message)


def _require_no_body(req: Request, operation: Operation) -> None:
    """Refuse a body that says something to a call that takes none; `{}` says nothing."""
    if whole_body(req, NO_BODY_BYTES_MAX).strip() in NO_BODIES:
        return
    instead = ", ".join(operation.query) or "none"
    message = f"this call takes no body; what it takes are parameters of its address: {instead}"
    raise InvalidValue(message)


def operation_of(resource: object, method: str, path: str) -> Operation:
    """What was said of a responder. Raises `TypeError` where nothing was."""
    responder = getattr(resource, f"on_{method.lower()}")
    operation = getattr(responder, "operation", None)
    if not isinstance(operation, Operation):
        how = f"put @operation(scope=…, body=…, answer=…) on {place_of(resource, method)}"
        message = f"{method} {path} is not described: {how}"
        raise TypeError(message)
    return operation

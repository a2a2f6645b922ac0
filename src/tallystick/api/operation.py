"""What a call of our own takes and answers, said where it is answered, and told in `/openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Responder = TypeVar("Responder", bound="Callable[..., None]")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: the scope that it needs, what it takes, and what it answers when it is done.

    `body` is a type that msgspec knows, or a function that gives it for a resource; None: the call has none.
    `texts` are
    the media types of an answer that comes as lines of text, beside `answer` or instead of it.
    `for_users` is whether a user's session may stand for the scope, with an app of the scope m2m.
    """

    scope: str
    summary: str
    body: Any = None
    answer: Any = None
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    also_ndjson: bool = False
    texts: tuple[str, ...] = ()
    for_users: bool = False


def operation(  # noqa: PLR0913 - one for each thing that is told
    *,
    scope: str,
    body: Any = None,  # noqa: ANN401 - whatever msgspec takes for a type
    answer: Any = None,  # noqa: ANN401 - the same
    status: int = 200,
    query: Mapping[str, str] | None = None,
    also_ndjson: bool = False,
    texts: tuple[str, ...] = (),
    for_users: bool = False,
) -> Callable[[Responder], Responder]:
    """Say of a responder what its call is; the first line of its docstring says what it does."""

    def said(responder: Responder) -> Responder:
        summary = (responder.__doc__ or "").split("\n")[0]
        told = Operation(scope, summary, body, answer, status, query or {}, also_ndjson, texts, for_users)
        responder.operation = told  # type: ignore[attr-defined] # read back below
        return responder

    return said


def operation_of(resource: object, method: str, path: str) -> Operation:
    """What was said of a responder. Raises `TypeError` where nothing was."""
    responder = getattr(resource, f"on_{method.lower()}")
    told = getattr(responder, "operation", None)
    if not isinstance(told, Operation):
        place = f"{type(resource).__module__}.{type(resource).__name__}.on_{method.lower()}"
        message = f"{method} {path} is not described: put @operation(scope=…, body=…, answer=…) on {place}"
        raise TypeError(message)
    return told

"""`GET /openapi.json`: our own API in OpenAPI 3.1, made from its resources and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.access import SCOPES
from tallystick.api.errors import ErrorAnswer
from tallystick.api.operation import operation_of
from tallystick.http.media_types import JSON, NDJSON
from tallystick.http.openapi import (
    SESSION,
    Schemas,
    content,
    document,
    in_path,
    in_query,
    methods_of,
    name_of_call,
    summary_of,
    token_security,
    topic_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.api.operation import Operation

PATH = "/openapi.json"
ABOUT = (
    "Our own API. The calls of ThingSpace are Verizon's contract, and described at "
    "/thingspace/openapi.json."
)
NAME_ABOUT = (
    "Percent-encoded. A slash within a name is encoded twice (%252F), and so is a percent sign "
    "before 2F or 25."
)
SCOPES_ABOUT = {
    "m2m": "the calls of ThingSpace",
    "intake": "facts in",
    "admin": "the whole fleet: what is known of it, accounts, users, apps, groups and SIMs",
}


def document_of(resources: Mapping[str, object]) -> dict[str, Any]:
    """The description of resources by path. Raises `TypeError` for a call that is not described."""
    described = [
        (path, method, operation_of(resources[path], method, path))
        for path, method in methods_of(resources)
    ]
    bodies = {
        (path, method): _body_of(resources[path], operation)
        for path, method, operation in described
    }
    types = [ErrorAnswer, *bodies.values(), *(operation.answer for _, _, operation in described)]
    schemas = Schemas(types)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in described:
        about = {"summary": summary_of(resources[path], method)}
        call = _call(path, method, operation, bodies[path, method], schemas)
        paths.setdefault(path, {})[method.lower()] = about | call
    app = token_security({scope: SCOPES_ABOUT[scope] for scope in SCOPES})
    return document("Tallystick", ABOUT, paths, schemas, {"app": app, "session": SESSION})


def _body_of(resource: object, operation: Operation) -> Any:  # noqa: ANN401 - whatever msgspec takes for a type
    is_function = callable(operation.body) and not isinstance(operation.body, type)
    return operation.body(resource) if is_function else operation.body


def _call(
    path: str,
    method: str,
    operation: Operation,
    body: Any,  # noqa: ANN401 - the same
    schemas: Schemas,
) -> dict[str, Any]:
    call: dict[str, Any] = {
        "operationId": name_of_call(path, method),
        "tags": [topic_of(path)],
        "security": [
            {"app": [operation.scope]},
            *([{"app": ["m2m"], "session": []}] if operation.for_users else []),
        ],
        "parameters": list(_parameters(path, operation)),
        "responses": {
            str(operation.status): _done(operation, schemas),
            "4XX": content("Refused: the message says what, and what to do.", schemas[ErrorAnswer]),
            "5XX": content(
                "The server cannot answer; with 503, after a while it can.", schemas[ErrorAnswer]
            ),
        },
    }
    if body is not None:
        media = [JSON, NDJSON] if operation.also_ndjson else [JSON]
        call["requestBody"] = {
            "required": True,
            "content": {each: {"schema": schemas[body]} for each in media},
        }
    return call


def _done(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    done: dict[str, Any] = (
        {"description": "Done."}
        if operation.answer is None
        else content("Done.", schemas[operation.answer])
    )
    if operation.texts:
        done["content"] = done.get("content", {}) | {
            each: {"schema": {"type": "string"}} for each in operation.texts
        }
    return done


def _parameters(path: str, operation: Operation) -> Iterator[dict[str, Any]]:
    yield from in_path(path, NAME_ABOUT)
    for name, about in operation.query.items():
        yield in_query(
            name, about, required=name in operation.required, several=name in operation.several
        )

"""`GET /openapi.json`: our own API in OpenAPI 3.1, made from its resources and their types."""

from __future__ import annotations

import re
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.access import SCOPES
from tallystick.api.calls import JSON, NDJSON
from tallystick.api.errors import ErrorAnswer
from tallystick.api.operation import operation_of
from tallystick.http.gate import SESSION_HEADER, open_to_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from falcon import Request, Response

    from tallystick.api.operation import Operation

PATH = "/openapi.json"
TOKEN_PATH = "/api/ts/v1/oauth2/token"  # noqa: S105 - an address
REF = "#/components/schemas/{name}"
PLACE = re.compile(r"{(\w+)}")
NAME_ABOUT = (
    "Percent-encoded. A slash within a name is encoded twice (%252F), and so is a percent sign "
    "before 2F or 25."
)
SCOPES_ABOUT = {
    "m2m": "the calls of ThingSpace",
    "intake": "facts in",
    "admin": "the whole fleet: what is known of it, accounts, users, apps, groups and SIMs",
}

SESSION = {
    "type": "apiKey",
    "in": "header",
    "name": SESSION_HEADER,
    "description": "A session of ThingSpace's login.",
}


class OpenApi:
    """The description, made when it is first asked for."""

    def __init__(self, resources: Mapping[str, object]) -> None:
        self._resources = resources

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(document_of(self._resources))

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Give it to whoever asks; nothing of a store is in it."""
        resp.data = self._document


def document_of(resources: Mapping[str, object]) -> dict[str, Any]:
    """The description of resources by path. Raises `TypeError` for a call that is not described."""
    described = [
        (path, method, operation_of(resource, method, path))
        for path, resource in resources.items()
        for method in falcon.HTTP_METHODS
        if hasattr(resource, f"on_{method.lower()}")
    ]
    bodies = {
        (path, method): _body_of(resources[path], operation)
        for path, method, operation in described
    }
    types = [ErrorAnswer, *bodies.values(), *(operation.answer for _, _, operation in described)]
    schemas = _Schemas([each for each in types if each is not None])
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in described:
        paths.setdefault(path, {})[method.lower()] = _call(
            path, method, operation, bodies[path, method], schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallystick",
            "version": version("tallystick"),
            "description": (
                "Our own API. The calls of ThingSpace are Verizon's contract and are not described "
                "here."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"app": _security(), "session": SESSION},
        },
    }


def _body_of(resource: object, operation: Operation) -> Any:  # noqa: ANN401 - whatever msgspec takes for a type
    is_function = callable(operation.body) and not isinstance(operation.body, type)
    return operation.body(resource) if is_function else operation.body


class _Schemas:
    """The schema of each type that is named, those within it included."""

    def __init__(self, types: Sequence[Any]) -> None:
        schemas, self.components = msgspec.json.schema_components(types, ref_template=REF)
        self._by_type = {str(each): schema for each, schema in zip(types, schemas, strict=True)}

    def __getitem__(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever msgspec takes for a type
        return self._by_type[str(kind)]


def _call(
    path: str,
    method: str,
    operation: Operation,
    body: Any,  # noqa: ANN401 - the same
    schemas: _Schemas,
) -> dict[str, Any]:
    call: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *re.findall(r"\w+", path.partition("/v1/")[2])]),
        "summary": operation.summary,
        "tags": [path.partition("/v1/")[2].partition("/")[0]],
        "security": [
            {"app": [operation.scope]},
            *([{"app": ["m2m"], "session": []}] if operation.for_users else []),
        ],
        "parameters": list(_parameters(path, operation)),
        "responses": {
            str(operation.status): _done(operation, schemas),
            "4XX": _content(
                "Refused: the message says what, and what to do.", schemas[ErrorAnswer]
            ),
            "5XX": _content(
                "The server cannot answer; with 503, after a while it can.", schemas[ErrorAnswer]
            ),
        },
    }
    if body is not None:
        media = [JSON[0], NDJSON[0]] if operation.also_ndjson else [JSON[0]]
        call["requestBody"] = {
            "required": True,
            "content": {each: {"schema": schemas[body]} for each in media},
        }
    return call


def _done(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    done: dict[str, Any] = (
        {"description": "Done."}
        if operation.answer is None
        else _content("Done.", schemas[operation.answer])
    )
    if operation.texts:
        done["content"] = done.get("content", {}) | {
            each: {"schema": {"type": "string"}} for each in operation.texts
        }
    return done


def _content(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {JSON[0]: {"schema": schema}}}


def _parameters(path: str, operation: Operation) -> Iterator[dict[str, Any]]:
    text = {"type": "string"}
    for name in PLACE.findall(path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": NAME_ABOUT,
            "schema": text,
        }
    for name, about in operation.query.items():
        schema = {"type": "array", "items": text} if name in operation.several else text
        yield {
            "name": name,
            "in": "query",
            "required": name in operation.required,
            "description": about,
            "schema": schema,
        }


def _security() -> dict[str, Any]:
    """A Bearer token, which the app's key and secret give."""
    scopes = {scope: SCOPES_ABOUT[scope] for scope in SCOPES}
    return {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": TOKEN_PATH, "scopes": scopes}},
    }

"""What descriptions in OpenAPI 3.1 share: schemas of types, parameters, and how one is served."""

from __future__ import annotations

import re
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.http.gate import SESSION_HEADER, open_to_all
from tallystick.http.media_types import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from falcon import Request, Response

VERSION = "3.1.0"
REF = "#/components/schemas/{name}"
PLACE = re.compile(r"{(\w+)}")
TOKEN_PATH = "/api/ts/v1/oauth2/token"  # noqa: S105 - an address
TEXT = {"type": "string"}
SESSION = {
    "type": "apiKey",
    "in": "header",
    "name": SESSION_HEADER,
    "description": "A session of ThingSpace's login.",
}


class OpenApi:
    """A description, made when it is first asked for."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = make

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(self._make())

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Give it to whoever asks; nothing of a store is in it."""
        resp.data = self._document


class Schemas:
    """The schema of each type that is named, those within it included."""

    def __init__(self, types: Sequence[Any]) -> None:
        named = [each for each in types if each is not None]
        schemas, self.components = msgspec.json.schema_components(named, ref_template=REF)
        self._by_type = {str(each): schema for each, schema in zip(named, schemas, strict=True)}

    def __getitem__(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever msgspec takes for a type
        return self._by_type[str(kind)]


def document(
    title: str,
    about: str,
    paths: Mapping[str, Any],
    schemas: Schemas,
    security: Mapping[str, Any],
) -> dict[str, Any]:
    """A whole description: of its calls by path, and of what callers show that they may call."""
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version("tallystick"), "description": about},
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": security},
    }


def methods_of(resources: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Path and method of every call that resources take."""
    for path, resource in resources.items():
        for method in falcon.HTTP_METHODS:
            if hasattr(resource, f"on_{method.lower()}"):
                yield path, method


def summary_of(resource: object, method: str) -> str:
    """What a call does: the first line of its responder's docstring."""
    responder = getattr(resource, f"on_{method.lower()}")
    return (responder.__doc__ or "").split("\n")[0]


def name_of_call(path: str, method: str) -> str:
    """What a call is called among those of one root, such as `get_sims_iccid`."""
    return "_".join([method.lower(), *re.findall(r"\w+", path.partition("/v1/")[2])])


def topic_of(path: str) -> str:
    """The first step of a path behind its root."""
    return path.partition("/v1/")[2].partition("/")[0]


def content(about: str, schema: Mapping[str, Any], media_type: str = JSON) -> dict[str, Any]:
    """An answer, with a body of one media type."""
    return {"description": about, "content": {media_type: {"schema": schema}}}


def in_path(path: str, about: str) -> Iterator[dict[str, Any]]:
    """The parameters in a path."""
    for name in PLACE.findall(path):
        yield {"name": name, "in": "path", "required": True, "description": about, "schema": TEXT}


def in_query(name: str, about: str, *, required: bool, several: bool = False) -> dict[str, Any]:
    """A parameter behind a path."""
    schema = {"type": "array", "items": TEXT} if several else TEXT
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": about,
        "schema": schema,
    }


def token_security(scopes: Mapping[str, str]) -> dict[str, Any]:
    """A Bearer token, which an app's key and secret give for scopes, each with what it is about."""
    flow = {"tokenUrl": TOKEN_PATH, "scopes": dict(scopes)}
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}

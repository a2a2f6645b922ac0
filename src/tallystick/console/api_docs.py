"""`/docs`: our own API as a page, from the same description as `/openapi.json`."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.http.gate import open_to_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from falcon import Request, Response

    from tallystick.console.pages import Pages

PATH = "/docs"
SCHEMAS = "#/components/schemas/"


class Type(NamedTuple):
    """The type of a value in words; `name` is that of the object in it, empty where there is none.

    In `{before}{name}{behind}`, the name is a link to what the object has.
    """

    before: str
    name: str = ""
    behind: str = ""


class Call(NamedTuple):
    """A call: what it is about, its address, who may call, what it takes and what it gives.

    `takes` and `gives` are media types, and of JSON the type.
    """

    name: str
    topic: str
    method: str
    path: str
    summary: str
    callers: list[str]
    parameters: list[dict[str, Any]]
    takes: list[tuple[str, Type]]
    gives: list[tuple[str, Type]]


class Described(NamedTuple):
    """An object: its fields, of which those that must be there are `required`."""

    name: str
    about: str
    fields: list[tuple[str, Type]]
    required: frozenset[str]


class ApiDocs:
    """The page, for whoever asks; nothing of a store is in it. `describe` gives the description."""

    def __init__(self, pages: Pages, describe: Callable[[], dict[str, Any]]) -> None:
        self._pages = pages
        self._describe = describe

    @cached_property
    def _content(self) -> dict[str, Any]:
        document = self._describe()
        calls = sorted(calls_of(document), key=attrgetter("topic"))
        by_topic = groupby(calls, key=attrgetter("topic"))
        return {
            "topics": [(topic, list(of_topic)) for topic, of_topic in by_topic],
            "objects": list(objects_of(document)),
        }

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Show every call and every object."""
        self._pages.show(resp, "docs.html", None, **self._content)


def calls_of(document: Mapping[str, Any]) -> Iterator[Call]:
    """Every call of a description."""
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            done = next(each for status, each in call["responses"].items() if status[0] == "2")
            yield Call(
                call["operationId"],
                call["tags"][0],
                method.upper(),
                path,
                call["summary"],
                [_caller(each) for each in call["security"]],
                call["parameters"],
                _contents(call.get("requestBody", {})),
                _contents(done),
            )


def _contents(described: Mapping[str, Any]) -> list[tuple[str, Type]]:
    return [
        (media, type_of(each["schema"])) for media, each in described.get("content", {}).items()
    ]


def _caller(security: Mapping[str, list[str]]) -> str:
    scope = " ".join(security["app"])
    app = f"an app with the scope {scope}"
    return f"a user, through {app}" if "session" in security else app


def objects_of(document: Mapping[str, Any]) -> Iterator[Described]:
    """Every object of a description."""
    for name, schema in document["components"]["schemas"].items():
        fields = schema.get("properties", {})
        yield Described(
            name,
            schema.get("description", "") if fields else type_of(schema).before,
            [(each, type_of(kind)) for each, kind in fields.items()],
            frozenset(schema.get("required", ())),
        )


def type_of(schema: Mapping[str, Any]) -> Type:
    """The type that a schema describes, as in `list of SimExpectation`."""
    if "$ref" in schema:
        return Type("", schema["$ref"].removeprefix(SCHEMAS))
    if "anyOf" in schema:
        return _any_of([type_of(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return Type(" or ".join(map(str, schema["enum"])))
    if schema.get("type") == "array":
        before, name, behind = type_of(schema.get("items", {}))
        return Type(f"list of {before}", name, behind)
    if isinstance(schema.get("additionalProperties"), dict):
        before, name, behind = type_of(schema["additionalProperties"])
        return Type(f"object of {before}", name, behind)
    return Type(schema.get("format", schema.get("type", "anything")))


def _any_of(types: list[Type]) -> Type:
    """One of several types, of which the one with a name stands first."""
    named = [each for each in types if each.name]
    others = [each.before for each in types if not each.name]
    first = named[0] if named else Type(others.pop(0))
    return first._replace(behind=first.behind + "".join(f" or {each}" for each in others))

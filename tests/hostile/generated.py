"""Calls made up from a description in OpenAPI: as it says, and spoilt in every way known.

Everything is drawn from one `random.Random`, so that a seed gives the same calls again.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

ODD_TEXTS = [
    "", " ", "null", "None", "0", "-1", "1e400", "NaN", "true", "\0", "\t\r\n", "a\x1b[31mb",
    "\u202e", "\ufeff", "é" * 40, "😀", "\ud800", "../../etc/passwd", "%00", "%2F",
    "'; DROP TABLE sims; --", "{iccid}", "${jndi:x}", "<script>", "=1+1",
    "x" * 65, "9" * 400, "٣٥٢", "a/b", "+", "a+b",
    "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
]  # fmt: skip
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, -0.0, 2**31, 2**63, 2**64, 10**400, [], {}, [[]], [None],
    {"": ""}, {"a": {"a": {}}},
]  # fmt: skip
ODD_BODIES = [
    b"", b" ", b"null", b"0", b'"', b"[]", b"{}", b"[[", b"{]", b"NaN", b'{"a":1e999}',
    b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\xc3\x28", b'{"a":"\\ud800"}',
    b"[" * 2000, b'{"a":' * 1500, b"\0" * 64,
    b"[" + b"1," * 3000 + b"1]", b'{"a":1}\n{"a":2}\n', b"a=1&a=1", b"a=%ff", b"%",
]  # fmt: skip
MEDIA_TYPES = ["", "text/plain", "application/xml", "application/json; charset=utf-16", "*/*", "x"]
ODD_HEADERS = [
    {"Accept": "application/xml"},
    {"Accept": "*/*;q=nonsense"},
    {"Accept-Encoding": "gzip;q=x, *"},
    {"Prefer": "include=reasons, include=\x7f"},
    {"Idempotency-Key": "k" * 300},
    {"Idempotency-Key": "same"},
    {"VZ-M2M-Token": "no-guid"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic !!!"},
    {"X-Request-Id": "a\tb" * 50},
    {"Content-Encoding": "gzip"},
    {"Range": "bytes=5-"},
    {"Forwarded": "for=_x;host=evil.example"},
]
TIMES = ["2026-05-01T00:00:00Z", "2026-06-01", "2026-05-05T10:00:00-08:00Z", "2020-02-30"]
ALSO = {"change_set_id": "number", "post_imei": "imei"}
"""Fields of answers that are asked for by another name."""
KNOWN_MAX = 12
LISTED_MAX = 3
DEPTH_MAX = 6


class Sent(NamedTuple):
    """A call as it is sent."""

    method: str
    path: str
    query: str
    body: bytes | None
    headers: dict[str, str]


class Operation(NamedTuple):
    """A call as a description has it."""

    path: str
    method: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.method.upper()} {self.path}"


def operations_of(document: dict[str, Any]) -> Iterator[Operation]:
    """Every call of a description."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield Operation(path, method, said)


class Generator:
    """Makes calls of one description; `pool` has values by the name of a field, to begin with."""

    def __init__(
        self, document: dict[str, Any], random: Random, pool: dict[str, list[str]]
    ) -> None:
        self._schemas = document["components"]["schemas"]
        self._random = random
        self.pool = pool

    def call(self, operation: Operation) -> Sent:
        """A call of this operation: three in ten as it is described, the others spoilt once."""
        spoilt = self._random.choice(("", "", "", "path", "query", "header", *["body"] * 4))
        path, query, headers = operation.path, list[tuple[str, str]](), dict[str, str]()
        for each in operation.said["parameters"]:
            text = self._text(each["name"], odd=spoilt == each["in"])
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", quote(_encodable(text), safe=""))
            elif each["required"] or self._random.random() < 0.3:
                query.append((each["name"], _encodable(text)))
        if spoilt == "query":
            query += self._random.choice(([("no-such", "1")], query, [("", "")]))
        body = self._body(operation, headers, is_spoilt=spoilt == "body")
        if spoilt == "header":
            headers |= self._random.choice(ODD_HEADERS)
        return Sent(operation.method.upper(), path, urlencode(query), body, headers)

    def learn_place(self, location: str) -> None:
        """Keep the name of what was made, which stands in an address behind what it is."""
        for collection, name in pairwise(location.split("/")):
            if collection.removesuffix("s") in self.pool:
                self.pool[collection.removesuffix("s")].append(unquote(name))

    def learn(self, answer: Any) -> None:  # noqa: ANN401 - any JSON
        """Keep what an answer names, so that later calls are about what is there."""
        if isinstance(answer, list):
            for each in answer[:LISTED_MAX]:
                self.learn(each)
        elif isinstance(answer, dict):
            for name, value in answer.items():
                known = self.pool.get(ALSO.get(str(name), str(name)))
                if known is not None and isinstance(value, str | int):
                    known[:] = [known[0], *known[1:][-KNOWN_MAX:], str(value)]
                self.learn(value)

    def _text(self, name: str, *, odd: bool = False) -> str:
        known = self.pool.get(name)
        if odd or self._random.random() < 0.03:
            return self._random.choice(ODD_TEXTS)
        if known:
            return self._random.choice((known[0], self._random.choice(known)))
        return self._random.choice(["a", "two words", "1", "2", f"n{self._random.randrange(99)}"])

    def _body(
        self, operation: Operation, headers: dict[str, str], *, is_spoilt: bool
    ) -> bytes | None:
        described = operation.said.get("requestBody")
        if described is None:
            return self._random.choice(ODD_BODIES) if is_spoilt else None
        media_type = self._random.choice(list(described["content"]))
        tree = self.value(described["content"][media_type]["schema"], "")
        headers["Content-Type"] = media_type
        if is_spoilt:
            return self._spoilt(tree, media_type, headers)
        return _written(tree, media_type)

    def _spoilt(self, tree: Any, media_type: str, headers: dict[str, str]) -> bytes:  # noqa: ANN401 - any JSON
        body = _written(tree, media_type)
        place = self._random.randrange(len(body) + 1)
        match self._random.choice(("type", "odd", "misfit", "misfit", "cut", "byte", "twice")):
            case "type":
                headers["Content-Type"] = self._random.choice(MEDIA_TYPES)
                return body
            case "odd":
                return self._random.choice(ODD_BODIES)
            case "misfit":
                return _written(self._misfit(tree), media_type)
            case "cut":
                return body[:place]
            case "byte":
                return body[:place] + bytes([self._random.randrange(256)]) + body[place + 1 :]
            case _:
                return body.replace(b"{", b'{"a":1,"a":2,', 1)

    def _misfit(self, tree: Any) -> Any:  # noqa: ANN401 - any JSON
        """The same tree with something else in one place."""
        if isinstance(tree, dict) and tree and self._random.random() < 0.8:
            name = self._random.choice(list(tree))
            return tree | {name: self._misfit(tree[name])}
        if isinstance(tree, list) and tree and self._random.random() < 0.8:
            place = self._random.randrange(len(tree))
            return [*tree[:place], self._misfit(tree[place]), *tree[place + 1 :]]
        return self._random.choice((*ODD_VALUES, *ODD_TEXTS))

    def value(self, schema: dict[str, Any], name: str, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
        """A value as a schema has it; texts by the name of their field."""
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return self.value(self._random.choice(schema["anyOf"]), name, depth)
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, depth + 1)
            case "array":
                count = 0 if depth > DEPTH_MAX else self._random.randint(0, LISTED_MAX)
                return [self.value(schema["items"], name, depth + 1) for _ in range(count)]
            case plain:
                choices = {
                    "integer": (0, 1, 2, 30, schema.get("maximum", 5)),
                    "boolean": (True, False),
                    "null": (None,),
                }
                return self._random.choice(choices.get(str(plain), (self._text(name),)))

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        needed = schema.get("required", [])
        return {
            name: self.value(each, name, depth)
            for name, each in schema.get("properties", {}).items()
            if name in needed or self._random.random() < 0.7
        }


def _encodable(text: str) -> str:
    """The text without half pairs of surrogates, which no address can have."""
    return text.encode(errors="replace").decode()


def _written(tree: Any, media_type: str) -> bytes:  # noqa: ANN401 - any JSON
    if "urlencoded" in media_type:
        pairs = tree if isinstance(tree, dict) else {"": str(tree)}
        return urlencode({name: _encodable(str(value)) for name, value in pairs.items()}).encode()
    if "ndjson" in media_type:
        lines = tree if isinstance(tree, list) else [tree]
        return "\n".join(map(json.dumps, lines)).encode()
    return json.dumps(tree).encode()

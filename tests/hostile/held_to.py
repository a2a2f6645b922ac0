"""Holds an answer to what a description in OpenAPI says of it."""

from __future__ import annotations

from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def response_for(said: dict[str, Any], status: int) -> dict[str, Any] | None:
    """What a call says of a status: of itself, or of its hundred; None where it says nothing."""
    responses: dict[str, dict[str, Any]] = said["responses"]
    return responses.get(str(status)) or responses.get(f"{status // 100}XX")


class Held:
    """Values held to schemas, which may name each other in `schemas`."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def misfits(self, tree: Any, schema: dict[str, Any], place: str = "$") -> list[str]:  # noqa: ANN401 - any JSON
        """Where a value is not as its schema has it, each place in a sentence."""
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            ways = [self.misfits(tree, way, place) for way in schema["anyOf"]]
            return [] if [] in ways else min(ways, key=len)
        wanted = schema.get("type")
        is_number_of_bool = isinstance(tree, bool) and wanted != "boolean"
        if tree not in schema.get("enum", [tree]):
            return [f"{place} is {tree!r}"]
        if wanted and (is_number_of_bool or not isinstance(tree, TYPES[wanted])):
            return [f"{place} is no {wanted}: {tree!r}"]
        return self._misfits_within(tree, schema, place)

    def _misfits_within(self, tree: Any, schema: dict[str, Any], place: str) -> list[str]:  # noqa: ANN401 - any JSON
        if isinstance(tree, list):
            item = schema.get("items", {})
            each_item = (
                self.misfits(each, item, f"{place}[{number}]") for number, each in enumerate(tree)
            )
            return [misfit for misfits in each_item for misfit in misfits]
        return self._misfits_of_object(tree, schema, place) if isinstance(tree, dict) else []

    def _misfits_of_object(
        self, tree: dict[str, Any], schema: dict[str, Any], place: str
    ) -> list[str]:
        needed, properties = schema.get("required", []), schema.get("properties", {})
        misfits = [f"{place}.{name} is absent" for name in needed if name not in tree]
        others = schema.get("additionalProperties", not properties)
        for name, value in tree.items():
            below = f"{place}.{name}"
            if name in properties:
                misfits += self.misfits(value, properties[name], below)
            elif isinstance(others, dict):
                misfits += self.misfits(value, others, below)
            elif not others:
                misfits.append(f"{below} is not described")
        return misfits

"""`GET /thingspace/openapi.json`: the calls of ThingSpace that are honoured, in OpenAPI 3.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.http.gate import SCOPE_OF_USERS, Session, needs_of
from tallystick.http.media_types import FORM, JSON
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
from tallystick.thingspace.described import Fault, OAuthError, VerizonError, described_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.http.gate import Needs
    from tallystick.thingspace.described import Described

PATH = "/thingspace/openapi.json"
ABOUT = (
    "Verizon's contract for the report of mismatches and the calls around it. Fields that are not "
    "described are passed over; null, an empty text and an empty list say nothing. Our own API is "
    "described at /openapi.json."
)
NAME_ABOUT = "Percent-encoded; where no name is as it is written, + stands for a blank."
REFUSALS = (VerizonError, Fault, OAuthError)
BASIC = {"type": "http", "scheme": "basic", "description": "An app's key and secret."}


def document_of(resources: Mapping[str, object]) -> dict[str, Any]:
    """The description of resources by path. Raises `TypeError` for a call that is not described."""
    calls = {
        (path, method): described_of(resources[path], method, path)
        for path, method in methods_of(resources)
    }
    bodies = [each.body for each in calls.values()]
    schemas = Schemas([*REFUSALS, *bodies, *(each.answer for each in calls.values())])
    paths: dict[str, dict[str, Any]] = {}
    for (path, method), said in calls.items():
        about = summary_of(resources[path], method)
        stated = needs_of(resources[path], method)
        call = {"summary": about, "security": _security(stated)} | _call(
            path, method, said, schemas
        )
        paths.setdefault(path, {})[method.lower()] = call
    app = token_security({SCOPE_OF_USERS: "the calls of ThingSpace"})
    security = {"basic": BASIC, "app": app, "session": SESSION}
    return document("ThingSpace, as Tallystick honours it", ABOUT, paths, schemas, security)


def _security(stated: Needs | None) -> list[dict[str, list[str]]]:
    """What a call takes: an app's secret, its token, or that and a user's session."""
    if stated is None:
        return [{"basic": []}]
    session = {"session": list[str]()} if stated.session is Session.REQUIRED else {}
    return [{"app": [stated.scope], **session}]


def _call(path: str, method: str, said: Described, schemas: Schemas) -> dict[str, Any]:
    done = (
        {"description": "Done."} if said.answer is None else content("Done.", schemas[said.answer])
    )
    refused = {"anyOf": [schemas[each] for each in REFUSALS]}
    call: dict[str, Any] = {
        "operationId": name_of_call(path, method),
        "tags": [topic_of(path)],
        "parameters": [
            *in_path(path, NAME_ABOUT),
            *(in_query(name, about, required=False) for name, about in said.query.items()),
        ],
        "responses": {
            **{str(status): done for status in said.statuses},
            "4XX": content("Refused: the message says what, and what to do.", refused),
            "5XX": content(
                "The server cannot answer; with 503, after a while it can.", schemas[VerizonError]
            ),
        },
    }
    if said.body is not None:
        media_type = FORM if said.is_form else JSON
        body = {"required": True, "content": {media_type: {"schema": schemas[said.body]}}}
        call["requestBody"] = body
    return call

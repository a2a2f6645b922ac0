"""What our own calls have in common: names in a path, the body, and what is asked about."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints
from urllib.parse import quote

import falcon
import msgspec

from tallystick.clock import system_clock
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import BEFORE_ALL, Iccid, shown
from tallystick.core.json_faults import fault_of_json, fields_once
from tallystick.core.ledger import BEHIND_ALL, Origin, parse_note
from tallystick.core.moments import parse_named
from tallystick.core.window import span_between
from tallystick.http.bodies import (
    media_type_of,
    misfit_in,
    require_length,
    whole_body,
)
from tallystick.http.gate import caller_of
from tallystick.http.media_types import JSON, NDJSON
from tallystick.report.answer import Question
from tallystick.store.acting import add_details

if TYPE_CHECKING:
    from datetime import datetime

    from falcon import Request

    from tallystick.store import Reader

ROOT = "/api/v1"
BODY_BYTES_MAX = 1 << 20  # of a call that changes something; 10,000 ids take a quarter of it
JSON_TYPES = (JSON, "")  # as Content-Type; none is taken for it
UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
NO_CHOICE = re.compile(
    r"Invalid enum value '?(?P<value>.*?)'? - at `\$\.(?P<place>\w+)`", re.DOTALL
)
MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")
TWICE_ENCODED = re.compile(r"%(2[fF5])")
TO_ENCODE_TWICE = re.compile(r"/|%(?=2[fF5])")

Body = TypeVar("Body", bound=msgspec.Struct)

ADMIN = "admin"
"""The scope of calls about the whole fleet."""
NDJSON_TYPES = (NDJSON, "application/ndjson")

AFTER = {"after": "SIMs behind this ICCID, which the field `next` of the page before gives."}
"""The parameter of `after_in`, and what it says."""

ASKED = {
    "earliest": "activations after this moment only",
    "latest": "activations before this moment only",
    "account": "of this account; may stand several times; absent: of every account",
    "group": "of this group of the one account",
}
"""The parameters of `question_of`, and what each says."""

LISTED, LISTED_MAX = 100, 1_000
"""How many entries of a list an answer has, if nothing is said and at most."""
AT_MOST = {
    "at_most": f"no more than so many; {LISTED} if nothing is said, {LISTED_MAX} at most",
}
"""The parameter of `at_most_in`, and what it says."""

NOTES = {
    "ticket": "the ticket that the change belongs to, for the ledger",
    "reason": "why, for the ledger",
}
"""What a call that changes expectations may say of itself."""
SOURCE = "api"
"""What the ledger calls a call of ours."""


def name_in(segment: str) -> str:
    """The name that a segment of the path carries.

    The server gives the path decoded, so that a slash within a name could not be told from one
    between two segments. Such a slash is encoded twice, and so is a percent sign before `2F` or
    `25`.
    """
    return TWICE_ENCODED.sub(lambda match: "%" if match[1] == "25" else "/", segment)


def address_of(*names: str) -> str:
    """The address of what has these names, one below the other."""
    segments = (TO_ENCODE_TWICE.sub(lambda match: quote(match[0], safe=""), name) for name in names)
    return "/".join([ROOT, *(quote(segment, safe="") for segment in segments)])


def after_in(req: Request) -> int:
    """Behind which SIM a page begins, by the parameter `after`. Raises `InvalidValue`."""
    after_text = req.get_param("after")
    return Iccid.parse(after_text) if after_text else BEFORE_ALL


def accounts_of(reader: Reader, asker: int | None) -> dict[str, int]:
    """The numbers, by name, of the accounts that a user may see; all where no user asks."""
    return reader.accounts() if asker is None else reader.view_of(asker).accounts


def visible_to(reader: Reader, asker: int | None) -> dict[str, int] | None:
    """The accounts that a question about one SIM or one piece of hardware is held to, by name.

    They are those that the user sees who asks. None where no user asks: SIMs that are not loaded,
    which are of no account, are seen then too.
    """
    return None if asker is None else accounts_of(reader, asker)


def origin_of(req: Request) -> Origin:
    """What the ledger keeps of a call: who calls, and `ticket` and `reason` of the query.

    Raises `InvalidValue`.
    """
    ticket = parse_note("ticket", req.get_param("ticket") or "")
    reason = parse_note("reason", req.get_param("reason") or "")
    return Origin(caller_of(req).name, system_clock(), SOURCE, "", ticket, reason)


def body_of(req: Request, bytes_max: int) -> bytes:
    """The whole body, which must not be empty.

    Raises `InvalidValue`, `BodyTooLarge`, `BodyCutShort` or `LengthRequired`.
    """
    if media_type_of(req) in NDJSON_TYPES:
        require_length(req)
    body = whole_body(req, bytes_max)
    if not body:
        message = "the body is empty; it must be JSON"
        raise InvalidValue(message)
    return body


def question_of(req: Request) -> Question:
    """What the parameters `earliest`, `latest`, `account` (several times) and `group` ask about.

    All are optional. Raises `InvalidValue` or `WindowRefused`.
    """
    window = span_between(moment_in(req, "earliest"), moment_in(req, "latest"))
    return Question(window, several_in(req, "account"), req.get_param("group"))


def moment_in(req: Request, name: str) -> datetime | None:
    """The time that a parameter says, None where it is absent. Raises `InvalidValue`."""
    text = req.get_param(name)
    return None if text is None else parse_named(name, text)


def number_in(req: Request, name: str, default: int, at_most: int) -> int:
    """The number from 1 on that a parameter says. Raises `InvalidValue`."""
    text = req.get_param(name)
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(at_most))
    if not (is_number and 1 <= int(text) <= at_most):
        message = f"{name} must be a number from 1 to {at_most}, not {shown(text)}"
        raise InvalidValue(message)
    return int(text)


def at_most_in(req: Request) -> int:
    """How many entries of a list are asked for. Raises `InvalidValue`."""
    return number_in(req, "at_most", LISTED, LISTED_MAX)


def before_in(req: Request) -> int:
    """The number of the entry before which a list begins; the last ones if nothing is said.

    Raises `InvalidValue`.
    """
    return number_in(req, "before", BEHIND_ALL, BEHIND_ALL)


def several_in(req: Request, name: str) -> tuple[str, ...]:
    """Every value of a parameter."""
    return tuple(req.get_param_as_list(name) or ())


def struct_of(req: Request, kind: type[Body]) -> Body:
    """A JSON body with the fields of a struct and no others. Raises `InvalidValue`."""
    if media_type_of(req) not in JSON_TYPES:
        message = f"send {JSON}, not {media_type_of(req)}"
        raise falcon.HTTPUnsupportedMediaType(description=message)
    body_bytes = body_of(req, BODY_BYTES_MAX)
    try:
        tree = msgspec.json.decode(body_bytes)
        json.loads(body_bytes, object_pairs_hook=fields_once)  # msgspec takes the last of two
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        message = f"the body is not JSON: {fault_of_json(error)}"
        raise InvalidValue(message) from error
    if not isinstance(tree, dict):
        message = f"the body must be an object, not {shown(tree)}"
        raise InvalidValue(message)
    try:
        body = msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise InvalidValue(_complaint(tree, kind, str(error))) from error
    add_details(tree)
    return body


def _choices(kind: type[msgspec.Struct], field: str) -> str:
    """The values that a field may have, one of which it must."""
    _, components = msgspec.json.schema_components([get_type_hints(kind)[field]])
    return ", ".join(value for each in components.values() for value in each["enum"])


def _complaint(tree: dict[str, Any], kind: type[msgspec.Struct], complaint: str) -> str:
    """Name the field and the value that msgspec complains of."""
    if match := UNKNOWN.fullmatch(complaint):
        fields = ", ".join(kind.__struct_fields__)
        return f"there is no field {shown(match['name'])}; there are {fields}"
    if match := MISSING.fullmatch(complaint):
        return f"{match['name']} is missing"
    if match := NO_CHOICE.fullmatch(complaint):
        choices = _choices(kind, match["place"])
        return f"{match['place']} must be one of {choices}, not {shown(match['value'])}"
    misfit = misfit_in(tree, complaint)
    if misfit is None:
        return complaint
    return f"{misfit.place} must be {misfit.wanted}, not {shown(misfit.value)}"

"""Request bodies: read within bounds, parsed, and held to the contract (section 1)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from tallystick.core import moments
from tallystick.core.errors import InvalidValue, WindowRefused
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.json_faults import fault_of_json, fields_once
from tallystick.core.selection import Listed, iccid_asked_for
from tallystick.core.window import Window, window_between
from tallystick.fleet.devices import DEVICES_A_PAGE_MAX
from tallystick.http.bodies import media_type_of, misfit_in, whole_body
from tallystick.http.media_types import JSON
from tallystick.report.answer import Question
from tallystick.store.acting import add_details
from tallystick.thingspace.errors import (
    BodyRefused,
    FormRefused,
    IdentifierRefused,
    KindRefused,
    RequestUndefined,
    TooManyIdentifiers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from falcon import Request

BODY_BYTES_MAX = 2 * 1024 * 1024
IDENTIFIERS_MAX = 10_000
NUMBER_FORM = re.compile(r"-?[0-9]{1,19}")
NUMBER_MAX = (1 << 63) - 1
# What an optional field may hold to say nothing; SDKs send them.
ABSENT: tuple[object, ...] = (None, "", [])


class Filter(msgspec.Struct):
    """The window, as written."""

    earliest: str = ""
    latest: str = ""


class DeviceId(msgspec.Struct):
    """One identifier of a device."""

    kind: str = ""
    id: str = ""


class Device(msgspec.Struct, rename="camel"):
    """One entry of the list of devices."""

    device_ids: list[DeviceId] = []


class ReportBody(msgspec.Struct, rename="camel"):
    """The body of a report request."""

    filter: Filter | None = None
    account_name: str = ""
    group_name: str = ""
    devices: list[Device] = []


class CreateGroupBody(msgspec.Struct, rename="camel"):
    """The body that makes a group."""

    account_name: str = ""
    group_name: str = ""
    group_description: str = ""
    devices_to_add: list[DeviceId] = []


class ChangeGroupBody(msgspec.Struct, rename="camel"):
    """The body that changes a group."""

    new_group_name: str = ""
    new_group_description: str = ""
    devices_to_add: list[DeviceId] = []
    devices_to_remove: list[DeviceId] = []


class IdSearch(msgspec.Struct):
    """What to look for in identifiers of one kind."""

    kind: str = ""
    startswith: str = ""
    contains: str = ""
    endswith: str = ""


class DeviceListFilter(msgspec.Struct, rename="camel"):
    """What the identifiers of listed devices are like."""

    device_identifier_filters: list[IdSearch] = []


class DeviceListBody(msgspec.Struct, rename="camel"):
    """The body of a request for a list of devices."""

    account_name: str = ""
    group_name: str = ""
    device_id: DeviceId | None = None
    filter: DeviceListFilter | None = None
    max_number_of_devices: int = DEVICES_A_PAGE_MAX
    largest_device_id_seen: int = -1


class UploadBody(msgspec.Struct, rename="camel"):
    """The body of an upload of pairs."""

    account_name: str = ""
    upload_type: str = ""
    devices: list[Device] = []


class CallbackBody(msgspec.Struct):
    """The body that registers a callback listener."""

    name: str = ""
    url: str = ""
    username: str = ""
    password: str = ""


class LoginBody(msgspec.Struct):
    """The body of a login; what is missing is nobody's name or password."""

    username: str = ""
    password: str = ""


class ResetBody(msgspec.Struct, rename="camel"):
    """The body of a password reset."""

    old_password: str = ""


Body = TypeVar("Body", bound=msgspec.Struct)


def read_form(req: Request) -> dict[str, str]:
    """A form body; a field may be empty, as `scope=` is, but not stand twice.

    Raises `FormRefused`.
    """
    try:
        fields = parse_qsl(
            whole_body(req, BODY_BYTES_MAX).decode(), keep_blank_values=True, errors="strict"
        )
    except ValueError as error:
        message = f"the form body is malformed: {error}"
        raise FormRefused(message) from error
    form = dict(fields)
    if len(form) != len(fields):
        message = "a field of the form stands twice"
        raise FormRefused(message)
    return form


def read_json(req: Request, kind: type[Body]) -> Body:
    """A JSON body. Raises `RequestUndefined`, `BodyRefused` or `BodyTooLarge`."""
    media_type = media_type_of(req)
    if media_type != JSON:
        message = f"Content-Type must be {JSON}, not {shown(media_type)}"
        raise BodyRefused(message)
    body = whole_body(req, BODY_BYTES_MAX)
    if not body:
        raise RequestUndefined
    try:
        tree = json.loads(
            body.decode(), object_pairs_hook=_fields_that_say_something, parse_constant=_refuse_word
        )
    except (ValueError, RecursionError) as error:
        message = f"the body is no JSON that can be read: {fault_of_json(error)}"
        raise BodyRefused(message) from error
    read = _typed(tree, kind)
    add_details(msgspec.structs.asdict(read))
    return read


def _fields_that_say_something(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = fields_once(pairs)
    values = fields.values()
    if any(absent in values for absent in ABSENT):
        return {name: value for name, value in pairs if value not in ABSENT}
    return fields


def _refuse_word(word: str) -> None:
    message = f"{word} is no JSON value"
    raise ValueError(message)


def _typed(tree: Any, kind: type[Body]) -> Body:  # noqa: ANN401 - whatever the JSON was
    try:
        body = msgspec.convert(tree, kind)
        # Fails on half a surrogate pair, which JSON can escape and no store can keep.
        msgspec.json.encode(body)
    except msgspec.ValidationError as error:
        raise BodyRefused(_misfit(tree, str(error))) from error
    except UnicodeEncodeError as error:
        message = f"the body holds text that is no Unicode: {shown(error.object)}"
        raise BodyRefused(message) from error
    return body


def _misfit(tree: Any, complaint: str) -> str:  # noqa: ANN401 - whatever the JSON was
    """Name the field and the value that msgspec complains of."""
    misfit = misfit_in(tree, complaint)
    if misfit is None:
        return complaint
    return f"{misfit.place or 'the body'} must be {misfit.wanted}, not {shown(misfit.value)}"


def question_of(body: ReportBody) -> Question:
    """What the report is asked for.

    Raises the refusals of a window, a kind, an identifier, or their number.
    """
    return Question(
        _window(body.filter),
        (body.account_name,) if body.account_name else (),
        body.group_name or None,
        _listed(body.devices),
    )


def _window(bounds: Filter | None) -> Window:
    if bounds is None:
        message = "filter is missing"
        raise BodyRefused(message)
    earliest, latest = _moment("earliest", bounds.earliest), _moment("latest", bounds.latest)
    try:
        return window_between(earliest, latest)
    except WindowRefused as refusal:
        message = f"filter: {refusal}"
        raise WindowRefused(message) from refusal


def _moment(name: str, text: str) -> datetime:
    if not text:
        message = f"filter.{name} is missing"
        raise BodyRefused(message)
    try:
        return moments.parse(text)
    except InvalidValue as refusal:
        message = f"filter.{name} {refusal}"
        raise BodyRefused(message) from refusal


def _listed(devices: list[Device]) -> Listed | None:
    if not devices:
        return None
    require_few("devices", sum(len(device.device_ids) for device in devices))
    return _picking(_identifiers(devices))


def require(name: str, text: str) -> str:
    """The value of a field that must not be absent. Raises `BodyRefused`."""
    if not text:
        message = f"{name} is missing"
        raise BodyRefused(message)
    return text


def device_number(name: str, text: str) -> int:
    """The number of the last device that a client has seen; -1 is before all.

    Raises `BodyRefused`.
    """
    if not NUMBER_FORM.fullmatch(text) or not -1 <= int(text) <= NUMBER_MAX:
        message = f"{name} must be a device's number, not {shown(text)}"
        raise BodyRefused(message)
    return int(text)


def listed_in(name: str, identifiers: list[DeviceId]) -> Listed:
    """The devices of a plain list of identifiers.

    Raises the refusals of a kind, an identifier, or their number.
    """
    require_few(name, len(identifiers))
    return _picking((f"{name}[{position}]", each) for position, each in enumerate(identifiers))


def require_few(name: str, count: int) -> None:
    """Hold a list to so many identifiers as a call may have. Raises `TooManyIdentifiers`."""
    if count > IDENTIFIERS_MAX:
        message = f"{name} lists {count} identifiers; {IDENTIFIERS_MAX} at most"
        raise TooManyIdentifiers(message)


def _picking(identifiers: Iterable[tuple[str, DeviceId]]) -> Listed:
    iccids, mdns = list[Iccid](), list[Mdn]()
    for place, each in identifiers:
        match each.kind.upper():
            case "ICCID":
                iccids.extend(_iccid(place, each.id))
            case "MDN":
                mdns.append(_mdn(place, each.id))
            case _:
                message = f"{place}.kind must be ICCID or MDN, not {shown(each.kind)}"
                raise KindRefused(message)
    return Listed(tuple(iccids), tuple(mdns))


def _identifiers(devices: Iterable[Device]) -> Iterator[tuple[str, DeviceId]]:
    for entry, device in enumerate(devices):
        if not device.device_ids:
            message = f"devices[{entry}].deviceIds is missing or empty"
            raise IdentifierRefused(message)
        for position, each in enumerate(device.device_ids):
            yield f"devices[{entry}].deviceIds[{position}]", each


def _iccid(place: str, text: str) -> Iterator[Iccid]:
    try:
        iccid = iccid_asked_for(f"{place}.id", text)
    except InvalidValue as refusal:
        raise IdentifierRefused(refusal.message) from refusal
    if iccid is not None:
        yield iccid


def _mdn(place: str, text: str) -> Mdn:
    try:
        return Mdn.parse(text)
    except InvalidValue as refusal:
        message = f"{place}.id: {refusal}"
        raise IdentifierRefused(message) from refusal


def report_request(account: str, earliest: date, latest: date) -> dict[str, Any]:
    """A request for one account's report, as a client sends it."""
    return {
        "accountName": account,
        "filter": {"earliest": earliest.isoformat(), "latest": latest.isoformat()},
    }

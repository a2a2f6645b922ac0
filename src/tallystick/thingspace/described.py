"""What a call of ThingSpace takes and answers, said beside its responder, and shapes of answers.

The shapes are for the description at `/thingspace/openapi.json`; `tests/hostile/` holds answers to
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tallystick.http.gate import place_of
from tallystick.outbox.uploads import BadPair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Responder = TypeVar("Responder", bound="Callable[..., None]")


@dataclass(frozen=True, slots=True)
class Described:
    """One call: its body and its answer as types that msgspec knows, None where there is none.

    `statuses` are those of an answer when it is done, `query` its parameters behind the path.
    """

    body: Any = None
    answer: Any = None
    statuses: tuple[int, ...] = (200,)
    query: Mapping[str, str] = field(default_factory=dict)
    is_form: bool = False


def described(
    body: Any = None,  # noqa: ANN401 - whatever msgspec takes for a type
    answer: Any = None,  # noqa: ANN401 - the same
    statuses: tuple[int, ...] = (200,),
    query: Mapping[str, str] | None = None,
    *,
    is_form: bool = False,
) -> Callable[[Responder], Responder]:
    """Say of a responder what its call takes and answers; its docstring says what it does."""
    said = Described(body, answer, statuses, query or {}, is_form)

    def marked(responder: Responder) -> Responder:
        responder.described = said  # type: ignore[attr-defined] # read back below
        return responder

    return marked


def described_of(resource: object, method: str, path: str) -> Described:
    """What was said of a responder. Raises `TypeError` where nothing was."""
    responder = getattr(resource, f"on_{method.lower()}")
    said = getattr(responder, "described", None)
    if not isinstance(said, Described):
        how = f"put @described(body=…, answer=…) on {place_of(resource, method)}"
        message = f"{method} {path} is not described: {how}"
        raise TypeError(message)
    return said


class TokenForm(msgspec.Struct):
    """The form that asks for a token."""

    grant_type: str
    scope: str = ""


class TokenAnswer(msgspec.Struct):
    """A token of an app, and how long it still holds."""

    access_token: str
    scope: str
    token_type: str
    expires_in: int


class RevokeForm(msgspec.Struct):
    """The form that ends a token."""

    token: str


class SessionAnswer(msgspec.Struct, rename="camel"):
    """A session of a user."""

    session_token: str


class PasswordAnswer(msgspec.Struct, rename="camel"):
    """A user's new password."""

    new_password: str


class Success(msgspec.Struct):
    """What was asked for is done."""

    success: bool


class DeviceIdAnswer(msgspec.Struct):
    """One identifier of a device."""

    kind: str
    id: str


class Attribute(msgspec.Struct):
    """A value of a device beside its identifiers."""

    key: str
    value: str


class GroupAnswer(msgspec.Struct, rename="camel"):
    """A group of an account."""

    name: str
    description: str
    is_default_group: bool
    extended_attributes: list[Attribute]


class MemberAnswer(msgspec.Struct, rename="camel"):
    """A device of a group."""

    device_ids: list[DeviceIdAnswer]


class MembersAnswer(msgspec.Struct, rename="camel"):
    """A page of the devices of a group."""

    name: str
    description: str
    has_more_data: bool
    devices: list[MemberAnswer]


class DeviceAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """A device as it is listed."""

    account_name: str
    device_ids: list[DeviceIdAnswer]
    group_names: list[str]
    extended_attributes: list[Attribute]
    last_activation_date: str | msgspec.UnsetType = msgspec.UNSET


class DevicesAnswer(msgspec.Struct, rename="camel"):
    """A page of devices."""

    has_more_data: bool
    devices: list[DeviceAnswer]


class MismatchAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """A mismatch. `cause` and `reasons` are there where `Prefer` asks for reasons."""

    account_name: str
    iccid: str
    post_imei: str
    sim_ota_date: str
    mdn: str | msgspec.UnsetType = msgspec.UNSET
    activation_date: str | msgspec.UnsetType = msgspec.UNSET
    pre_imei: str | msgspec.UnsetType = msgspec.UNSET
    cause: str | msgspec.UnsetType = msgspec.UNSET
    reasons: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class ReportAnswer(msgspec.Struct):
    """The mismatches, in order of their times."""

    devices: list[MismatchAnswer]


class AccountAnswer(msgspec.Struct, rename="camel"):
    """An account."""

    account_name: str


class UploadAnswer(msgspec.Struct, rename="camel"):
    """What an upload's outcome is asked for by."""

    request_id: str


class OutcomeAnswer(msgspec.Struct, omit_defaults=True):
    """How many pairs hold, and those that do not."""

    accepted: int
    rejected: list[BadPair]


class StatusAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """What came of an upload: `Pending`, `Success` or `Failure`."""

    request_id: str
    status: str
    outcome: OutcomeAnswer | msgspec.UnsetType = msgspec.UNSET
    doubts: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class ListenerAnswer(msgspec.Struct, rename="camel"):
    """A callback listener."""

    account_name: str
    service_name: str
    url: str
    username: str


class ServiceAnswer(msgspec.Struct, rename="camel"):
    """The account and the service of a listener."""

    account_name: str
    service_name: str


class VerizonError(msgspec.Struct, rename="camel"):
    """A refusal."""

    error_code: str
    error_message: str


class FaultDetail(msgspec.Struct):
    """What a gateway refused a call for."""

    code: str
    message: str
    description: str


class Fault(msgspec.Struct):
    """A refusal of the gateway."""

    fault: FaultDetail


class OAuthError(msgspec.Struct):
    """A refusal of the calls for tokens."""

    error: str
    error_description: str

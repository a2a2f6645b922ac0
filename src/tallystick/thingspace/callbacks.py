"""Callback listeners: their calls, and what a listener is sent (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick import outbox
from tallystick.core.identifiers import shown
from tallystick.http.acts import records
from tallystick.http.gate import for_users, user_of
from tallystick.outbox.uploads import SERVICE, Outcome
from tallystick.store.callbacks import ListenerRow
from tallystick.thingspace.accounts import account_in_path
from tallystick.thingspace.bodies import CallbackBody, read_json, require
from tallystick.thingspace.described import ListenerAnswer, ServiceAnswer, described
from tallystick.thingspace.errors import CATCH_ALL, BodyRefused, verizon_code

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store
    from tallystick.store.callbacks import DueDelivery

# Every name that one of Verizon's pages has; `DeviceService` alone is ever called here.
SERVICES = (
    "AlertService",
    "AlertsService",
    "CarrierService",
    "DevicePRLInformation",
    "DeviceProfileService",
    SERVICE,
    "DeviceSuspensionStatus",
    "DeviceUsage",
    "DiagnosticsService",
    "EnhancedConnectivityService",
    "ExternalProvisioningChanges",
    "NiddService",
    "PromoChanges",
    "ResumeTrackingNotification",
    "SMSDeliveryConfirmation",
    "StateService",
    "SubscriptionNotificationService",
)
BY_LOWER_CASE = {name.lower(): name for name in SERVICES}


class Listeners:
    """`/callbacks/{account}`: the listeners of an account."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._private_allowed = settings.callback_private_addresses

    @described(answer=list[ListenerAnswer])
    @for_users
    def on_get(self, req: Request, resp: Response, account: str) -> None:
        """List the listeners, without their passwords."""
        user_id = user_of(req)
        with self._store.snapshot() as reader:
            owner = account_in_path(reader, user_id, account)
            listeners = reader.listeners([owner.account_id])
        resp.data = msgspec.json.encode(
            [_described(owner.name, listener) for listener in listeners]
        )

    @described(CallbackBody, ServiceAnswer)
    @for_users
    @records("callback.add")
    def on_post(self, req: Request, resp: Response, account: str) -> None:
        """Register a listener, in the place of the one that the service had."""
        user_id = user_of(req)
        body = read_json(req, CallbackBody)
        service = _service(require("name", body.name))
        url = require("url", body.url)
        with self._store.transaction() as writer:
            owner = account_in_path(writer, user_id, account)
            listener = ListenerRow(owner.account_id, service, url, body.username, body.password)
            outbox.register(writer, listener, private_allowed=self._private_allowed)
        resp.data = _named(owner.name, service)


class NamedListener:
    """`/callbacks/{account}/name/{service}`: one listener."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(answer=ServiceAnswer)
    @for_users
    @records("callback.remove")
    def on_delete(self, req: Request, resp: Response, account: str, service: str) -> None:
        """Deregister the listener; what was to be delivered to it is forgotten."""
        user_id = user_of(req)
        name = _service(service)
        with self._store.transaction() as writer:
            owner = account_in_path(writer, user_id, account)
            outbox.deregister(writer, owner.account_id, name)
        resp.data = _named(owner.name, name)


def message_of(delivery: DueDelivery) -> bytes:
    """What a listener is sent.

    One message for a whole upload, with its outcome as the status tells it.
    """
    outcome = msgspec.json.decode(delivery.outcome, type=Outcome)
    message: dict[str, Any] = {
        "username": delivery.listener.username,
        "password": delivery.listener.password,
        "requestId": delivery.request_id,
        "deviceIds": [],
        "status": "Success" if outcome.accepted else "Failed",
        "callbackCount": delivery.attempts + 1,
        "outcome": outcome.of_pairs,
    }
    if not outcome.accepted:
        message["faultResponse"] = {
            "faultcode": verizon_code(CATCH_ALL),
            "faultstring": _fault(outcome),
        }
    return msgspec.json.encode(message)


def _fault(outcome: Outcome) -> str:
    if not outcome.rejected:
        return "REQUEST_FAILED. The upload held no pair"
    first = outcome.rejected[0]
    none = f"None of {len(outcome.rejected)} pairs was taken in"
    return f"REQUEST_FAILED. {none}; pair {first.index}: {first.reason}"


def _service(name: str) -> str:
    """The documented name of a service, written in any case."""
    known = BY_LOWER_CASE.get(name.lower())
    if known is None:
        message = f"name must be one of {', '.join(SERVICES)}, not {shown(name)}"
        raise BodyRefused(message)
    return known


def _described(account: str, listener: ListenerRow) -> dict[str, str]:
    return {
        "accountName": account,
        "serviceName": listener.service,
        "url": listener.url,
        "username": listener.username,
    }


def _named(account: str, service: str) -> bytes:
    return msgspec.json.encode({"accountName": account, "serviceName": service})

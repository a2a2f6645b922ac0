"""Listeners: registered by an account for a service, one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.errors import DeliveryNotFound, InvalidValue, ListenerNotFound
from tallystick.core.identifiers import shown
from tallystick.outbox.targets import parse_url, why_not_registered

if TYPE_CHECKING:
    from tallystick.core.moments import Moment
    from tallystick.store import Writer
    from tallystick.store.callbacks import ListenerRow

CREDENTIAL_LENGTH_MAX = 255


def register(writer: Writer, listener: ListenerRow, *, private_allowed: bool) -> None:
    """Register a listener in the place of the one there was, whose deliveries it takes over.

    Raises `InvalidValue`.
    """
    against = why_not_registered(parse_url(listener.url), private_allowed=private_allowed)
    if against:
        raise InvalidValue(against)
    for name, text in (("username", listener.username), ("password", listener.password)):
        if len(text) > CREDENTIAL_LENGTH_MAX or "\0" in text:
            message = f"{name} must be {CREDENTIAL_LENGTH_MAX} characters at most, none of them NUL"
            raise InvalidValue(message)
    writer.put_listener(listener)
    writer.hurry_deliveries(listener.account_id, listener.service)


def deregister(writer: Writer, account_id: int, service: str) -> None:
    """Forget a listener, and what was to be delivered to it. Raises `ListenerNotFound`."""
    if not writer.forget_listener(account_id, service):
        message = f"the account has no listener for {shown(service)}"
        raise ListenerNotFound(message)


def retry(writer: Writer, delivery_id: int, now: Moment) -> None:
    """Let a delivery, given up or not, be tried now and for as long as a new one.

    Raises `DeliveryNotFound`.
    """
    if not writer.retry_delivery(delivery_id, now):
        message = (
            f"there is no delivery {delivery_id}: it has arrived,"
            " or was forgotten with its listener"
        )
        raise DeliveryNotFound(message)

"""`tallystick callbacks list` and `callbacks retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick import outbox
from tallystick.cli.command import Command, RecordedCommand
from tallystick.cli.output import AsJson, print_json, print_table, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.moments import wire
from tallystick.core.selection import account_number

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.store import Reader
    from tallystick.store.callbacks import DeliveryRow

commands = typer.Typer(
    help="Callbacks: who listens, and what is still to be delivered. The store keeps passwords of "
    "listeners as they were given, for each message carries one; they are not shown.",
    no_args_is_help=True,
)

LISTENER = ("account", "service", "url", "username")
DELIVERY = (
    "id",
    "account",
    "service",
    "request",
    "attempts",
    "since",
    "next_try",
    "given_up",
    "last_error",
)

OfAccount = Annotated[
    str | None, typer.Option(help="Of this account; all of them if none is named.")
]
Id = Annotated[
    int, typer.Argument(metavar="ID", help="The delivery, as `callbacks list` numbers it.")
]


@commands.command("list", cls=Command)
def list_(account: OfAccount = None, as_json: AsJson = False) -> None:
    """List the listeners, and the deliveries that wait or were given up."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        listeners, deliveries = _found(reader, account, settings.zone)
    if as_json:
        print_json({"listeners": listeners, "deliveries": deliveries})
        return
    print_table(LISTENER, [[each[name] for name in LISTENER] for each in listeners])
    if deliveries:
        say("")
        print_table(
            DELIVERY,
            [
                ["" if each[name] is None else str(each[name]) for name in DELIVERY]
                for each in deliveries
            ],
        )


@commands.command(cls=RecordedCommand)
def retry(delivery_id: Id, as_json: AsJson = False) -> None:
    """Try a delivery again now, also one that was given up; a server that runs delivers it."""
    with store_of(current_settings()) as store, store.transaction() as writer:
        outbox.retry(writer, delivery_id, system_clock())
    if as_json:
        print_json({"id": delivery_id})
    else:
        say(f"delivery {delivery_id} is due now")


def _found(
    reader: Reader, account: str | None, zone: tzinfo
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    known = reader.accounts()
    account_ids = list(known.values()) if account is None else [account_number(known, account)]
    names = {account_id: name for name, account_id in known.items()}
    listeners = [
        {
            "account": names[each.account_id],
            "service": each.service,
            "url": each.url,
            "username": each.username,
        }
        for each in reader.listeners(account_ids)
    ]
    return listeners, [_described(each, names, zone) for each in reader.deliveries(account_ids)]


def _described(delivery: DeliveryRow, names: dict[int, str], zone: tzinfo) -> dict[str, Any]:
    waits = delivery.given_up_at is None
    return {
        "id": delivery.delivery_id,
        "account": names[delivery.account_id],
        "service": delivery.service,
        "request": delivery.request_id,
        "attempts": delivery.attempts,
        "since": wire(delivery.since, zone),
        "next_try": wire(delivery.next_try_at, zone) if waits else None,
        "given_up": None if delivery.given_up_at is None else wire(delivery.given_up_at, zone),
        "last_error": delivery.last_error,
    }

"""`/admin/callbacks`: who listens to outcomes, and what is still to be delivered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick import outbox
from tallystick.console.admin import PATH, Desk, for_operators, own_account
from tallystick.console.form_answers import deed_named, go_to
from tallystick.console.forms import users_fields
from tallystick.core.errors import DeliveryNotFound
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, user_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.store import Writer

LIST_PATH = f"{PATH}/callbacks"
LISTED_MAX = 200


class Callbacks:
    """The listeners and deliveries of the accounts that the operator sees."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """List them; passwords of listeners are not shown."""
        with self._desk.store.snapshot() as reader:
            visible = reader.view_of(user_of(req)).accounts
            listeners = reader.listeners(visible.values())
            deliveries = reader.deliveries(visible.values())
        self._desk.pages.show(
            resp,
            "admin_callbacks.html",
            caller_of(req),
            listeners=listeners,
            deliveries=deliveries[:LISTED_MAX],
            deliveries_in_all=len(deliveries),
            names={number: name for name, number in visible.items()},
        )

    @for_operators
    @records("callback.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Have a delivery tried now, or forget a listener with what waits for it."""
        fields = users_fields(req)
        with self._desk.store.transaction() as writer:
            deeds = {
                "retry": lambda: self._retry(writer, req, fields.get("delivery", "")),
                "forget": lambda: outbox.deregister(
                    writer,
                    own_account(writer, req, fields.get("account", "")),
                    fields.get("service", ""),
                ),
            }
            deed_named(deeds, fields.get("do", ""))()
        go_to(resp, LIST_PATH)

    def _retry(self, writer: Writer, req: Request, text: str) -> None:
        """Try a delivery of an account that the operator sees. Raises `DeliveryNotFound`."""
        visible = writer.view_of(user_of(req)).accounts
        there = {str(each.delivery_id) for each in writer.deliveries(visible.values())}
        if text not in there:
            message = "there is no such delivery: it has arrived, or was forgotten"
            raise DeliveryNotFound(message)
        outbox.retry(writer, int(text), self._desk.clock())

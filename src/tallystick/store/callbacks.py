"""Callback listeners, and the outbox: what is still to be delivered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.moments import Moment


class ListenerRow(NamedTuple):
    """A listener as kept: one for each service of an account.

    The password is kept in clear, for each message carries it. It is left out where a listener is
    printed, as in a log or by an error.
    """

    account_id: int
    service: str
    url: str
    username: str
    password: str

    def __repr__(self) -> str:
        place = f"account_id={self.account_id}, service={self.service!r}, url={self.url!r}"
        return f"ListenerRow({place}, username={self.username!r})"


class Latest(NamedTuple):
    """The latest moments that can have been noted for deliveries, unless the clock was set back."""

    next_try_max: int
    lease_max: int


class DueDelivery(NamedTuple):
    """A delivery that is to be made now, with where it goes."""

    delivery_id: int
    listener_id: int
    listener: ListenerRow
    request_id: str
    outcome: bytes
    attempts: int


class DeliveryRow(NamedTuple):
    """A delivery that waits or was given up, as people look at it."""

    delivery_id: int
    account_id: int
    service: str
    request_id: str
    attempts: int
    since: Moment
    next_try_at: Moment
    given_up_at: Moment | None
    last_error: str | None


class WholeDelivery(NamedTuple):
    """A delivery with everything that another store needs of it."""

    account_id: int
    service: str
    request_id: str
    outcome: bytes
    attempts: int
    since: int
    next_try_at: int
    given_up_at: int | None
    last_error: str | None


class CallbackQuestions(Asking):
    """Who listens, and what is to be delivered."""

    def listeners(self, account_ids: Iterable[int]) -> list[ListenerRow]:
        """The listeners of some accounts, in order of account and service."""
        rows = self._connection.rows(
            "listeners_of", account_ids=self._connection.set_of(account_ids)
        )
        return [ListenerRow(*row) for row in rows]

    def deliveries(self, account_ids: Iterable[int]) -> list[DeliveryRow]:
        """What waits or was given up of some accounts, the oldest first."""
        rows = self._connection.rows(
            "deliveries_of", account_ids=self._connection.set_of(account_ids)
        )
        return [DeliveryRow(*row) for row in rows]

    def due_deliveries(self, now: int, latest: Latest, at_most: int) -> list[int]:
        """Deliveries that are due and that nobody makes, the longest due first, one a listener."""
        return self._numbers("due_deliveries", now=now, **latest._asdict(), at_most=at_most)

    def count_waiting_deliveries(self) -> int:
        """How many deliveries wait for their listeners."""
        return self._value(int, "count_waiting_deliveries") or 0


class CallbackChanges(CallbackQuestions):
    """Listeners registered and deregistered; deliveries put in the outbox, made and given up."""

    def put_listener(self, listener: ListenerRow) -> None:
        """Register a listener, in the place of the one that its account had for the service."""
        self._connection.run("put_listener", **listener._asdict())

    def forget_listener(self, account_id: int, service: str) -> bool:
        """Deregister a listener and forget its deliveries; give whether there was one."""
        self._connection.run(
            "forget_deliveries_of_listener", account_id=account_id, service=service
        )
        return bool(self._connection.run("forget_listener", account_id=account_id, service=service))

    def hurry_deliveries(self, account_id: int, service: str) -> None:
        """Let what waits for a listener be due."""
        self._connection.run("hurry_deliveries", account_id=account_id, service=service)

    def add_deliveries(
        self, account_id: int, service: str, request_id: str, outcome: bytes, now: int
    ) -> None:
        """Put an outcome in the outbox, if the account has a listener for it."""
        self._connection.run(
            "add_deliveries",
            account_id=account_id,
            service=service,
            request_id=request_id,
            outcome=outcome,
            now=now,
        )

    def lease_deliveries(self, delivery_ids: Iterable[int], until: int) -> list[DueDelivery]:
        """Keep deliveries from others until a moment, and give them."""
        leased = tuple(delivery_ids)
        self._connection.run(
            "lease_deliveries", delivery_ids=self._connection.set_of(leased), until=until
        )
        rows = self._connection.rows(
            "leased_deliveries", delivery_ids=self._connection.set_of(leased)
        )
        return [
            DueDelivery(
                delivery_id, listener_id, ListenerRow(*listener), request_id, outcome, attempts
            )
            for delivery_id, listener_id, request_id, outcome, attempts, *listener in rows
        ]

    def finish_delivery(self, delivery_id: int) -> None:
        """Forget a delivery that has arrived."""
        self._connection.run("finish_delivery", delivery_id=delivery_id)

    def fail_delivery(
        self, delivery_id: int, attempts: int, now: int, next_try_at: int, error: str
    ) -> None:
        """Note that a delivery failed, and when it is due again."""
        self._connection.run(
            "fail_delivery",
            delivery_id=delivery_id,
            attempts=attempts,
            now=now,
            next_try_at=next_try_at,
            error=error,
        )

    def put_off_deliveries(self, delivery: DueDelivery, until: int) -> None:
        """Let the other deliveries to the same listener wait until a moment."""
        self._connection.run(
            "put_off_deliveries",
            listener_id=delivery.listener_id,
            delivery_id=delivery.delivery_id,
            until=until,
        )

    def give_up_deliveries(self, listener_id: int, since_max: int, now: int, error: str) -> int:
        """Give up what has waited for a listener since that moment; give how many that were."""
        return self._connection.run(
            "give_up_deliveries", listener_id=listener_id, since_max=since_max, now=now, error=error
        )

    def forget_given_up(self, before: int) -> None:
        """Forget deliveries that were given up before a moment."""
        self._connection.run("forget_given_up", before=before)

    def retry_delivery(self, delivery_id: int, now: int) -> bool:
        """Let a delivery be due, as if it were new; give whether there is such a one."""
        return bool(self._connection.run("retry_delivery", delivery_id=delivery_id, now=now))

    def put_delivery(self, delivery: WholeDelivery) -> None:
        """Make a delivery known as it is in another store; its listener is known."""
        self._connection.run("put_delivery", **delivery._asdict())

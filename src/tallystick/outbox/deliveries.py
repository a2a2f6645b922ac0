"""The outbox: what came of requests is delivered to listeners, at least once, whatever happens to a process.

A delivery is put into the store with the outcome that it tells. Whoever makes it leases it first: nobody else does
until the lease ends, which it does by itself if its process is killed. Nothing of the store is held while a listener
is called. Of each listener's deliveries one is made at a time, and after a failure the others wait a while too, so
that a dead listener takes one thread for a moment now and then, and no more.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from tallystick.core.errors import StoreRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.core.retries import TRY_S_MAX, wait_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.moments import Moment
    from tallystick.store import Store
    from tallystick.store.callbacks import DueDelivery

AT_ONCE_MAX = 8  # deliveries that one process makes at the same time
LEASE_S = 60  # longer than a call takes at most
PAUSE_S = 60  # so long a listener's other deliveries wait after one has failed
GIVEN_UP_KEPT_S = 30 * 24 * 60 * 60  # as long as Verizon keeps messages that did not arrive
LOOK_EVERY_S = 1.0
STOP_S_MAX = 3.0  # a listener that takes longer is told again by the next process

log = logging.getLogger(__name__)


class Outbox:
    """What is to be delivered, and the threads that deliver it in this process.

    `message` prints what a listener is sent, `post` sends it to a URL and gives what went wrong or None, `chance` is
    from 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        chance: Callable[[], float],
        message: Callable[[DueDelivery], bytes],
        post: Callable[[str, bytes], str | None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._message = message
        self._post = post
        self._being_made: set[Future[None]] = set()
        self._closing = threading.Event()
        self._called = threading.Event()
        self._posters = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="callbacks")
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Deliver from now on, what waits already first."""
        self._thread.start()

    def close(self) -> None:
        """Finish the deliveries that are being made if that is soon, and leave the others to the next process."""
        self._closing.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join()
        wait(tuple(self._being_made), STOP_S_MAX)
        self._posters.shutdown(wait=False)

    def claim(self, at_most: int) -> list[DueDelivery]:
        """Lease so many deliveries as are due, one of each listener."""
        now = self._clock()
        with self._store.glance() as reader:
            if not reader.due_deliveries(now, at_most):
                return []
        with self._store.transaction() as writer:
            due = writer.due_deliveries(now, at_most)  # another process may have been faster
            return writer.lease_deliveries(due, now + LEASE_S * MICROSECONDS_A_SECOND)

    def deliver(self, delivery: DueDelivery) -> None:
        """Make a delivery that was claimed, and note what came of it."""
        error = self._post(delivery.listener.url, self._message(delivery))
        with self._store.transaction() as writer:
            if error is None:
                writer.finish_delivery(delivery.delivery_id)
                return
            now, attempts = self._clock(), delivery.attempts + 1
            again_at = now + round(wait_s(attempts, self._chance()) * MICROSECONDS_A_SECOND)
            writer.fail_delivery(delivery.delivery_id, attempts, again_at, error)
            writer.put_off_deliveries(delivery, now + PAUSE_S * MICROSECONDS_A_SECOND)
            since_max = now - TRY_S_MAX * MICROSECONDS_A_SECOND
            given_up = writer.give_up_deliveries(delivery.listener_id, since_max, now, error)
            writer.forget_given_up(now - GIVEN_UP_KEPT_S * MICROSECONDS_A_SECOND)
        if given_up:
            log.warning(
                "%d callbacks to a listener for %s were given up: %s",
                given_up,
                delivery.listener.service,
                error,
            )

    def _run(self) -> None:
        told = ""
        while not self._closing.is_set():
            self._called.clear()
            try:
                self._hand_out()
                told = ""
            except StoreRefused as refusal:
                if refusal.message != told:
                    log.warning("callbacks wait: %s", refusal)
                    told = refusal.message
            self._called.wait(LOOK_EVERY_S)

    def _hand_out(self) -> None:
        """Claim what is due, and give it to as many threads as are free."""
        free = AT_ONCE_MAX - len(self._being_made)
        for delivery in self.claim(free) if free else ():
            making = self._posters.submit(self.deliver, delivery)
            self._being_made.add(making)
            making.add_done_callback(self._end)

    def _end(self, making: Future[None]) -> None:
        """Make room for the next delivery; one whose outcome is not kept is made again when its lease ends."""
        self._being_made.discard(making)
        error = making.exception()
        if isinstance(error, StoreRefused):
            log.warning("what came of a callback is not kept: %s", error)
        elif error:
            log.error("a callback failed in a way that nobody foresaw", exc_info=error)
        self._called.set()

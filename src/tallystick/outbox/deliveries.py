"""The outbox: listeners are told what came of requests, at least once, whatever happens.

A delivery is put into the store with the outcome that it tells. Whoever makes it leases it first:
nobody else does until the lease ends, which it does by itself if its process is killed. Nothing of
the store is held while a listener is called. Of each listener's deliveries one is made at a time,
and after a failure the others wait a while too, so that a dead listener takes one thread for a
moment now and then, and no more. A delivery that fails in a way that nobody foresaw is treated as
one that the listener refused: it is due again later, and the listener's other deliveries go on.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

from tallystick.background import Loops, Raised, attempted
from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY
from tallystick.core.retries import TRY_S_MAX, WAIT_S_MAX, wait_s
from tallystick.store.callbacks import Latest
from tallystick.tracing import client_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.moments import Moment
    from tallystick.store import Store, Writer
    from tallystick.store.callbacks import DueDelivery

AT_ONCE_MAX = 8  # deliveries that one process makes at the same time
LEASE_S = 60  # longer than a call takes at most
PAUSE_S = 60  # so long a listener's other deliveries wait after one has failed
AHEAD_S_MAX = 60  # of another process's clock, by which its leases are respected
GIVEN_UP_KEPT_S = 30 * SECONDS_A_DAY  # as long as Verizon keeps messages that did not arrive
LOOK_EVERY_S = 1.0
STOP_S_MAX = 3.0  # a listener that takes longer is told again by the next process

log = logging.getLogger(__name__)


class Outbox:
    """What is to be delivered, and the threads that deliver it in this process.

    `message` prints what a listener is sent, `post` sends it to a URL and gives what went wrong or
    None, `chance` is from 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        chance: Callable[[], float],
        message: Callable[[DueDelivery], bytes],
        post: Callable[[str, bytes], str | None],
        loops: Loops | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._message = message
        self._post = post
        self._being_made: set[Future[None]] = set()
        self._posters = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="callbacks")
        own_loops = loops or Loops()
        self._loop = own_loops.loop("outbox", self._hand_out, LOOK_EVERY_S)
        self._noting = own_loops.health("outcomes of callbacks")

    def start(self) -> None:
        """Deliver from now on, what waits already first."""
        self._loop.start()

    def close(self) -> None:
        """Finish the deliveries that end soon, and leave the others to the next process."""
        self._loop.close()
        wait(tuple(self._being_made), STOP_S_MAX)
        self._posters.shutdown(wait=False)

    def claim(self, at_most: int) -> list[DueDelivery]:
        """Lease so many deliveries as are due, one of each listener."""
        now = self._clock()
        latest = _latest(now)
        with self._store.glance() as reader:
            if not reader.due_deliveries(now, latest, at_most):
                return []
        with self._store.transaction() as writer:
            # Asked again: another process may have been faster.
            due = writer.due_deliveries(now, latest, at_most)
            return writer.lease_deliveries(due, now + LEASE_S * MICROSECONDS_A_SECOND)

    def deliver(self, delivery: DueDelivery) -> None:
        """Make a delivery that was claimed, and note what came of it."""
        error = attempted(partial(self._send, delivery))
        if isinstance(error, Raised):
            self._note_surprise(delivery, error.error)
            return
        with self._store.transaction() as writer:
            if error is None:
                writer.finish_delivery(delivery.delivery_id)
                return
            until = self._clock() + PAUSE_S * MICROSECONDS_A_SECOND
            writer.put_off_deliveries(delivery, until)
            given_up = self._try_later(writer, delivery, error)
        _log_given_up(delivery, given_up, error)

    def _send(self, delivery: DueDelivery) -> str | None:
        service, attempt = delivery.listener.service, delivery.attempts + 1
        with client_span("callback", service=service, attempt=attempt) as traced:
            error = self._post(delivery.listener.url, self._message(delivery))
            if traced is not None:
                traced.say(outcome="failed" if error else "accepted")
        return error

    def _note_surprise(self, delivery: DueDelivery, surprise: BaseException) -> None:
        """Have a delivery that failed here, not at its listener, tried later; others go on."""
        log.error(
            "callback %d: failed, which nobody foresaw", delivery.delivery_id, exc_info=surprise
        )
        error = f"the server failed: {type(surprise).__name__}; its log says more"
        with self._store.transaction() as writer:
            given_up = self._try_later(writer, delivery, error)
        _log_given_up(delivery, given_up, error)

    def _try_later(self, writer: Writer, delivery: DueDelivery, error: str) -> int:
        """Have a delivery tried again, if it is not too old; give how many were given up."""
        now = self._clock()
        attempts = delivery.attempts + 1
        pause = round(wait_s(attempts, self._chance()) * MICROSECONDS_A_SECOND)
        writer.fail_delivery(delivery.delivery_id, attempts, now, now + pause, error)
        writer.forget_given_up(now - GIVEN_UP_KEPT_S * MICROSECONDS_A_SECOND)
        since_max = now - TRY_S_MAX * MICROSECONDS_A_SECOND
        return writer.give_up_deliveries(delivery.listener_id, since_max, now, error)

    def _hand_out(self) -> bool:
        """Claim what is due, and give it to as many threads as are free."""
        free = AT_ONCE_MAX - len(self._being_made)
        due = self.claim(free) if free else []
        for delivery in due:
            making = self._posters.submit(self.deliver, delivery)
            self._being_made.add(making)
            making.add_done_callback(self._end)
        return False

    def _end(self, making: Future[None]) -> None:
        """Make room for the next delivery; one whose outcome is not kept is made again later."""
        self._being_made.discard(making)
        error = making.exception()
        if error is None:
            self._noting.succeeded()
        else:
            self._noting.failed(error)
        self._loop.wake()


def _latest(now: Moment) -> Latest:
    """The latest moments that are noted now by a process whose clock is ahead of this one's."""
    ahead = now + AHEAD_S_MAX * MICROSECONDS_A_SECOND
    longest_wait = round(WAIT_S_MAX * MICROSECONDS_A_SECOND)
    return Latest(ahead + longest_wait, ahead + LEASE_S * MICROSECONDS_A_SECOND)


def _log_given_up(delivery: DueDelivery, given_up: int, error: str) -> None:
    if given_up:
        log.warning(
            "%d callbacks to a listener for %s were given up: %s",
            given_up,
            delivery.listener.service,
            error,
        )

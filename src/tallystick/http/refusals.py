"""What the log says of calls that were refused or failed: one line for each, within bounds."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from tallystick.core.identifiers import in_one_line, masked_in, shown
from tallystick.http.observed import request_id_of
from tallystick.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request

LINES_A_SECOND_MAX = 50
"""Lines of a worker about refusals; what is beyond them is counted."""
TRACES_A_SECOND_MAX = 2
"""Failures of a worker whose place in the program is logged, too: some thousand bytes each."""
MESSAGE_LENGTH_MAX = 300
SERVER_ERROR = 500

log = logging.getLogger(__name__)


class Refusals:
    """The lines about refusals of one worker."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._second = 0
        self._lines = Counter[bool]()  # of this second: of refusals, and of failures
        self._left_out = 0
        self._traces = 0

    def note(
        self, req: Request, status: int, message: str, failure: Exception | None = None
    ) -> None:
        """Say which call was refused, and why: a warning where that is the server's fault.

        `failure` is what nobody foresaw, and said with where in the program that was.
        """
        level = logging.WARNING if status >= SERVER_ERROR else logging.INFO
        left_out = self._may_speak(is_failure=failure is not None)
        if left_out is None:
            return
        if left_out:
            log.info("%d more refusals were not logged", left_out)
        log.log(
            logging.ERROR if failure else level,
            "%d to %s %s from %s: %s",
            status,
            shown(req.method),
            masked_in(shown(req.path)),
            shown(req.remote_addr),
            masked_in(shortened(message)),
            exc_info=failure if failure and self._may_trace() else None,
            extra=fields(request_id=request_id_of(req)),
        )

    def _may_speak(self, *, is_failure: bool) -> int | None:
        """How many refusals were left out before this one; None where it is left out, too.

        Failures have as many lines of their own, so that no number of refusals hides one.
        """
        with self._lock:
            second = int(self._timer())
            if second != self._second:
                self._second, self._traces = second, 0
                self._lines.clear()
            if self._lines[is_failure] == LINES_A_SECOND_MAX:
                self._left_out += 1
                return None
            self._lines[is_failure] += 1
            left_out, self._left_out = self._left_out, 0
            return left_out

    def _may_trace(self) -> bool:
        """Whether this failure is among the first ones of the second."""
        with self._lock:
            self._traces += 1
            return self._traces <= TRACES_A_SECOND_MAX


def shortened(message: str) -> str:
    """A message of bounded length that cannot be taken for several lines of the log."""
    text = in_one_line(message)
    return text if len(text) <= MESSAGE_LENGTH_MAX else f"{text[:MESSAGE_LENGTH_MAX]}…"

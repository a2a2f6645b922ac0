"""What the log says of calls that were refused or failed: one line for each, within bounds."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from tallystick.core.identifiers import in_one_line, masked_in, shown
from tallystick.http.observed import request_id_of
from tallystick.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request

LINES_A_SECOND_MAX = 50
"""Lines of a worker about refusals; what is beyond them is counted."""
MESSAGE_LENGTH_MAX = 300
SERVER_ERROR = 500

log = logging.getLogger(__name__)


class Refusals:
    """The lines about refusals of one worker."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def note(self, req: Request, status: int, message: str) -> None:
        """Say which call was refused, and why: a warning where that is the server's fault."""
        level = logging.WARNING if status >= SERVER_ERROR else logging.INFO
        left_out = self._may_speak()
        if left_out is None:
            return
        if left_out:
            log.info("%d more refusals were not logged", left_out)
        log.log(
            level,
            "%d to %s %s from %s: %s",
            status,
            shown(req.method),
            masked_in(shown(req.path)),
            shown(req.remote_addr),
            masked_in(shortened(message)),
            extra=fields(request_id=request_id_of(req)),
        )

    def _may_speak(self) -> int | None:
        """How many refusals were left out before this one; None where it is left out, too."""
        with self._lock:
            second = int(self._timer())
            if second != self._second:
                self._second, self._lines = second, 0
            if self._lines == LINES_A_SECOND_MAX:
                self._left_out += 1
                return None
            self._lines += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


def note_failure(req: Request, error: Exception) -> None:
    """Say which call failed by what nobody foresaw, and where in the program."""
    log.error(
        "%s %s failed",
        shown(req.method),
        masked_in(shown(req.path)),
        exc_info=error,
        extra=fields(request_id=request_id_of(req)),
    )


def shortened(message: str) -> str:
    """A message of bounded length that cannot be taken for several lines of the log."""
    text = in_one_line(message)
    return text if len(text) <= MESSAGE_LENGTH_MAX else f"{text[:MESSAGE_LENGTH_MAX]}…"

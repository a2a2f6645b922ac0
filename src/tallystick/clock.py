"""The clock of this machine: the one place where the program asks what time it is."""

from __future__ import annotations

import time

from tallystick.core.moments import Moment


def system_clock() -> Moment:
    """Give this moment, by the machine's clock."""
    return Moment(time.time_ns() // 1000)

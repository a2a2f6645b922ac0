"""Durations as people write them: `90s`, `15m`, `6h`, `1d`."""

from __future__ import annotations

import re

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.moments import SECONDS_A_DAY

SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": SECONDS_A_DAY}
FORM = re.compile(r"([1-9][0-9]{0,5})([smhd])")


def parse_duration(name: str, text: str) -> int:
    """The seconds of a duration. Raises `InvalidValue`, which names what it is the duration of."""
    form = FORM.fullmatch(text)
    if form is None:
        message = f"{name} must be a duration like 90s, 15m, 6h or 1d, not {shown(text)}"
        raise InvalidValue(message)
    return int(form[1]) * SECONDS_OF[form[2]]

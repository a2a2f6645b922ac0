"""Activations as programs send them, one JSON object at a time, recognised in one step.

Like `fast_parse`, this decides nothing: what is not of the plain form is left to `Kind.parse`, and
what is recognised must be what that would have given, which the tests hold it to.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tallystick.core.errors import InvalidValue
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import moment_of, never_in

ACTIVATION = {"iccid", "activated_at", "imei"}
# Of the years that UTC has in every zone. Digits behind microseconds would have to be cut off.
PLAIN_MOMENT = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|\.[0-9]{6})?Z"
)


def plain_activation(item: Any) -> SimActivation | None:  # noqa: ANN401 - whatever JSON holds
    """An activation of an object of plain texts; None of anything else, which may be right too."""
    if type(item) is not dict or item.keys() != ACTIVATION:
        return None
    activated_at = item["activated_at"]
    try:
        if not PLAIN_MOMENT.fullmatch(activated_at):
            return None
        moment = moment_of(datetime.fromisoformat(activated_at))
        if moment in never_in(UTC):
            return None
        return SimActivation(Iccid.parse(item["iccid"]), moment, Imei.parse(item["imei"]))
    except (InvalidValue, TypeError, ValueError, AttributeError):
        return None

"""What lists of SQLite keep of the reasons of a row, worked out by the rule."""

from __future__ import annotations

from tallystick.core.reason_json import decode
from tallystick.core.reasons import NARROWING
from tests.engines import rows_of

REASONS_IN_ORDER = """
    SELECT reasons FROM mismatches
    ORDER BY account_id, generation, activated_at, iccid, post_imei
"""


def bits_by_the_rule(database: str) -> list[int]:
    """What `listed_mismatches.reasons` must be, in the order of the table's key."""
    return [_bits_of(text) for (text,) in rows_of(database, REASONS_IN_ORDER)]


def _bits_of(reasons: bytes) -> int:
    codes = {reason.code for reason in decode(reasons)}
    return sum(1 << place for place, code in enumerate(NARROWING) if code in codes)

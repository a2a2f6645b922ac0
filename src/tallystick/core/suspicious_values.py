"""What is valid and taken in, and still looks wrong: told in the receipt, never refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.identifiers import Imei, luhn_holds

if TYPE_CHECKING:
    from tallystick.core.moments import Moment

STRIPPED_FIRST = int("1".ljust(Imei.LENGTH_MAX, "0")) * Imei.LENGTHS
STRIPPED_LAST = int("1".ljust(Imei.LENGTH_MAX, "9")) * Imei.LENGTHS


def has_stripped_zeros(imei: int) -> bool:
    """Whether an IMEI looks like a number that lost its leading zero in a spreadsheet.

    An IMEI begins with the code of the body that gave its TAC out. Of those in use only 01, North
    America's, begins with a zero. So what is left of 15 digits is 14 that begin with 1, and with
    the zero back in front the check digit is right. An IMEI of 14 digits that begins with 1 by
    right, without a check digit, passes that test one time in ten.
    """
    if not STRIPPED_FIRST <= imei <= STRIPPED_LAST or imei % Imei.LENGTHS:
        return False
    return luhn_holds(Imei.digits(imei))


def is_in_future(activated_at: Moment, now: Moment) -> bool:
    """Whether an activation lies in the future, as one in a wrong time zone or year does."""
    return activated_at > now

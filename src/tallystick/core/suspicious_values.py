"""What is valid and taken in, and still looks wrong: told in the receipt, never refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.allowed import FORM_BITS, HARDWARE, TAC_FORM
from tallystick.core.identifiers import Iccid, Imei, Imsi, luhn_holds
from tallystick.core.identities import Subscriber

if TYPE_CHECKING:
    from tallystick.core.moments import Moment

STRIPPED_FIRST = int("1".ljust(Imei.LENGTH_MAX, "0")) * Imei.LENGTHS
STRIPPED_LAST = int("1".ljust(Imei.LENGTH_MAX, "9")) * Imei.LENGTHS

WHOLE_DIGITS = 15
"""An IMEI with its check digit has so many, and so has nearly every IMSI."""
WHOLE_IMEI = WHOLE_DIGITS - Imei.LENGTH_MIN
WHOLE_IMSI = WHOLE_DIGITS - Imsi.LENGTH_MIN
"""What the compact integers of such numbers say of their length."""

SPREADSHEET_DIGITS = 15
"""A spreadsheet keeps so many digits of a number, and writes zeros in the place of the others."""
ROUNDED_DIVISOR = Iccid.LENGTHS * 10 ** (Iccid.LENGTH_MAX - SPREADSHEET_DIGITS)
"""By this the compact integer of a rounded ICCID can be divided, its length aside."""
ROUNDED_IN = 100
"""More than one ICCID in so many that ends in zeros is more than chance."""

TEST_BODIES = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9})
"""First two digits of a test IMEI.

Reporting bodies 00 and 02 to 09 (GSMA TS.06, annex A). 01 is North America's.
"""
A_BODY = 10**12  # serials and models of one reporting body
ONES = 11_111_111_111_111
COUNTED_UP = 12_345_678_901_234
"""What hardware shows whose IMEI was never set, beside one digit repeated."""


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


def is_placeholder(hardware: int) -> bool:
    """Whether a hardware's number, fourteen digits, is no device's own, but what many show."""
    return hardware // A_BODY in TEST_BODIES or hardware % ONES == 0 or hardware == COUNTED_UP


def is_placeholder_imei(value: int) -> bool:
    """Whether a value is an IMEI that is no device's own; a TAC and a word are none."""
    if value < 0 or value & FORM_BITS == TAC_FORM:
        return False
    return is_placeholder(value // HARDWARE)


def lacks_check_digit(iccid: int) -> bool:
    """Whether the last digit of an ICCID is not the check digit of the others.

    It was left out by the source, or a digit is wrong. A number below zero is that of a subscriber.
    """
    return iccid >= 0 and not luhn_holds(Iccid.digits(iccid))


def are_swapped(subscriber: int, imei: int) -> bool:
    """Whether an IMSI looks like an IMEI, and the IMEI beside it does not.

    Both have 15 digits. The last of an IMEI is its check digit, or 0 where a network leaves that
    out (3GPP TS 23.003); that of an IMSI is one time in ten, so that both hold by chance seldom.
    """
    if subscriber > Subscriber.IMSI_MAX or subscriber % 2:
        return False
    imsi = (Subscriber.IMSI_MAX - subscriber) // 2
    if imsi % Imsi.LENGTHS != WHOLE_IMSI or imei % Imei.LENGTHS != WHOLE_IMEI:
        return False
    digits = Imei.digits(imei)
    return luhn_holds(Imsi.digits(imsi)) and not luhn_holds(digits) and not digits.endswith("0")


def ends_in_zeros(iccid: int) -> bool:
    """Whether an ICCID ends as a spreadsheet leaves it: with zeros behind the 15th digit.

    Of ICCIDs with 20 digits one in 100,000 does so by right, of those with 18 one in 1,000. A
    number below zero is that of a subscriber.
    """
    rest: int = iccid % ROUNDED_DIVISOR
    return iccid >= 0 and rest < Iccid.LENGTHS  # nothing but the length is left


def are_rounded(in_zeros: int, iccids: int) -> bool:
    """Whether so many of some ICCIDs end in zeros that all of these were rounded.

    Of fewer, those were rounded whose check digit is wrong: the others end in zeros by right.
    """
    return in_zeros > max(1, iccids // ROUNDED_IN)

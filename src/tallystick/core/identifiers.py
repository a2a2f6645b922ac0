"""ICCID, IMEI, TAC, MDN, IMSI and MSISDN: what is one, and its compact integer form.

An identifier *is* its compact integer, which is what the stores keep, and prints as its digits:

    Iccid   89 and 16-18 digits     int(those digits, right-padded to 18) * 4  + (length - 18)
    Imei    14-16 digits            int(digits, right-padded to 16)       * 4  + (length - 14)
    Mdn     10-15 digits            int(digits, right-padded to 15)       * 8  + (length - 10)
    Tac     8 digits                int(digits)
    Imsi    10-15 digits            int(digits, right-padded to 15)       * 8  + (length - 10)
    Msisdn  7-15 digits             int(digits, right-padded to 15)       * 16 + (length - 7)

Padding on the right keeps leading zeros and makes integer order the order of the digits as text,
which the report's order and the rule's tie-break need; the length in the last bits brings the
digits back. All of them fit a signed 64-bit integer. Forms: E.118 (ICCID), 3GPP TS 23.003 chapter 6
(IMEI, IMEISV), contract section 5. `parse` takes digits alone; `read` takes them as files from
elsewhere write them, contract section 8.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar, Self

from tallystick.core.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIPPED_ZEROS = " (leading zeros may have been stripped; export the column as text)"
LIKE_AN_IMEI = " (as long as an IMEI, which names hardware and no SIM)"
LIKE_AN_IMSI_TOO = " (as long as an IMEI or an IMSI: the columns may be swapped)"
LIKE_AN_ICCID = " (as long as an ICCID: the columns may be swapped)"
LIKE_AN_IMEISV = " (as long as an IMEI with its software version: the columns may be swapped)"
VALUE_SHOWN_MAX = 40  # characters of a refused value that a message repeats


def shown(value: object) -> str:
    """Quote a refused value for a message, cut to a readable length.

    What JSON writes in words of its own, such as null, reads as it does there.
    """
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value)
    except TypeError:  # no value of JSON
        text = repr(value)
    except RecursionError:
        return "a value that is nested too deeply"
    return text if len(text) <= VALUE_SHOWN_MAX + 2 else f"{text[:VALUE_SHOWN_MAX]}…{text[0]}"


def printable(text: str) -> str:
    """Give a text as any terminal may print it, with its lines.

    Control characters, which may move the cursor or change what was printed before, and bytes of
    a file name that are no UTF-8 are written as escapes.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def in_one_line(text: str) -> str:
    """Give a text without line breaks and other control characters, which stand as escapes."""
    return printable(text).replace("\n", "\\n")


def text_or_none(value: object) -> str | None:
    """Print a value that may not be known."""
    return None if value is None else str(value)


MASK_DIGITS_BEFORE, MASK_DIGITS_BEHIND = 5, 4
"""How many digits of a number are printed in part: country and network, and the last ones."""


def masked(digits: str) -> str:
    """Print the first and the last digits of an IMSI or a phone number, like `29505…0011`.

    At least four digits are left out.
    """
    before = min(MASK_DIGITS_BEFORE, max(0, len(digits) - 2 * MASK_DIGITS_BEHIND))
    return f"{digits[:before]}…{digits[-MASK_DIGITS_BEHIND:]}"


SUBSCRIBERS_DIGITS = re.compile(r"\d{10,}")
"""Digits as long as the shortest number of a SIM, a subscriber or hardware that is looked for."""


def masked_in(text: str) -> str:
    """A text whose numbers of SIMs, subscribers and hardware are printed in part."""
    return SUBSCRIBERS_DIGITS.sub(lambda match: masked(match[0]), text)


LUHN_DIGITS = 4
LUHN_BLOCK = 10**LUHN_DIGITS
DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""Each digit twice, and the digits of that added."""
LUHN_SUMS = bytes(
    (number % 10 + DOUBLED[number // 10 % 10] + number // 100 % 10 + DOUBLED[number // 1000]) % 10
    for number in range(LUHN_BLOCK)
)
"""The weighted sum by ten of each number of four digits, the last of them not doubled."""


def luhn_remainder(digits: str) -> int:
    """The weighted sum of digits (ISO/IEC 7812-1) by ten; a zero in front changes nothing."""
    left = int(digits)
    weighted = 0
    while left:
        left, block = divmod(left, LUHN_BLOCK)
        weighted += LUHN_SUMS[block]
    return weighted % 10


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    return luhn_remainder(digits) == 0


class _Digits(int):
    """Digits of bounded length, kept as one order-preserving integer."""

    LABEL: ClassVar[str]
    PREFIX: ClassVar[str] = ""
    LENGTH_MIN: ClassVar[int]
    LENGTH_MAX: ClassVar[int]
    LENGTHS: ClassVar[int]  # room for the length in the integer's last digits, a power of two
    HINTS: ClassVar[Mapping[int, str]] = {}  # what digits of another length may be
    _form: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the digits and give the identifier; `InvalidValue` says what is wrong with them."""
        length = len(text)
        if not (cls.LENGTH_MIN <= length <= cls.LENGTH_MAX and text.isascii() and text.isdigit()):
            lengths = (
                f"{cls.LENGTH_MIN}-{cls.LENGTH_MAX}"
                if cls.LENGTH_MIN < cls.LENGTH_MAX
                else cls.LENGTH_MAX
            )
            message = f"{cls.LABEL} must be {lengths} digits, not {cls.shown(text)}"
            if text.isascii() and text.isdigit():
                message += cls.HINTS.get(length, "")
            raise InvalidValue(message)
        if not text.startswith(cls.PREFIX):
            message = f"{cls.LABEL} must start with {cls.PREFIX}, not {shown(text)}"
            raise InvalidValue(message)
        body = text[len(cls.PREFIX) :] + "0" * (cls.LENGTH_MAX - length)
        return cls(int(body) * cls.LENGTHS + length - cls.LENGTH_MIN)

    @classmethod
    def span_of(cls, beginning: str) -> tuple[int, int]:
        """The least and the largest integer of those whose digits may begin so.

        They are the wrong way round where none does.
        """
        if cls.PREFIX.startswith(beginning):
            beginning = cls.PREFIX
        body = beginning[len(cls.PREFIX) :]
        room = cls.LENGTH_MAX - len(cls.PREFIX)
        if not beginning.startswith(cls.PREFIX) or len(body) > room:
            return 1, 0
        return (
            int(body.ljust(room, "0")) * cls.LENGTHS,
            int(body.ljust(room, "9")) * cls.LENGTHS + cls.LENGTHS - 1,
        )

    @classmethod
    def shown(cls, text: str) -> str:
        """Quote a refused value for a message."""
        return shown(text)

    def __init_subclass__(cls) -> None:
        """Work out once how the digits print."""
        cls._form = f"{cls.PREFIX}%0{cls.LENGTH_MAX - len(cls.PREFIX)}d"

    @classmethod
    def digits(cls, compact: int) -> str:
        """The digits of a compact integer, as they were given."""
        padded, excess = divmod(compact, cls.LENGTHS)
        return (cls._form % padded)[: cls.LENGTH_MIN + excess]

    def __str__(self) -> str:
        """The digits, as they were given."""
        return self.digits(int(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}.parse({str(self)!r})"


class Iccid(_Digits):
    """A SIM's card number (ITU-T E.118): 89 and 16-18 more digits."""

    LABEL = "iccid"
    PREFIX = "89"
    LENGTH_MIN = 18
    LENGTH_MAX = 20
    LENGTHS = 4
    HINTS: ClassVar[Mapping[int, str]] = dict.fromkeys((14, 15, 16), LIKE_AN_IMSI_TOO)


BEFORE_ALL = -(1 << 62)
"""No SIM's number lies so low, and no subscriber's: where lists of them begin."""


class Mdn(_Digits):
    """A SIM's phone number: 10 digits, up to 15 elsewhere."""

    LABEL = "mdn"
    LENGTH_MIN = 10
    LENGTH_MAX = 15
    LENGTHS = 8


MDN_LEFT_OUT = Mdn(-1)
"""Stands for a phone number that could not be read; the SIM is stored without one."""


class Imsi(_Digits):
    """A number that networks know a SIM by (3GPP TS 23.003): at most 15 digits, nearly always 15.

    It is to be kept from people who need not know it: `masked` prints it in part.
    """

    LABEL = "imsi"
    LENGTH_MIN = 10
    LENGTH_MAX = 15
    LENGTHS = 8
    HINTS: ClassVar[Mapping[int, str]] = {
        16: LIKE_AN_IMEISV,
        **dict.fromkeys((19, 20), LIKE_AN_ICCID),
    }

    @classmethod
    def shown(cls, text: str) -> str:
        """Quote a refused value in part."""
        return shown(masked(text))


class Msisdn(_Digits):
    """A phone number with its country code (E.164), by which networks know a SIM: 7-15 digits."""

    LABEL = "msisdn"
    LENGTH_MIN = 7
    LENGTH_MAX = 15
    LENGTHS = 16


class Tac(_Digits):
    """A type allocation code: the first eight digits of the IMEIs of one type of hardware."""

    LABEL = "tac"
    LENGTH_MIN = LENGTH_MAX = 8
    LENGTHS = 1
    HINTS: ClassVar[Mapping[int, str]] = {7: STRIPPED_ZEROS}


class Imei(_Digits):
    """A device's number: 14 digits, 15 with check digit, 16 with software version (IMEISV)."""

    LABEL = "imei"
    LENGTH_MIN = 14
    LENGTH_MAX = 16
    LENGTHS = 4
    HINTS: ClassVar[Mapping[int, str]] = {
        13: STRIPPED_ZEROS,
        **dict.fromkeys((19, 20), LIKE_AN_ICCID),
    }
    IDENTITY_DIVISOR: ClassVar[int] = 400  # drops the length and the last two of the sixteen digits
    SERIALS_A_TYPE: ClassVar[int] = 1_000_000  # behind the TAC come six digits

    @property
    def identity(self) -> int:
        """The hardware: TAC and serial, the first 14 digits, as an integer."""
        return int(self) // self.IDENTITY_DIVISOR

    @property
    def tac(self) -> Tac:
        """The code of its type: the first eight digits."""
        return Tac(self.identity // self.SERIALS_A_TYPE)


NAME_LENGTH_MAX = 64
TYPE_NAME_LENGTH_MAX = 255  # registers of types tell several names of a model in one


def parse_name(label: str, text: str, length_max: int = NAME_LENGTH_MAX) -> str:
    """Check a name of an account, a group, a user or the like: 1-64 printable characters.

    Raises `InvalidValue`.
    """
    if not 1 <= len(text) <= length_max or not text.isprintable():
        message = f"{label} must be 1-{length_max} printable characters, not {shown(text)}"
        raise InvalidValue(message)
    return text

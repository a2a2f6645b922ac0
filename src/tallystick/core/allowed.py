"""What an expectation allows: the hardware that a SIM may be in from a moment on.

Contract, section 7. Like an IMEI it *is* an integer inside, so that the usual expectation, one
IMEI, costs nothing more:

    an IMEI              as `Imei` has it; the last two bits are 0, 1 or 2
    a TAC                its digits in the place of an IMEI's first eight; the last two bits are 3
    nowhere, none        -1, -2
    several of these     -16 and below, a digest of their text; the text is kept beside it
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Self

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Imei, Tac, shown

MEMBERS_MAX = 32
SEPARATOR = "|"
NOWHERE = -1
"""The SIM is to be in no hardware."""
NONE = -2
"""Nothing is expected from then on: no verdict."""
NO_VALUE = -3
"""No expectation is in force; never the value of one."""
LIST_MAX = -16
"""Values up to this one stand for several members."""
WORDS = {"nowhere": NOWHERE, "none": NONE}
WORD_OF = {value: word for word, value in WORDS.items()}

FORM_BITS = 3  # the last two bits of a member tell its form
TAC_FORM = 3
HARDWARE = Imei.IDENTITY_DIVISOR
MODEL = HARDWARE * Imei.SERIALS_A_TYPE  # drops the serial number too
DIGEST_BYTES = 8
DIGEST_BITS = 61  # what is left of 63 for a value below `LIST_MAX`


def is_model(member: int) -> bool:
    """Whether a member is a TAC: any hardware of that model."""
    return member & FORM_BITS == TAC_FORM


def member_fits(member: int, imei: int) -> bool:
    """Whether hardware fits one member: a TAC by the first 8 digits, an IMEI by the first 14."""
    unit = MODEL if is_model(member) else HARDWARE
    return member // unit == imei // unit


class Allowed(int):
    """The value of an expectation; of several members `listed` is the text that was given."""

    listed: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an IMEI, a TAC, several of these with `|` between, `nowhere` or `none`.

        Raises `InvalidValue`.
        """
        if SEPARATOR in text:
            return cls._parse_several(text)
        word = WORDS.get(text.lower())
        return cls(_member(text) if word is None else word)

    @classmethod
    def _parse_several(cls, text: str) -> Self:
        members = text.split(SEPARATOR)
        if len(members) > MEMBERS_MAX:
            message = f"imei must be at most {MEMBERS_MAX} IMEIs or TACs, not {len(members)}"
            raise InvalidValue(message)
        for member in members:
            _member(member)
        return cls.read(_digest(text), text)

    @classmethod
    def read(cls, value: int, listed: str | None = None) -> Self:
        """A value as the store keeps it, with the text of its members where it has several."""
        allowed = cls(value)
        if listed:
            allowed.listed = listed
        return allowed

    @property
    def members(self) -> tuple[int, ...]:
        """The IMEIs and TACs as they were given, in order; `nowhere` and `none` have none."""
        if self <= LIST_MAX:
            return _members(self.listed)
        return (int(self),) if self >= 0 else ()

    def fits(self, imei: int) -> bool:
        """Whether a SIM that is seen in this hardware is where it may be.

        Where nothing is expected it always is.
        """
        if self >= 0:  # the usual value, which is its own only member
            return member_fits(self, imei)
        return self == NONE or any(member_fits(member, imei) for member in self.members)

    @property
    def hardware(self) -> frozenset[int]:
        """The hardware that its IMEIs name; a TAC names none."""
        return frozenset(each // HARDWARE for each in self.members if not is_model(each))

    @property
    def first_imei(self) -> Imei | None:
        """The first IMEI among the members, if there is one."""
        imeis = (Imei(member) for member in self.members if not is_model(member))
        return next(imeis, None)

    def __str__(self) -> str:
        """The value, as it was given."""
        if self <= LIST_MAX:
            return self.listed
        return WORD_OF.get(self) or _member_text(self)

    def __repr__(self) -> str:
        return f"Allowed.parse({str(self)!r})"


def allowed(value: int) -> Allowed:
    """Give a plain integer, or an `Imei`, the questions that an expectation's value answers."""
    return value if isinstance(value, Allowed) else Allowed(value)


def _member(text: str) -> int:
    """Read one IMEI or TAC. Raises `InvalidValue`."""
    if len(text) == Tac.LENGTH_MAX and text.isdigit():
        return Tac.parse(text) * MODEL + TAC_FORM
    if not text.isdigit():
        message = (
            f"imei must be an IMEI of 14-16 digits, a TAC of 8, several of these with "
            f"{SEPARATOR} between, nowhere or none, not {shown(text)}"
        )
        raise InvalidValue(message)
    return int(Imei.parse(text))


def _member_text(member: int) -> str:
    if is_model(member):
        return str(Tac(member // MODEL))
    return Imei.digits(member)


@lru_cache(65_536)
def _members(listed: str) -> tuple[int, ...]:
    return tuple(map(_member, listed.split(SEPARATOR)))


def _digest(text: str) -> int:
    digest = int.from_bytes(sha256(text.encode()).digest()[:DIGEST_BYTES], "big")
    return LIST_MAX - (digest >> (8 * DIGEST_BYTES - DIGEST_BITS))

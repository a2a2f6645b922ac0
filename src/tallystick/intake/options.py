"""What a file as a whole is held to before any of it is taken in, and where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.ledger import UNKNOWN_ORIGIN, Origin
from tallystick.core.moments import LAST, Moment
from tallystick.intake.mappings import ANY, Mapping

FORM = re.compile(r"(?P<lines>[0-9]{1,18})|(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,6})?)%")
PERCENT_MAX = 100


@dataclass(frozen=True, slots=True)
class LinesLimit:
    """How many of a file's lines may be bad, or doubtful: a number, or a share of all of them."""

    text: str
    lines: int = 0
    share: Fraction = Fraction(0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `20` or `0.5%`. Raises `InvalidValue`."""
        form = FORM.fullmatch(text)
        share = Fraction(form["percent"] or 0) / PERCENT_MAX if form else Fraction(2)
        if form is None or share > 1:
            message = f"must be a number of lines like 20, or a share like 0.5%, not {shown(text)}"
            raise InvalidValue(message)
        return cls(text, int(form["lines"] or 0), share)

    def is_passed(self, counted: int, lines: int) -> bool:
        """Whether so many of so many lines are more than may be."""
        return counted > self.lines + self.share * lines  # one of the two is 0


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is asked of a file.

    By which moment an activation is in the future, how many lines may be bad and how many doubts
    there may be, whose it is. Without a limit bad lines never stop the good ones. The origin is
    told in the ledger, of expectations. The mapping says how the file is read. `content` is a
    digest of a file that has another path each time it comes: by it an import that was cut off goes
    on. Over so many connections at once activations are taken in, where the store has transactions
    side by side.
    """

    now: Moment = LAST
    max_rejects: LinesLimit | None = None
    max_doubts: LinesLimit | None = None
    origin: Origin = UNKNOWN_ORIGIN
    mapping: Mapping = ANY
    content: str = ""
    connections: int = 1

    @property
    def is_limited(self) -> bool:
        """Whether a file is checked whole first, by its bad lines or its doubts."""
        return bool(self.max_rejects or self.max_doubts)

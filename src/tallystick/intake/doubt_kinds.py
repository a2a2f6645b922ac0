"""What a receipt tells of doubts: names that stay, counts, examples, and what to do.

A doubt is of lines that were taken in and look wrong. `intake/doubts.py` finds them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EXAMPLES_MAX = 5


class DoubtName(StrEnum):
    """What a doubt is called in JSON; the names stay."""

    UNKNOWN_SIMS = "unknown_sims"
    ICCID_CHECK_DIGIT = "iccid_check_digit"
    ICCID_ROUNDED = "iccid_rounded"
    SEVERAL_VALUES = "several_values"
    SHARED_HARDWARE = "shared_hardware"
    PLACEHOLDER_IMEI = "placeholder_imei"
    STRIPPED_ZEROS = "stripped_zeros"
    SWAPPED_COLUMNS = "swapped_columns"
    IN_FUTURE = "in_future"
    MDN_LEFT_OUT = "mdn_left_out"
    WITHOUT_ZONE = "without_zone"


class Wording(NamedTuple):
    """How a doubt reads behind the number of its lines, and what to do about it."""

    of: str
    advice: str


WORDINGS = {
    DoubtName.UNKNOWN_SIMS: Wording(
        "of SIMs that are not loaded",
        "the report has no rows for them until their SIMs are loaded: import the SIMs, or check "
        "the ICCIDs",
    ),
    DoubtName.ICCID_CHECK_DIGIT: Wording(
        "with an ICCID whose last digit is not its check digit",
        "the source leaves the check digit out, or digits were damaged: compare an ICCID with "
        "another source",
    ),
    DoubtName.ICCID_ROUNDED: Wording(
        "with an ICCID that has zeros behind its 15th digit",
        "a spreadsheet has probably rounded them: export the column iccid as text",
    ),
    DoubtName.SEVERAL_VALUES: Wording(
        "with a key that has other values in other lines of the file",
        "the last line of each key holds: look for lines that belong to other SIMs",
    ),
    DoubtName.SHARED_HARDWARE: Wording(
        "that expect a SIM in hardware where another SIM is expected too",
        "one of the SIMs is in the wrong place, or was replaced: end its expectation with the "
        "value none",
    ),
    DoubtName.PLACEHOLDER_IMEI: Wording(
        "with an IMEI that is no device's own",
        "the hardware shows a number that was never set, or a test number: ask for its real IMEI; "
        "or zeros were put in front of it: take them off",
    ),
    DoubtName.STRIPPED_ZEROS: Wording(
        "with an IMEI that seems to lack its leading zero",
        "a spreadsheet has probably dropped it: export the column imei as text",
    ),
    DoubtName.SWAPPED_COLUMNS: Wording(
        "with an IMSI that looks like an IMEI beside an IMEI that does not",
        "the columns imsi and imei are probably swapped: correct their names, or name the columns "
        "with --columns",
    ),
    DoubtName.IN_FUTURE: Wording(
        "with activations in the future",
        "check the time zone of activated_at, and the clock of this machine",
    ),
    DoubtName.MDN_LEFT_OUT: Wording(
        "with a phone number that cannot be read",
        "the SIMs were taken in without it: correct the column mdn and import them again",
    ),
    DoubtName.WITHOUT_ZONE: Wording(
        "with a time of day without a time zone",
        "they were read as UTC: name their zone with --zone if they are local times",
    ),
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """How many lines have one doubt, and the first few of the values that cause it, in order."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def and_also(self, other: Doubt) -> Doubt:
        """Both together."""
        examples = sorted({*self.examples, *other.examples})[:EXAMPLES_MAX]
        return Doubt(self.count + other.count, tuple(examples))


def doubt_of(count: int, values: Iterable[str]) -> Doubt:
    """So many lines, and the first few of their values."""
    if not count:
        return NO_DOUBT
    return Doubt(count, tuple(sorted(set(values))[:EXAMPLES_MAX]))


NO_DOUBT = Doubt()
NO_LINES = {str(name): 0 for name in DoubtName}


@dataclass(frozen=True)
class Doubts:
    """The doubts of some lines by name, those without a line left out.

    `known_with` counts lines of SIMs that are not loaded, but would be if their check digit was
    added or left out: by the option's word, `add` or `strip`.
    """

    by_name: Mapping[DoubtName, Doubt] = field(default_factory=dict)
    known_with: Mapping[str, int] = field(default_factory=dict)

    def and_also(self, other: Doubts) -> Doubts:
        """Both together."""
        if not other.by_name:
            return self
        if not self.by_name:
            return other
        names = (name for name in DoubtName if name in self.by_name or name in other.by_name)
        words = sorted({*self.known_with, *other.known_with})
        return Doubts(
            {name: self[name].and_also(other[name]) for name in names},
            {word: self.known_with.get(word, 0) + other.known_with.get(word, 0) for word in words},
        )

    def __getitem__(self, name: DoubtName) -> Doubt:
        return self.by_name.get(name, NO_DOUBT)

    @property
    def in_all(self) -> int:
        """The sum of the counts: a line with two doubts counts twice."""
        return sum(doubt.count for doubt in self.by_name.values())

    def counts(self) -> dict[str, int]:
        """How many lines each doubt has, those without a line included."""
        present = {str(name): doubt.count for name, doubt in self.by_name.items()}
        return NO_LINES | present

    def advice(self, name: DoubtName) -> str:
        """What to do about a doubt, in a sentence."""
        advice = WORDINGS[name].advice
        if name is not DoubtName.UNKNOWN_SIMS:
            return advice
        return "; ".join([advice, *self._check_digit_hints()])

    def _check_digit_hints(self) -> Iterator[str]:
        for word, is_loaded in (("add", "with"), ("strip", "without")):
            if count := self.known_with.get(word, 0):
                yield (
                    f"{count:,} of the lines name SIMs that are loaded {is_loaded} a check digit: "
                    f"import the file again with --check-digit {word}"
                )

    def sentences(self) -> Iterator[str]:
        """Each doubt for people: how many lines, of what, some examples, and what to do."""
        for name, doubt in self.by_name.items():
            lines = counted(doubt.count, "line", "lines")
            examples = f" ({', '.join(doubt.examples)})" if doubt.examples else ""
            yield f"{lines} {WORDINGS[name].of}{examples}: {self.advice(name)}"

    def described(self) -> dict[str, Any]:
        """The doubts for programs: the counts of all, and more of those that have lines."""
        return {**self.counts(), "doubts": self.detailed() if self.by_name else {}}

    def detailed(self) -> dict[str, Any]:
        """The doubts that have lines, for programs: count, examples and advice by name."""
        described = {
            str(name): {
                "count": doubt.count,
                "examples": list(doubt.examples),
                "advice": self.advice(name),
            }
            for name, doubt in self.by_name.items()
        }
        if DoubtName.UNKNOWN_SIMS in self.by_name:
            described[DoubtName.UNKNOWN_SIMS]["known_with"] = {
                word: self.known_with.get(word, 0) for word in ("add", "strip")
            }
        return described


NO_DOUBTS = Doubts()


def only(by_name: Mapping[DoubtName, Doubt]) -> Doubts:
    """Doubts by name, in the order of the names, without those that have no line."""
    if not by_name:
        return NO_DOUBTS
    in_order = {name: by_name.get(name, NO_DOUBT) for name in DoubtName}
    return Doubts({name: doubt for name, doubt in in_order.items() if doubt.count})

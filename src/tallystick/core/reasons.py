"""Why a row of the report is there: what the facts say around it, and the likely cause.

Each thing that they say is a reason of its own. What concerns the SIM alone follows from its own
facts (`row_facts`). What concerns other SIMs follows from what is told of them in the same hardware
(`Company`), and depends on who asks and on the window. The cause is a guess by `RULES`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import HARDWARE, MODEL, NONE, Allowed, allowed
from tallystick.core.identifiers import Iccid, Imei, luhn_holds
from tallystick.core.ledger import BEFORE_THE_LEDGER
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation, FirstUse, is_fit, with_first_use
from tallystick.core.suspicious_values import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

LISTED_MAX = 5  # other SIMs that a reason lists; all are counted
CHECKED_DIGITS = 15  # of an IMEI that ends with its check digit


Pair = tuple[int, int]
"""A moment and an IMEI."""
Put = tuple[int, int, int]
"""An expectation: from when on, what it says, and the change set that put it."""


class Code(StrEnum):
    """What a reason says."""

    EXPECTED = "expected"
    FIRST_USE = "first-use"
    SAME_MODEL = "same-model"
    OTHER_MODEL = "other-model"
    NOT_A_VALID_IMEI = "not-a-valid-imei"
    CHECK_DIGIT_WRONG = "check-digit-wrong"
    NEVER_WHERE_EXPECTED = "never-where-expected"
    ALWAYS_HERE = "always-here"
    STILL_THERE = "still-there"
    MOVED_BACK = "moved-back"
    MOVED_ON = "moved-on"
    EXPECTED_FOR_ANOTHER_SIM = "expected-for-another-sim"
    SWAP_PAIR = "swap-pair"
    SEEN_WITH_OTHER_SIMS = "seen-with-other-sims"


class Cause(StrEnum):
    """What probably happened."""

    SWAP_PAIR = "swap-pair"
    CLONE = "clone"
    PAPERWORK = "paperwork"
    REPLACEMENT = "replacement"
    THEFT = "theft"
    UNCLEAR = "unclear"


NARROWING = (
    Code.FIRST_USE,
    Code.SAME_MODEL,
    Code.OTHER_MODEL,
    Code.NOT_A_VALID_IMEI,
    Code.CHECK_DIGIT_WRONG,
    Code.NEVER_WHERE_EXPECTED,
    Code.ALWAYS_HERE,
    Code.STILL_THERE,
    Code.MOVED_BACK,
    Code.MOVED_ON,
)
"""Of the reasons that follow from the SIM's own facts, those that some rows have and others not.

They are kept with each row, and so lists of rows are narrowed down by them.
"""


class Reason(NamedTuple):
    """One reason. `count` is of all SIMs that it concerns, of which `iccids` lists the first.

    `change_set_id` is that of the ledger which says where the SIM is expected, 0 where none does.
    """

    code: Code
    imei: Imei | Allowed | None = None
    since: Moment | None = None
    iccids: tuple[Iccid, ...] = ()
    count: int = 0  # type: ignore[assignment] # of a tuple, which has a method of that name
    change_set_id: int = 0


# Those that say no more than their code.
SAME_MODEL, OTHER_MODEL = Reason(Code.SAME_MODEL), Reason(Code.OTHER_MODEL)
NOT_A_VALID_IMEI, CHECK_DIGIT_WRONG = Reason(Code.NOT_A_VALID_IMEI), Reason(Code.CHECK_DIGIT_WRONG)
NEVER_WHERE_EXPECTED, ALWAYS_HERE = Reason(Code.NEVER_WHERE_EXPECTED), Reason(Code.ALWAYS_HERE)
STILL_THERE, FIRST_USE = Reason(Code.STILL_THERE), Reason(Code.FIRST_USE)


def for_the_rule(
    seen: Iterable[Pair], put: Iterable[Put], first_use: FirstUse
) -> tuple[list[Activation], list[Expectation]]:
    """One SIM's facts as `core/pairing.py` takes them.

    The expectation that follows from the policy of first use is among them.
    """
    activations = [Activation(Moment(moment), Imei(imei)) for moment, imei in seen]
    expectations = [Expectation(Moment(since), allowed(value)) for since, value, _ in put]
    return activations, with_first_use(activations, expectations, first_use)


@dataclass(frozen=True, slots=True)
class Rule:
    """The codes that have to be there, and those that must not be, for a cause to be likely."""

    cause: Cause
    needs: frozenset[Code]
    without: frozenset[Code] = frozenset()


RULES = (
    Rule(Cause.UNCLEAR, frozenset({Code.NOT_A_VALID_IMEI})),
    Rule(Cause.SWAP_PAIR, frozenset({Code.SWAP_PAIR})),
    Rule(Cause.CLONE, frozenset({Code.SEEN_WITH_OTHER_SIMS, Code.EXPECTED_FOR_ANOTHER_SIM})),
    Rule(Cause.CLONE, frozenset({Code.SEEN_WITH_OTHER_SIMS, Code.ALWAYS_HERE})),
    Rule(Cause.PAPERWORK, frozenset({Code.ALWAYS_HERE})),
    Rule(
        Cause.REPLACEMENT,
        frozenset({Code.SAME_MODEL, Code.STILL_THERE}),
        frozenset({Code.EXPECTED_FOR_ANOTHER_SIM}),
    ),
    Rule(
        Cause.THEFT,
        frozenset({Code.OTHER_MODEL}),
        frozenset({Code.NEVER_WHERE_EXPECTED, Code.EXPECTED_FOR_ANOTHER_SIM, Code.MOVED_BACK}),
    ),
)
"""The first rule that fits gives the cause; none: unclear."""


def likely_cause(reasons: Iterable[Reason]) -> Cause:
    """What probably happened: a guess from the reasons, by the first of `RULES` that fits."""
    return cause_of(frozenset(reason.code for reason in reasons))


@lru_cache(4096)
def cause_of(codes: frozenset[Code]) -> Cause:
    """The same from the reasons' codes."""
    fitting = (rule.cause for rule in RULES if rule.needs <= codes and not rule.without & codes)
    return next(fitting, Cause.UNCLEAR)


# Of the SIM alone


class Departure(NamedTuple):
    """When a SIM was next seen in other hardware, and whether that is as expected."""

    left_at: int
    is_back: bool


class RowFacts(NamedTuple):
    """A row, and what the SIM's own facts say around it.

    `was_where_expected` is whether the SIM was seen in expected hardware at an earlier moment.
    `was_elsewhere` is whether it was seen in other hardware at any time.
    """

    activated_at: int
    seen_in: int
    in_force_from: int
    expected: Allowed
    change_set_id: int
    is_by_first_use: bool
    was_where_expected: bool
    was_elsewhere: bool
    departure: Departure | None


class _Rule(NamedTuple):
    """An expectation in force: since when, and the change set or the policy that says so."""

    since: int
    expected: Allowed
    change_set_id: int
    first_use: FirstUse = FirstUse.OFF

    def fits(self, imei: int) -> bool:
        return is_fit(self.expected, self.first_use, imei)


def row_facts(
    rows: Collection[Pair],
    activations: Iterable[Pair],
    expectations: Iterable[Put],
    first_use: FirstUse = FirstUse.OFF,
) -> list[RowFacts]:
    """What one SIM's own facts say around each of its rows, in order of time.

    It follows from the whole history here; the store works it out from a row's neighbours. Moments
    and IMEIs are integers, as the store has them.
    """
    seen = sorted(set(activations))
    rules = _rules(seen, expectations, first_use)
    in_force = [_in_force(rules, activated_at) for activated_at, _ in seen]
    departures = _departures(seen, in_force)
    first_seen = _first_seen(seen)
    around = []
    for (activated_at, imei), rule, departure in zip(seen, in_force, departures, strict=True):
        if (activated_at, imei) not in rows or rule is None:
            continue
        earlier = (other for other, moment in first_seen.items() if moment < activated_at)
        around.append(
            RowFacts(
                activated_at,
                imei,
                rule.since,
                rule.expected,
                rule.change_set_id,
                is_by_first_use=rule.first_use is not FirstUse.OFF,
                was_where_expected=any(rule.expected.fits(other * HARDWARE) for other in earlier),
                was_elsewhere=len(first_seen) > 1,
                departure=departure,
            )
        )
    return around


def _rules(seen: Sequence[Pair], expectations: Iterable[Put], first_use: FirstUse) -> list[_Rule]:
    """What was expected, in order of time, by expectations and by the policy of first use."""
    rules = [_Rule(since, allowed(value), number) for since, value, number in sorted(expectations)]
    is_undated = bool(rules) and rules[0].since == BEGINNING
    if first_use is not FirstUse.OFF and not is_undated and seen:
        home = allowed(seen[0][1])
        rules.insert(0, _Rule(BEGINNING, home, BEFORE_THE_LEDGER, first_use))
    return rules


def _in_force(rules: Sequence[_Rule], activated_at: int) -> _Rule | None:
    """What was expected at a moment; None where nothing was."""
    position = bisect_right(rules, activated_at, key=lambda rule: rule.since)
    rule = rules[position - 1] if position else None
    return None if rule is None or rule.expected == NONE else rule


def _departures(seen: Sequence[Pair], in_force: Sequence[_Rule | None]) -> list[Departure | None]:
    """For each activation, when the SIM was next seen in other hardware."""
    departures: list[Departure | None] = []
    departure: Departure | None = None
    for place in range(len(seen) - 1, -1, -1):
        departures.append(departure)
        activated_at, imei = seen[place]
        if place and seen[place - 1][1] // HARDWARE != imei // HARDWARE:
            rule = in_force[place]
            departure = Departure(activated_at, rule is not None and rule.fits(imei))
    return departures[::-1]


def _first_seen(seen: Iterable[Pair]) -> dict[int, int]:
    """When each hardware was first seen."""
    first_seen: dict[int, int] = {}
    for activated_at, imei in seen:
        first_seen.setdefault(imei // HARDWARE, activated_at)
    return first_seen


def expectation(facts: RowFacts) -> Reason:
    """Where the SIM is expected, since when, and who said so; no moment is from the beginning."""
    since = None if facts.in_force_from == BEGINNING else Moment(facts.in_force_from)
    return Reason(Code.EXPECTED, facts.expected, since, change_set_id=facts.change_set_id)


def by_first_use(facts: RowFacts) -> Reason | None:
    """By its account's policy the SIM stays where it was first seen, as no expectation says."""
    return FIRST_USE if facts.is_by_first_use else None


def model(facts: RowFacts) -> Reason | None:
    """Whether it is another unit of an expected model, which has the same TAC.

    None where no hardware is expected.
    """
    models = {member // MODEL for member in facts.expected.members}
    if not models:
        return None
    return SAME_MODEL if facts.seen_in // MODEL in models else OTHER_MODEL


def not_a_valid_imei(facts: RowFacts) -> Reason | None:
    """The IMEI found is no device's: one digit repeated, digits counted up, or of a test body."""
    return NOT_A_VALID_IMEI if is_placeholder(facts.seen_in // HARDWARE) else None


def check_digit_wrong(facts: RowFacts) -> Reason | None:
    """The IMEI found has a check digit, and it is not that of the other digits."""
    digits = Imei.digits(facts.seen_in)
    return CHECK_DIGIT_WRONG if len(digits) == CHECKED_DIGITS and not luhn_holds(digits) else None


def never_where_expected(facts: RowFacts) -> Reason | None:
    """The SIM was not seen in expected hardware at an earlier moment."""
    return None if facts.was_where_expected else NEVER_WHERE_EXPECTED


def always_here(facts: RowFacts) -> Reason | None:
    """The SIM was not seen in any other hardware, before the row or since."""
    return None if facts.was_elsewhere else ALWAYS_HERE


def whereabouts(facts: RowFacts) -> Reason:
    """Where the SIM went next: to where it is expected, elsewhere, or nowhere that was seen."""
    if facts.departure is None:
        return STILL_THERE
    code = Code.MOVED_BACK if facts.departure.is_back else Code.MOVED_ON
    return Reason(code, since=Moment(facts.departure.left_at))


OWN: tuple[Callable[[RowFacts], Reason | None], ...] = (
    expectation,
    by_first_use,
    model,
    not_a_valid_imei,
    check_digit_wrong,
    never_where_expected,
    always_here,
    whereabouts,
)
"""Every reason that concerns the SIM alone, in the order in which they are told."""


def own_reasons(facts: RowFacts) -> list[Reason]:
    """The reasons that concern the SIM alone."""
    return [reason for find in OWN if (reason := find(facts)) is not None]


# Of other SIMs


class Claim(NamedTuple):
    """A SIM is expected in the hardware from one moment until another, by an IMEI.

    One that may be in any hardware of a model claims none of it.
    `found_in` is the other hardware that it was found in while it was expected here.
    """

    iccid: int
    since: int
    until: int | None
    found_in: frozenset[int] = frozenset()


class Row(NamedTuple):
    """A row of the report as other SIMs are compared with it.

    `expected_hardware` is every hardware that an IMEI of the expectation names.
    """

    iccid: int
    activated_at: int
    expected_hardware: frozenset[int]


class Company(NamedTuple):
    """What is told of SIMs in the hardware of a row, the row's own SIM among them.

    `claims` are the SIMs expected in it. `seen` are the first of those that were seen in it in the
    window, the row's SIM and one more than are listed at most, and `seen_count` is of all.
    """

    claims: tuple[Claim, ...] = ()
    seen: tuple[int, ...] = ()
    seen_count: int = 0


def _rivals(row: Row, company: Company) -> list[Claim]:
    """The claims of other SIMs on the hardware at the row's moment."""
    return [
        claim
        for claim in company.claims
        if claim.iccid != row.iccid
        and claim.since <= row.activated_at
        and (claim.until is None or row.activated_at < claim.until)
    ]


def _listing(code: Code, iccids: Sequence[int]) -> Reason | None:
    return (
        Reason(code, iccids=tuple(map(Iccid, iccids[:LISTED_MAX])), count=len(iccids))
        if iccids
        else None
    )


def expected_for_another_sim(row: Row, company: Company) -> Reason | None:
    """The hardware belongs to other SIMs, by the expectations in force at the row's moment."""
    return _listing(Code.EXPECTED_FOR_ANOTHER_SIM, [claim.iccid for claim in _rivals(row, company)])


def swap_pair(row: Row, company: Company) -> Reason | None:
    """A SIM that belongs in this hardware was found in the one that this SIM belongs in."""
    swapped = [
        claim.iccid
        for claim in _rivals(row, company)
        if not row.expected_hardware.isdisjoint(claim.found_in)
    ]
    return _listing(Code.SWAP_PAIR, swapped)


def seen_with_other_sims(row: Row, company: Company) -> Reason | None:
    """Other SIMs were seen in the hardware within the window."""
    if company.seen_count <= 1:
        return None
    first = company.seen[: LISTED_MAX + (row.iccid in company.seen[:LISTED_MAX])]
    others = tuple(Iccid(iccid) for iccid in first if iccid != row.iccid)
    return Reason(Code.SEEN_WITH_OTHER_SIMS, iccids=others, count=company.seen_count - 1)


OTHERS: tuple[Callable[[Row, Company], Reason | None], ...] = (
    expected_for_another_sim,
    swap_pair,
    seen_with_other_sims,
)
"""Every reason that concerns other SIMs, in the order in which they are told."""


def reasons_of_others(row: Row, company: Company) -> list[Reason]:
    """The reasons that concern other SIMs."""
    return [reason for find in OTHERS if (reason := find(row, company)) is not None]

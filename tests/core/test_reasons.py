from __future__ import annotations

from itertools import combinations

import pytest

from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation, FirstUse, mismatches, with_first_use
from tallystick.core.reasons import (
    LISTED_MAX,
    RULES,
    Cause,
    Claim,
    Code,
    Company,
    Reason,
    Row,
    RowFacts,
    cause_of,
    expected_for_another_sim,
    likely_cause,
    own_reasons,
    reasons_of_others,
    row_facts,
    seen_with_other_sims,
    swap_pair,
)
from tallystick.core.suspicious_values import is_placeholder

HOME, SAME_MODEL, FOREIGN = (
    Imei.parse(each) for each in ("352099001761481", "352099007654329", "357152091234565")
)
THIRD = Imei.parse("862041031234565")
ICCIDS = [Iccid.parse(f"8914800000080000{n:04d}") for n in range(20)]
ONE, TWO, THREE = ICCIDS[:3]
HERE = ROW = Row(ONE, 100, frozenset({HOME.identity}))


def seen(*where: Imei) -> list[Activation]:
    """One activation after the other, at 10, 20 and so on."""
    return [Activation(Moment(10 * (n + 1)), imei) for n, imei in enumerate(where)]


def facts_of_rows(
    activations: list[Activation],
    expectations: list[Expectation],
    first_use: FirstUse = FirstUse.OFF,
    put_in: int = 0,
) -> list[RowFacts]:
    """What is said around the rows of the rule."""
    held = with_first_use(activations, expectations, first_use)
    rows = {(row.activated_at, row.post_imei) for row in mismatches(activations, held)}
    seen_in = [(each.activated_at, each.imei) for each in activations]
    return row_facts(
        rows,
        seen_in,
        [(each.effective_from, each.imei, put_in) for each in expectations],
        first_use,
    )


def facts_of_row(
    *where: Imei, expected: tuple[tuple[int, Imei], ...] = ((BEGINNING, HOME),)
) -> RowFacts:
    """The first row that follows."""
    return facts_of_rows(
        seen(*where), [Expectation(Moment(since), imei) for since, imei in expected]
    )[0]


def codes(*where: Imei, expected: tuple[tuple[int, Imei], ...] = ((BEGINNING, HOME),)) -> set[Code]:
    return {reason.code for reason in own_reasons(facts_of_row(*where, expected=expected))}


def reason(code: Code, facts: RowFacts) -> Reason:
    (found,) = (each for each in own_reasons(facts) if each.code == code)
    return found


# Of the SIM alone


def test_each_row_of_the_rule_has_facts_that_its_reasons_follow_from() -> None:
    sim = seen(HOME, FOREIGN, FOREIGN, HOME, FOREIGN, THIRD), [Expectation(BEGINNING, HOME)]
    assert [(row.activated_at, row.seen_in) for row in facts_of_rows(*sim)] == [
        (row.activated_at, row.post_imei) for row in mismatches(*sim)
    ]


@pytest.mark.parametrize(
    ("first_use", "where", "told"),
    [
        (FirstUse.IMEI, (HOME, SAME_MODEL, HOME), {Code.SAME_MODEL, Code.MOVED_BACK}),
        (FirstUse.MODEL, (HOME, FOREIGN, SAME_MODEL), {Code.OTHER_MODEL, Code.MOVED_BACK}),
        (FirstUse.IMEI, (HOME, FOREIGN, SAME_MODEL), {Code.OTHER_MODEL, Code.MOVED_ON}),
    ],
)
def test_a_row_that_is_there_by_first_use_says_so(
    first_use: FirstUse, where: tuple[Imei, ...], told: set[Code]
) -> None:
    facts = facts_of_rows(seen(*where), [], first_use)[0]
    assert {Code.EXPECTED, Code.FIRST_USE, *told} <= {reason.code for reason in own_reasons(facts)}
    assert reason(Code.EXPECTED, facts) == Reason(Code.EXPECTED, HOME)


def test_an_expectation_that_was_taken_in_is_no_first_use() -> None:
    facts = facts_of_rows(seen(HOME, FOREIGN), [Expectation(Moment(15), THIRD)], FirstUse.MODEL)[0]
    assert Code.FIRST_USE not in {reason.code for reason in own_reasons(facts)}
    assert reason(Code.EXPECTED, facts) == Reason(Code.EXPECTED, THIRD, Moment(15))


def test_the_expected_imei_is_told_with_the_moment_it_is_in_force_from() -> None:
    facts = facts_of_row(FOREIGN, expected=((BEGINNING, THIRD), (5, HOME), (15, FOREIGN)))
    assert reason(Code.EXPECTED, facts) == Reason(Code.EXPECTED, imei=HOME, since=Moment(5))


def test_an_expectation_without_a_date_is_told_without_a_moment() -> None:
    assert reason(Code.EXPECTED, facts_of_row(FOREIGN)) == Reason(Code.EXPECTED, imei=HOME)


def test_another_unit_with_the_same_tac_is_the_same_model() -> None:
    assert Code.SAME_MODEL in codes(HOME, SAME_MODEL)
    assert Code.OTHER_MODEL in codes(HOME, FOREIGN)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "00000000000000",
            "000000000000000",
            "0000000000000000",
            "99999999999999",
            "11111111111111",
        ),
        *(
            "123456789012347",
            "001010123456789",
            "004999010640000",
            "090000001234567",
            "12345678901234",
        ),
    ],
)
def test_placeholders_and_test_numbers_are_no_valid_imei(text: str) -> None:
    assert Code.NOT_A_VALID_IMEI in codes(HOME, Imei.parse(text))


@pytest.mark.parametrize(
    "text", ["010203040506070", "352099001761481", "990003420535573", "123456789012357"]
)
def test_numbers_that_were_given_out_are_valid(text: str) -> None:
    assert not is_placeholder(Imei.parse(text).identity)


def test_a_check_digit_is_checked_where_there_is_one() -> None:
    assert Code.CHECK_DIGIT_WRONG in codes(HOME, Imei.parse("357152091234566"))
    assert Code.CHECK_DIGIT_WRONG not in codes(HOME, Imei.parse("35715209123456"))
    assert Code.CHECK_DIGIT_WRONG not in codes(HOME, Imei.parse("3571520912345601"))
    assert Code.CHECK_DIGIT_WRONG not in codes(HOME, FOREIGN)


def test_a_sim_that_came_to_where_it_belongs_only_later_was_never_there_before() -> None:
    assert Code.NEVER_WHERE_EXPECTED in codes(FOREIGN, HOME)
    assert Code.NEVER_WHERE_EXPECTED not in codes(HOME, FOREIGN)


def test_a_sim_was_always_here_if_it_was_nowhere_else_before_or_since() -> None:
    assert Code.ALWAYS_HERE in codes(FOREIGN, FOREIGN)
    assert Code.ALWAYS_HERE not in codes(FOREIGN, THIRD)
    assert Code.ALWAYS_HERE not in codes(THIRD, FOREIGN, expected=((15, HOME),))


def test_a_sim_that_was_seen_nowhere_else_since_is_still_there() -> None:
    assert Code.STILL_THERE in codes(HOME, FOREIGN, FOREIGN)


def test_a_sim_that_was_seen_as_expected_next_has_moved_back() -> None:
    facts = facts_of_row(HOME, FOREIGN, FOREIGN, HOME, HOME)
    assert reason(Code.MOVED_BACK, facts) == Reason(Code.MOVED_BACK, since=Moment(40))


def test_a_sim_that_was_seen_in_yet_other_hardware_next_has_moved_on() -> None:
    facts = facts_of_row(HOME, FOREIGN, FOREIGN, THIRD, HOME)
    assert reason(Code.MOVED_ON, facts) == Reason(Code.MOVED_ON, since=Moment(40))


def test_a_sim_that_is_expected_where_it_is_since_has_not_moved() -> None:
    assert Code.STILL_THERE in codes(
        HOME, FOREIGN, FOREIGN, expected=((BEGINNING, HOME), (25, FOREIGN))
    )


def test_the_same_hardware_with_another_software_version_is_no_move() -> None:
    assert {Code.STILL_THERE, Code.ALWAYS_HERE} <= codes(FOREIGN, Imei.parse("3571520912345699"))


# Of other SIMs


def test_hardware_that_another_sim_is_expected_in_is_told_with_that_sim() -> None:
    company = Company(claims=(Claim(ONE, 0, None), Claim(TWO, 0, None)))
    assert expected_for_another_sim(ROW, company) == Reason(
        Code.EXPECTED_FOR_ANOTHER_SIM, iccids=(TWO,), count=1
    )


@pytest.mark.parametrize(
    ("since", "until", "holds"), [(101, None, False), (100, None, True), (0, 100, False)]
)
def test_an_expectation_of_another_sim_counts_while_it_is_in_force(
    since: int, until: int | None, *, holds: bool
) -> None:
    company = Company(claims=(Claim(TWO, since, until),))
    assert (expected_for_another_sim(ROW, company) is not None) is holds


def test_two_sims_in_each_others_hardware_are_a_swap_pair() -> None:
    company = Company(
        claims=(Claim(TWO, 0, None, frozenset({HOME.identity})), Claim(THREE, 0, None))
    )
    assert swap_pair(ROW, company) == Reason(Code.SWAP_PAIR, iccids=(TWO,), count=1)
    assert (
        swap_pair(ROW, Company(claims=(Claim(TWO, 0, None, frozenset({THIRD.identity})),))) is None
    )


def test_other_sims_seen_in_the_hardware_are_told_and_the_rows_own_is_not() -> None:
    company = Company(seen=(ONE, TWO), seen_count=2)
    assert seen_with_other_sims(ROW, company) == Reason(
        Code.SEEN_WITH_OTHER_SIMS, iccids=(TWO,), count=1
    )
    assert seen_with_other_sims(ROW, Company(seen=(ONE,), seen_count=1)) is None


@pytest.mark.parametrize("own", [0, LISTED_MAX - 1, LISTED_MAX, LISTED_MAX + 1, 19])
def test_no_more_sims_are_listed_than_fit_and_all_are_counted(own: int) -> None:
    company = Company(seen=tuple(ICCIDS[: LISTED_MAX + 1]), seen_count=20)
    found = seen_with_other_sims(Row(ICCIDS[own], 100, frozenset({HOME.identity})), company)
    assert found is not None
    assert list(found.iccids) == [each for each in ICCIDS if each != ICCIDS[own]][:LISTED_MAX]
    assert found.count == 19


def test_hardware_without_company_gives_no_reason() -> None:
    assert reasons_of_others(ROW, Company()) == []


# The cause


def cause(*told: Code) -> Cause:
    return likely_cause([Reason(code) for code in told])


def test_an_imei_that_says_nothing_says_nothing_of_the_cause() -> None:
    assert cause(Code.NOT_A_VALID_IMEI, Code.SWAP_PAIR, Code.ALWAYS_HERE) == Cause.UNCLEAR


def test_each_rule_gives_its_cause_where_just_what_it_needs_is_there() -> None:
    for rule in RULES:
        assert cause_of(rule.needs) == rule.cause


def test_what_a_rule_must_be_without_rules_it_out() -> None:
    for rule in RULES:
        for without in rule.without:
            assert cause_of(rule.needs | {without}) != rule.cause


def test_whatever_the_reasons_there_is_a_cause() -> None:
    found = {cause_of(frozenset(some)) for size in range(5) for some in combinations(Code, size)}
    assert found == set(Cause)


def test_a_sim_that_came_back_was_not_stolen() -> None:
    assert cause(Code.OTHER_MODEL, Code.MOVED_BACK) == Cause.UNCLEAR
    assert cause(Code.OTHER_MODEL, Code.MOVED_ON) == Cause.THEFT

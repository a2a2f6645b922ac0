"""The rule of a mismatch, number by number as the contract states it, and by brute force."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import HARDWARE
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import (
    Activation,
    Expectation,
    Mismatch,
    in_force_at,
    judge,
    mismatches,
)
from tests.worlds import stays_of

HOME, FOREIGN, THIRD = "352099001761481", "357152091234562", "010203040506070"


def seen(*pairs: tuple[int, str]) -> list[Activation]:
    """Activations from (moment, IMEI) pairs."""
    return [Activation(Moment(at), Imei.parse(imei)) for at, imei in pairs]


def expect(*pairs: tuple[int, str]) -> list[Expectation]:
    """Expectations from (moment, IMEI) pairs."""
    return [Expectation(Moment(at), Imei.parse(imei)) for at, imei in pairs]


def rows(
    activations: list[Activation], expectations: list[Expectation]
) -> list[tuple[int, str, str]]:
    """The report's rows as (moment, pre, post)."""
    return [
        (row.activated_at, str(row.pre_imei), str(row.post_imei))
        for row in mismatches(activations, expectations)
    ]


ALWAYS_HOME = expect((BEGINNING, HOME))

# Rule 1: which expectation is in force


def test_without_any_expectation_there_is_nothing_to_report() -> None:
    assert rows(seen((1, HOME), (2, FOREIGN)), []) == []


def test_before_the_first_expectation_there_is_no_verdict() -> None:
    assert rows(seen((9, FOREIGN)), expect((10, HOME))) == []


def test_an_expectation_is_in_force_from_its_very_moment() -> None:
    assert rows(seen((10, FOREIGN)), expect((10, HOME))) == [(10, HOME, FOREIGN)]


def test_an_undated_expectation_is_in_force_from_the_beginning() -> None:
    assert rows(seen((BEGINNING, FOREIGN)), ALWAYS_HOME) == [(BEGINNING, HOME, FOREIGN)]


def test_the_latest_expectation_up_to_the_activation_counts() -> None:
    moving = expect((BEGINNING, HOME), (10, FOREIGN), (20, THIRD))
    assert rows(seen((9, HOME), (10, FOREIGN), (19, FOREIGN), (20, THIRD)), moving) == []
    assert rows(seen((9, FOREIGN)), moving) == [(9, HOME, FOREIGN)]
    assert rows(seen((20, FOREIGN)), moving) == [(20, THIRD, FOREIGN)]


def test_a_later_expectation_does_not_judge_earlier_activations() -> None:
    assert rows(seen((5, FOREIGN)), expect((BEGINNING, HOME), (6, FOREIGN))) == [(5, HOME, FOREIGN)]


# Rule 2: what the same hardware is


def test_check_digit_and_software_version_do_not_make_other_hardware() -> None:
    assert (
        rows(
            seen((1, "35209900176148"), (2, "352099001761489"), (3, "3520990017614812")),
            ALWAYS_HOME,
        )
        == []
    )


def test_the_fourteenth_digit_does() -> None:
    assert rows(seen((1, "352099001761491")), ALWAYS_HOME) == [(1, HOME, "352099001761491")]


def test_imeis_are_printed_as_received() -> None:
    activations = seen((1, "35209900176148"), (2, "3571520912345678"))
    assert rows(activations, ALWAYS_HOME) == [(2, "35209900176148", "3571520912345678")]


def test_the_same_foreign_hardware_under_another_software_version_is_no_second_row() -> None:
    assert rows(seen((1, "357152091234562"), (2, "3571520912345699")), ALWAYS_HOME) == [
        (1, HOME, FOREIGN)
    ]


# Rule 3: what is unexpected


def test_an_activation_in_the_expected_hardware_is_no_row() -> None:
    assert rows(seen((1, HOME)), ALWAYS_HOME) == []


def test_an_activation_in_other_hardware_is_one() -> None:
    assert rows(seen((1, FOREIGN)), ALWAYS_HOME) == [(1, HOME, FOREIGN)]


def test_moving_into_the_hardware_expected_by_then_is_no_row() -> None:
    assert rows(seen((1, HOME), (10, FOREIGN)), expect((BEGINNING, HOME), (10, FOREIGN))) == []


def test_staying_behind_when_the_expectation_moves_is_one() -> None:
    assert rows(seen((1, HOME), (10, HOME)), expect((BEGINNING, HOME), (10, FOREIGN))) == [
        (10, HOME, HOME)
    ]


# Rule 4: where a row opens


def test_there_and_back_twice_gives_two_rows() -> None:
    activations = seen((1, HOME), (2, FOREIGN), (3, HOME), (4, FOREIGN))
    assert rows(activations, ALWAYS_HOME) == [(2, HOME, FOREIGN), (4, HOME, FOREIGN)]


def test_repeats_give_no_further_row() -> None:
    assert rows(seen((1, FOREIGN), (2, FOREIGN), (3, FOREIGN)), ALWAYS_HOME) == [(1, HOME, FOREIGN)]


def test_from_one_foreign_hardware_into_another_is_a_row_of_its_own() -> None:
    assert rows(seen((1, FOREIGN), (2, THIRD)), ALWAYS_HOME) == [
        (1, HOME, FOREIGN),
        (2, FOREIGN, THIRD),
    ]


def test_a_stay_that_becomes_unexpected_opens_a_row_at_its_next_activation_and_only_there() -> None:
    activations = seen((1, HOME), (10, HOME), (11, HOME))
    assert rows(activations, expect((BEGINNING, HOME), (5, FOREIGN))) == [(10, HOME, HOME)]


def test_a_stay_that_is_still_unexpected_under_the_next_expectation_opens_no_second_row() -> None:
    activations = seen((1, FOREIGN), (10, FOREIGN))
    assert rows(activations, expect((BEGINNING, HOME), (5, THIRD))) == [(1, HOME, FOREIGN)]


def test_a_stay_excused_in_between_opens_a_second_row() -> None:
    activations = seen((1, FOREIGN), (5, FOREIGN), (9, FOREIGN))
    moving = expect((BEGINNING, HOME), (4, FOREIGN), (8, HOME))
    assert rows(activations, moving) == [(1, HOME, FOREIGN), (9, FOREIGN, FOREIGN)]


def test_a_predecessor_without_verdict_was_not_unexpected() -> None:
    assert rows(seen((1, FOREIGN), (10, FOREIGN)), expect((5, HOME))) == [(10, FOREIGN, FOREIGN)]


# Rule 5: the IMEI on record just before


def test_pre_imei_is_the_previous_activations_expected_or_not() -> None:
    activations = seen((1, HOME), (2, THIRD), (3, FOREIGN))
    assert rows(activations, ALWAYS_HOME) == [(2, HOME, THIRD), (3, THIRD, FOREIGN)]


def test_pre_imei_of_a_sim_never_seen_before_is_the_expected_one() -> None:
    assert rows(seen((10, FOREIGN)), expect((BEGINNING, THIRD), (5, HOME))) == [(10, HOME, FOREIGN)]


def test_pre_imei_may_come_from_before_the_first_expectation() -> None:
    assert rows(seen((1, THIRD), (10, FOREIGN)), expect((5, HOME))) == [(10, THIRD, FOREIGN)]


# Ties, and rule 7: the set of facts alone


def test_of_two_activations_at_one_moment_the_imei_that_is_first_as_text_comes_first() -> None:
    assert FOREIGN > HOME > THIRD
    assert rows(seen((1, FOREIGN), (1, HOME)), ALWAYS_HOME) == [(1, HOME, FOREIGN)]
    assert rows(seen((1, HOME), (1, THIRD)), ALWAYS_HOME) == [(1, HOME, THIRD)]
    assert rows(seen((1, "010203040506070"), (1, "01020304050608")), ALWAYS_HOME) == [
        (1, HOME, "010203040506070"),
        (1, "010203040506070", "01020304050608"),
    ]


def test_a_shorter_imei_comes_before_the_same_with_more_digits() -> None:
    assert rows(seen((1, "3571520912345620"), (1, "35715209123456")), ALWAYS_HOME) == [
        (1, HOME, "35715209123456")
    ]


# Properties

imeis = st.sampled_from(
    [
        "35209900176148",
        HOME,
        "3520990017614899",
        FOREIGN,
        "35715209123456",
        THIRD,
        "352099001761491",
    ]
).map(Imei.parse)
times = st.integers(0, 7).map(Moment)
activation_lists = st.lists(st.builds(Activation, times, imeis), max_size=12)
expectation_lists = st.lists(
    st.builds(Expectation, st.one_of(st.just(BEGINNING), times), imeis),
    max_size=4,
    unique_by=lambda expectation: expectation.effective_from,
)


def by_brute_force(
    activations: list[Activation], expectations: list[Expectation]
) -> list[tuple[int, str, str]]:
    """The contract's words over texts, with a search wherever the module under test remembers."""
    order = sorted({(int(each.activated_at), str(each.imei)) for each in activations})

    def expected(at: int) -> str | None:
        in_force = [each for each in expectations if each.effective_from <= at]
        return str(max(in_force, key=lambda each: each.effective_from).imei) if in_force else None

    def unexpected(position: int) -> bool:
        at, imei = order[position]
        wanted = expected(at)
        return wanted is not None and wanted[:14] != imei[:14]

    found = []
    for position, (at, imei) in enumerate(order):
        if not unexpected(position):
            continue
        before = order[position - 1][1] if position else None
        if before is not None and unexpected(position - 1) and before[:14] == imei[:14]:
            continue
        found.append((at, before or expected(at) or "", imei))
    return found


@given(activation_lists, expectation_lists)
def test_the_rows_are_those_of_the_contract_restated_by_brute_force(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    assert rows(activations, expectations) == by_brute_force(activations, expectations)


@given(activation_lists, expectation_lists, st.randoms(use_true_random=False), st.data())
def test_neither_order_nor_repetition_changes_the_rows(
    activations: list[Activation],
    expectations: list[Expectation],
    random: object,
    data: st.DataObject,
) -> None:
    again = activations + (
        data.draw(st.lists(st.sampled_from(activations), max_size=5)) if activations else []
    )
    shuffled_activations, shuffled_expectations = list(again), list(expectations)
    random.shuffle(shuffled_activations)  # type: ignore[attr-defined] # random.Random by hypothesis' hand
    random.shuffle(shuffled_expectations)  # type: ignore[attr-defined] # the same
    assert mismatches(shuffled_activations, shuffled_expectations) == mismatches(
        activations, expectations
    )


@given(activation_lists, expectation_lists)
def test_every_row_stands_for_an_unexpected_activation_and_rows_are_in_order(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    found = mismatches(activations, expectations)
    in_force = sorted(expectations)
    assert [(row.activated_at, row.post_imei) for row in found] == sorted(
        {(row.activated_at, row.post_imei) for row in found}
    )
    for row in found:
        expected = in_force_at(in_force, row.activated_at)
        assert expected is not None
        assert expected.imei // HARDWARE != row.post_imei.identity
        assert Activation(row.activated_at, row.post_imei) in activations


@given(activation_lists, expectation_lists)
def test_an_activation_moves_the_rows_from_its_moment_on_only(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    cut = 4
    early = [each for each in activations if each.activated_at < cut]
    assert [
        row for row in mismatches(activations, expectations) if row.activated_at < cut
    ] == mismatches(early, expectations)


@given(activation_lists, imeis)
def test_a_sim_that_stays_where_it_belongs_is_never_reported(
    activations: list[Activation], imei: Imei
) -> None:
    at_home = [Activation(each.activated_at, imei) for each in activations]
    assert mismatches(at_home, [Expectation(BEGINNING, imei)]) == []


@given(activation_lists, expectation_lists)
def test_there_is_one_verdict_a_distinct_activation_in_order(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    verdicts = list(judge(activations, expectations))
    assert [verdict.activation for verdict in verdicts] == sorted(set(activations))
    assert [verdict.previous for verdict in verdicts] == [None, *sorted(set(activations))][
        : len(verdicts)
    ]
    assert sum(verdict.opens for verdict in verdicts) == len(mismatches(activations, expectations))


# Pairings: the same activations as stays


def test_a_stay_begins_where_the_hardware_changes() -> None:
    stays = stays_of(seen((1, HOME), (2, HOME), (3, FOREIGN), (4, HOME)), ALWAYS_HOME)
    assert [
        (stay.opened_at, stay.last_seen_at, str(stay.imei), stay.activations, stay.reported)
        for stay in stays
    ] == [
        (1, 2, HOME, 2, False),
        (3, 3, FOREIGN, 1, True),
        (4, 4, HOME, 1, False),
    ]


def test_a_stay_begins_where_the_expected_hardware_changes() -> None:
    stays = stays_of(seen((1, FOREIGN), (2, FOREIGN)), expect((1, HOME), (2, THIRD)))
    assert [(stay.opened_at, stay.unexpected, stay.reported) for stay in stays] == [
        (1, True, True),
        (2, True, False),
    ]


def test_the_expected_hardware_written_with_other_digits_behind_does_not_begin_a_stay() -> None:
    stays = stays_of(seen((1, FOREIGN), (2, FOREIGN)), expect((1, HOME), (2, HOME[:14])))
    assert [(stay.opened_at, stay.last_seen_at) for stay in stays] == [(1, 2)]


def test_a_stay_begins_where_the_first_expectation_does() -> None:
    stays = stays_of(seen((1, HOME), (5, HOME)), expect((5, HOME)))
    assert [(stay.opened_at, stay.expected is None) for stay in stays] == [(1, True), (5, False)]


@given(activation_lists, expectation_lists)
def test_stays_hold_every_activation_once_and_report_each_row(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    stays = stays_of(activations, expectations)
    assert sum(stay.activations for stay in stays) == len(set(activations))
    assert all(stay.opened_at <= stay.last_seen_at for stay in stays)
    assert all(one.last_seen_at <= other.opened_at for one, other in pairwise(stays))
    assert [(stay.opened_at, stay.imei) for stay in stays if stay.reported] == [
        (row.activated_at, row.post_imei) for row in mismatches(activations, expectations)
    ]
    for stay in stays:
        assert stay.unexpected == (
            stay.expected is not None and stay.expected // HARDWARE != stay.imei.identity
        )


def test_rows_are_values() -> None:
    assert mismatches(seen((1, FOREIGN)), ALWAYS_HOME) == [
        Mismatch(Moment(1), Imei.parse(HOME), Imei.parse(FOREIGN))
    ]

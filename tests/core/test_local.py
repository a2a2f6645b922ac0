"""What a fact can change, and what follows from a part of a history, beside the rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Imei
from tallystick.core.local import (
    AFTER_ALL_TIMES,
    SPANS_MAX,
    Expected,
    Seen,
    Span,
    bounded,
    rows_from,
    span_of_activation,
    span_of_expectation,
)
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation, in_force_at, mismatches

VALUES = [Allowed.parse(text) for text in ("35209900176148", "35715209", "nowhere", "none")]
IMEIS = [Imei.parse(text) for text in ("352099001761481", "357152091234562", "35715209999999")]
moments = st.integers(1, 12).map(Moment)
activations = st.sets(st.builds(Activation, moments, st.sampled_from(IMEIS)), max_size=16)
expectations = st.dictionaries(moments, st.sampled_from(VALUES), max_size=5)


def seen_of(seen: set[Activation], expected: dict[Moment, Allowed]) -> list[Seen]:
    """Activations in order, each with what was expected then."""
    in_order = sorted(Expectation(moment, value) for moment, value in expected.items())
    history = []
    for activation in sorted(seen):
        rule = in_force_at(in_order, activation.activated_at)
        says = None if rule is None or rule.imei == VALUES[3] else Expected(Allowed(rule.imei))
        history.append(Seen(activation.activated_at, activation.imei, says))
    return history


def rows_of(seen: set[Activation], expected: dict[Moment, Allowed]) -> set[tuple[int, int, int]]:
    """The rows by the rule: moment, IMEI found, IMEI before."""
    rules = [Expectation(moment, value) for moment, value in expected.items()]
    return {(row.activated_at, row.post_imei, row.pre_imei or 0) for row in mismatches(seen, rules)}


def is_within(moment: int, span: Span, seen: set[Activation]) -> bool:
    """Whether an activation may have another verdict.

    Within the span, or the next one behind it.
    """
    behind = [each.activated_at for each in seen if each.activated_at > span.last_at]
    return span.first_at <= moment <= span.last_at or moment == min(behind, default=None)


@given(activations, expectations, st.builds(Activation, moments, st.sampled_from(IMEIS)))
def test_an_activation_changes_only_rows_in_its_span(
    seen: set[Activation], expected: dict[Moment, Allowed], new: Activation
) -> None:
    changed = rows_of(seen, expected) ^ rows_of(seen | {new}, expected)
    span = span_of_activation(new.activated_at)
    assert all(is_within(moment, span, seen | {new}) for moment, *_ in changed)


@given(activations, expectations, moments, st.sampled_from([*VALUES, None]))
def test_an_expectation_changes_only_rows_in_its_span(
    seen: set[Activation],
    expected: dict[Moment, Allowed],
    moment: Moment,
    value: Allowed | None,
) -> None:
    after = {**expected, moment: value} if value is not None else dict(expected)
    if value is None:
        after.pop(moment, None)
    later = [other for other in after if other > moment]
    span = span_of_expectation(moment, min(later, default=None))
    changed = rows_of(seen, expected) ^ rows_of(seen, after)
    assert all(is_within(at, span, seen) for at, *_ in changed)


@given(activations, expectations, moments)
def test_a_part_of_a_history_has_the_rows_of_the_whole(
    seen: set[Activation], expected: dict[Moment, Allowed], first_at: Moment
) -> None:
    history = seen_of(seen, expected)
    before = [activation for activation in history if activation.activated_at < first_at]
    part = [*before[-1:], *(each for each in history if each.activated_at >= first_at)]
    local = {
        (row.activated_at, row.post_imei, int(row.pre_imei or 0))
        for row in rows_from(first_at, part)
    }
    assert local == {row for row in rows_of(seen, expected) if row[0] >= first_at}


def test_the_last_expectation_reaches_to_the_end_of_time() -> None:
    assert span_of_expectation(5, None) == Span(5, AFTER_ALL_TIMES)


def test_more_spans_than_are_looked_at_one_by_one_become_one() -> None:
    few = [Span(at, at) for at in range(SPANS_MAX)]
    assert bounded(reversed(few)) == few
    assert bounded([*few, Span(900, 950)]) == [Span(0, 950)]

from __future__ import annotations

import pytest

from tallystick.core.errors import InvalidValue
from tallystick.core.explanations import (
    Explanation,
    Note,
    RowState,
    holds,
    note_of,
    require_future,
    state_of,
)
from tallystick.core.moments import Moment

SAID = Note("ann", Moment(100), "OPS-1")


@pytest.mark.parametrize(("last_seen_at", "still"), [(50, True), (90, True), (91, False)])
@pytest.mark.parametrize("now", [101, 10**9])
def test_an_explanation_holds_until_the_sim_is_seen_there_again(
    last_seen_at: int, still: bool, now: int
) -> None:
    explanation = Explanation(SAID, None, Moment(90))
    assert holds(explanation, Moment(now), Moment(last_seen_at)) is still


@pytest.mark.parametrize(("now", "still"), [(101, True), (199, True), (200, False), (201, False)])
@pytest.mark.parametrize("last_seen_at", [90, 150])
def test_or_until_a_moment_whatever_is_seen_meanwhile(
    now: int, still: bool, last_seen_at: int
) -> None:
    explanation = Explanation(SAID, Moment(200), Moment(90))
    assert holds(explanation, Moment(now), Moment(last_seen_at)) is still


def test_what_is_proposed_is_said_before_what_is_explained() -> None:
    assert state_of(is_proposed=True, is_explained=True) is RowState.PROPOSED
    assert state_of(is_proposed=False, is_explained=True) is RowState.EXPLAINED
    assert state_of(is_proposed=False, is_explained=False) is RowState.OPEN


def test_an_explanation_says_something_and_ends_later_than_now() -> None:
    assert note_of("ann", Moment(100), "OPS-1", "") == SAID
    for ticket, text in (("", ""), ("OPS\n1", ""), ("", "x" * 501)):
        with pytest.raises(InvalidValue):
            note_of("ann", Moment(100), ticket, text)
    require_future(None, Moment(100))
    require_future(Moment(101), Moment(100))
    with pytest.raises(InvalidValue):
        require_future(Moment(100), Moment(100))

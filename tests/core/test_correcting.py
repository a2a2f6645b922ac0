from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import NONE, NOWHERE
from tallystick.core.correcting import Correction, Place, Since, correction_of, corrections
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation, FirstUse, mismatches, with_first_use

HOME, FOREIGN, THIRD = (
    Imei.parse(text) for text in ("352099001761481", "357152091234562", "010203040506070")
)
HOME_MODEL = Imei.parse("352099007654326")  # another unit of HOME's model
FOREIGN_WITH_VERSION = Imei.parse("3571520912345699")


def seen(*stays: tuple[int, Imei]) -> list[Activation]:
    return [Activation(Moment(at), imei) for at, imei in stays]


def expected(*since: tuple[int, Imei]) -> list[Expectation]:
    return [Expectation(Moment(at), imei) for at, imei in since]


def test_a_sim_that_was_only_ever_seen_elsewhere_gets_the_expectation_in_force_corrected() -> None:
    found = corrections(seen((10, FOREIGN), (20, FOREIGN)), expected((BEGINNING, HOME)))
    assert found == [Correction(BEGINNING, FOREIGN)]
    assert corrections(seen((10, FOREIGN)), expected((3, HOME))) == [Correction(Moment(3), FOREIGN)]


def test_it_is_the_expectation_in_force_when_the_sim_was_seen_and_not_a_later_one() -> None:
    found = corrections(seen((10, FOREIGN)), expected((3, THIRD), (5, HOME), (20, THIRD)))
    assert found == [Correction(Moment(5), FOREIGN)]


def test_a_sim_that_has_moved_is_corrected_from_the_move_on() -> None:
    found = corrections(seen((10, HOME), (20, FOREIGN), (30, FOREIGN)), expected((BEGINNING, HOME)))
    assert found == [Correction(Moment(20), FOREIGN)]


def test_the_hardware_it_was_seen_in_last_counts() -> None:
    found = corrections(seen((10, FOREIGN), (20, THIRD)), expected((BEGINNING, HOME)))
    assert found == [Correction(Moment(20), THIRD)]


def test_a_sim_that_moved_back_needs_nothing() -> None:
    assert corrections(seen((10, FOREIGN), (20, HOME)), expected((BEGINNING, HOME))) == []


def test_a_sim_whose_expectation_was_put_right_meanwhile_needs_nothing() -> None:
    assert (
        corrections(seen((10, FOREIGN), (30, FOREIGN)), expected((BEGINNING, HOME), (20, FOREIGN)))
        == []
    )


def test_each_expectation_that_the_last_stay_contradicts_is_corrected() -> None:
    found = corrections(
        seen((10, FOREIGN), (30, FOREIGN)), expected((BEGINNING, HOME), (20, THIRD))
    )
    assert found == [Correction(BEGINNING, FOREIGN), Correction(Moment(20), FOREIGN)]


def test_two_forms_of_one_imei_are_one_stay_and_the_last_is_told() -> None:
    found = corrections(
        seen((10, FOREIGN), (20, FOREIGN_WITH_VERSION)), expected((BEGINNING, HOME))
    )
    assert found == [Correction(BEGINNING, FOREIGN_WITH_VERSION)]


@pytest.mark.parametrize(
    ("activations", "expectations"),
    [
        ([], expected((BEGINNING, HOME))),
        (seen((10, FOREIGN)), []),
        (seen((10, FOREIGN)), expected((11, HOME))),
    ],
    ids=["never seen", "expected nowhere", "not expected yet"],
)
def test_without_a_verdict_there_is_nothing_to_correct(
    activations: list[Activation], expectations: list[Expectation]
) -> None:
    assert corrections(activations, expectations) == []


imeis = st.sampled_from([HOME, HOME_MODEL, FOREIGN, FOREIGN_WITH_VERSION, THIRD])
moments = st.integers(0, 12)


@given(
    at=st.dictionaries(moments, imeis, max_size=8),
    since=st.dictionaries(st.one_of(st.just(BEGINNING), moments), imeis, max_size=4),
    first_use=st.sampled_from(FirstUse),
)
def test_taken_in_they_close_the_rows_of_the_last_stay_and_open_none(
    at: dict[int, Imei], since: dict[int, Imei], first_use: FirstUse
) -> None:
    activations = seen(*at.items())

    def held(since: dict[int, Imei]) -> list[Expectation]:
        return with_first_use(activations, expected(*since.items()), first_use)

    before = mismatches(activations, held(since))
    found = corrections(activations, held(since))
    corrected = since | {each.effective_from: each.imei for each in found}
    after = mismatches(activations, held(corrected))
    assert set(after) <= set(before)
    if found:
        assert len(after) < len(before)
        assert corrections(activations, held(corrected)) == []
    last = max(at, default=None)
    if last is not None and any(row.activated_at == last for row in before):
        assert all(row.activated_at != last for row in after)


def test_a_sim_held_to_its_first_use_is_corrected_from_the_move_on() -> None:
    activations = seen((10, HOME), (20, FOREIGN), (30, FOREIGN_WITH_VERSION))
    held = with_first_use(activations, [], FirstUse.IMEI)
    assert corrections(activations, held) == [Correction(Moment(20), FOREIGN_WITH_VERSION)]


def test_a_sim_that_is_back_in_the_model_it_is_held_to_needs_nothing() -> None:
    activations = seen((10, HOME), (20, FOREIGN), (30, HOME_MODEL))
    assert corrections(activations, with_first_use(activations, [], FirstUse.MODEL)) == []
    assert corrections(activations, with_first_use(activations, [], FirstUse.IMEI)) == [
        Correction(Moment(30), HOME_MODEL)
    ]


DATED = Expectation(Moment(5), HOME)


@pytest.mark.parametrize(
    ("in_force", "place", "since", "wanted"),
    [
        (DATED, Place.SEEN, Since.MOVE, (9, FOREIGN)),
        (DATED, Place.SEEN, Since.BEGINNING, (5, FOREIGN)),
        (None, Place.SEEN, Since.BEGINNING, (BEGINNING, FOREIGN)),
        (DATED, Place.NOWHERE, Since.MOVE, (9, NOWHERE)),
        (DATED, Place.NONE, Since.BEGINNING, (5, NONE)),
    ],
)
def test_a_mismatch_is_answered_from_the_move_on_or_in_the_place_of_what_was_wrong(
    in_force: Expectation | None, place: Place, since: Since, wanted: tuple[int, int]
) -> None:
    assert correction_of(FOREIGN, Moment(9), in_force, place, since) == wanted

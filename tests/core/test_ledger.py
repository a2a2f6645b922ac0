from __future__ import annotations

import pytest

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.ledger import (
    SIMS_NAMED_MAX,
    Origin,
    Value,
    for_sims,
    held_values,
    is_same_hand,
    parse_note,
    sims_in,
)
from tallystick.core.moments import BEGINNING, Moment

HOME, FOREIGN = Imei.parse("352099001761481"), Imei.parse("357152091234562")
LATER = Moment(10)


def value(put_in: int, ended_in: int | None, imei: Imei = HOME, since: Moment = BEGINNING) -> Value:
    return Value(since, imei, put_in, ended_in)


def change_sets_of(
    values: list[Value], undoings: dict[int, int]
) -> list[tuple[int, int | None, int | None]]:
    held = held_values(values, undoings)
    return [(each.change_set_id, each.returned_in, each.ended_in) for each in held]


def test_values_follow_each_other_and_moments_are_told_apart() -> None:
    values = [
        value(1, 2),
        value(2, 3, FOREIGN, LATER),
        value(2, None, FOREIGN),
        value(3, None, HOME, LATER),
    ]
    moments = [each.effective_from for each in held_values(values, {})]
    assert moments == [BEGINNING, BEGINNING, LATER, LATER]
    assert change_sets_of(values, {}) == [
        (1, None, 2),
        (2, None, None),
        (2, None, 3),
        (3, None, None),
    ]


def test_what_an_undo_brings_back_keeps_what_put_it() -> None:
    values = [value(0, 1), value(1, 2, FOREIGN), value(0, None)]
    assert change_sets_of(values, {2: 1}) == [(0, None, 1), (1, None, 2), (0, 2, None)]


def test_what_was_taken_away_is_brought_back_by_the_undo_of_that() -> None:
    values = [value(1, 2), value(1, None)]
    assert change_sets_of(values, {2: 1, 3: 2})[1] == (1, 3, None)


def test_what_is_put_anew_where_an_undo_left_nothing_was_brought_back_by_nobody() -> None:
    values = [value(1, 2), value(3, None, FOREIGN)]
    assert change_sets_of(values, {2: 1})[1] == (3, None, None)


def test_two_additions_that_were_undone_and_the_first_of_them_brought_back() -> None:
    """1 adds, 2 takes that away, 3 adds, 4 takes that away, 5 undoes 2."""
    values = [value(1, 2), value(3, 4, FOREIGN), value(1, None)]
    brought_back = [(1, None, 2), (3, None, 4), (1, 5, None)]
    assert change_sets_of(values, {2: 1, 4: 3, 5: 2}) == brought_back


def test_a_removal_that_was_undone_has_brought_the_value_back() -> None:
    """1 adds, 2 removes the SIM, 3 undoes that; 4 undoes 3 and 5 undoes 4."""
    values = [value(1, 2), value(1, None)]
    assert change_sets_of(values, {3: 2}) == [(1, None, 2), (1, 3, None)]
    values = [value(1, 2), value(1, 4), value(1, None)]
    brought_back = [(1, None, 2), (1, 3, 4), (1, 5, None)]
    assert change_sets_of(values, {3: 2, 4: 3, 5: 4}) == brought_back


def test_a_removal_is_undone_after_what_was_put_in_its_place() -> None:
    """1 adds, 2 removes the SIM, 3 adds, 4 takes that away, 5 undoes 2."""
    values = [value(1, 2), value(3, 4, FOREIGN), value(1, None)]
    brought_back = [(1, None, 2), (3, None, 4), (1, 5, None)]
    assert change_sets_of(values, {4: 3, 5: 2}) == brought_back


def test_a_correction_of_a_correction_is_undone_step_by_step() -> None:
    """2 corrects 1, 3 corrects 2; 4 undoes 3, 5 undoes 2, 6 undoes 5."""
    values = [
        value(1, 2),
        value(2, 3, FOREIGN),
        value(3, 4),
        value(2, 5, FOREIGN),
        value(1, 6),
        value(2, None, FOREIGN),
    ]
    returned_in = [each.returned_in for each in held_values(values, {4: 3, 5: 2, 6: 5})]
    assert returned_in == [None, None, None, 4, 5, 6]


def test_a_proposal_may_be_put_in_force_after_change_sets_that_came_later() -> None:
    """3 was applied before 2: what ended a value tells the order, not the numbers."""
    assert change_sets_of([value(1, 3), value(3, 2, FOREIGN), value(2, None)], {}) == [
        (1, None, 3),
        (3, None, 2),
        (2, None, None),
    ]


@pytest.mark.parametrize("text", ["", "OPS-1", "x" * 500, "Ünïcode, with blanks"])
def test_a_note_is_printable_and_short(text: str) -> None:
    assert parse_note("ticket", text) == text


@pytest.mark.parametrize("text", ["x" * 501, "a\nb", "\0"])
def test_any_other_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValue, match="ticket must be"):
        parse_note("ticket", text)


def test_a_change_set_names_its_sims_behind_what_it_came_as_unless_they_are_too_many() -> None:
    sims = [Iccid.parse(f"8914800000080000{number:04d}") for number in range(SIMS_NAMED_MAX + 1)]
    of_upload = Origin("app/ann", Moment(1), "upload", "2c1a5f0e-8f0b-4f5e-9a39-0d8f6d1f5a11")
    for origin in (of_upload, of_upload._replace(detail="")):
        assert sims_in(for_sims(origin, [*sims[1::-1], sims[0]]).detail) == sims[:2]
        assert sims_in(for_sims(origin, sims).detail) == []
        assert sims_in(origin.detail) == []


@pytest.mark.parametrize(
    ("keepers", "is_same"),
    [
        ({}, False),
        ({"b": "a"}, True),
        ({"a": "b"}, True),
        ({"a": "x", "b": "x"}, True),
        ({"a": "x", "x": "y", "b": "z", "z": "y"}, True),
        ({"a": "x", "b": "y"}, False),
        ({"a": "x", "x": "a", "b": "y", "y": "b"}, False),
        ({"c": "a", "d": "b"}, False),
    ],
)
def test_two_apps_are_one_hand_where_one_was_shown_the_secret_of_both(
    keepers: dict[str, str], is_same: bool
) -> None:
    assert is_same_hand("a", "b", keepers) is is_same
    assert is_same_hand("b", "a", keepers) is is_same
    assert is_same_hand("a", "a", keepers)


@pytest.mark.parametrize(
    ("other", "keepers", "is_same"),
    [
        ("console/up", {}, True),
        ("app", {}, True),
        ("other/up", {}, True),
        ("app/down", {}, True),
        ("console/bob", {}, False),
        ("other", {}, False),
        ("console/bob", {"app": "console/bob"}, True),
        ("console/bob", {"console/up": "console/bob"}, True),
        ("console/bob", {"console/up": "desk", "desk": "console/bob"}, True),
        ("console/bob", {"app": "console/eve", "console/up": "console/eve"}, False),
        ("console/bob", {"app": "console/eve", "console/bob": "console/eve"}, True),
    ],
)
def test_a_user_behind_an_app_is_the_app_and_the_same_user_in_the_console(
    other: str, keepers: dict[str, str], is_same: bool
) -> None:
    assert is_same_hand("app/up", other, keepers) is is_same
    assert is_same_hand(other, "app/up", keepers) is is_same


def test_a_slash_in_a_name_parts_no_users_of_the_console() -> None:
    assert is_same_hand("a/b/up", "a/b", {})
    assert is_same_hand("app/u/p", "console/u/p", {})
    assert not is_same_hand("console/ann", "console/bob", {})

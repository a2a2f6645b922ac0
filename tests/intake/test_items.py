"""Facts of calls: many are checked a column at a time, and come out as if one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.core.facts import SimActivation
from tallystick.intake import KINDS, KindName, check_items, items
from tallystick.intake.mappings.naming import may_bear_on
from tallystick.intake.plain_items import plain_activation
from tallystick.intake.sources import limits
from tallystick.intake.sources.json import block_of
from tallystick.intake.sources.json_objects import Records, reading_of

if TYPE_CHECKING:
    from tallystick.intake.kinds import Kind

GOOD: dict[KindName, list[dict[str, Any]]] = {
    "activations": [
        {
            "iccid": "89148000000800000011",
            "imei": "352099001761481",
            "activated_at": "2026-03-05T10:00:00Z",
        },
        {
            "iccid": "891480000008000000",
            "imei": "01020304050607",
            "activated_at": "2026-03-05 10:00:00.5-08:00Z",
        },
        {
            "imsi": "295050900000011",
            "msisdn": "+882 285 000 000 011",
            "imei": "35-209900-176148-1",
            "activated_at": "2026-03-05T10:00:00Z",
        },
        {
            "msisdn": "882285000000011",
            "imei": "01020304050607",
            "activated_at": "2026-03-05T10:00:00Z",
        },
    ],
    "identities": [
        {"iccid": "8914800000080000001F", "imsi": 295050900000011},
        {
            "iccid": "8914800000080000001",
            "msisdn": "882285000000011",
            "valid_from": "2026-03-05T10:00:00Z",
        },
    ],
    "expectations": [
        {"iccid": "89148000000800000011", "imei": 352099001761481, "effective_from": None}
    ],
    "sims": [
        {"iccid": "89148000000800000011", "account": "Ünïcode", "activation_date": "2026-03-05"},
        {
            "iccid": "89148000000800000029",
            "mdn": "555-CALL",
            "account": "a",
            "activation_date": "2026-03-05 10:00:00",
        },
    ],
    "groups": [
        {
            "account": "a",
            "group": "g",
            "iccid": "89148000000800000011",
            "reason": "was refused once",
        }
    ],
    "types": [
        {"tac": "35209900", "manufacturer": "Alder", "model": "A1"},
        {"TAC": 1020304, "Brand Name": "Ünïcode", "bands": ["LTE"]},
    ],
}
WRONG: list[Any] = [
    None,
    7,
    [],
    {},
    {"iccid": "88", "imei": "", "activated_at": "soon", "colour": "red"},
    {"iccid": True, "imei": 1.5},
]


@pytest.mark.parametrize("kind_name", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_many_values_at_once_give_what_they_give_one_by_one(
    kind_name: KindName, data: st.DataObject
) -> None:
    kind = KINDS[kind_name]
    values = data.draw(
        st.lists(st.sampled_from([*GOOD[kind_name], *GOOD["activations"], *WRONG]), max_size=12)
    )
    facts, rejects, doubts = check_items(kind, values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "COLUMNS_PAY_MIN", 0)
        frame, same_rejects, same_doubts = check_items(kind, values)
    assert isinstance(frame, pl.DataFrame)
    assert frame.select(list(kind.fact_columns)).rows() == [tuple(fact) for fact in facts]
    assert sorted(each[:2] for each in same_rejects) == sorted(each[:2] for each in rejects)
    assert same_doubts == doubts


digit = st.sampled_from("0123456789")
near_iccids = st.one_of(
    st.text(digit, min_size=15, max_size=19).map("89".__add__),
    st.sampled_from(
        ["8914800000080000001F", " 89148000000800000011", "\u0668\u0669" * 10, 7, None]
    ),
)
near_imeis = st.one_of(
    st.text(digit, min_size=13, max_size=17),
    st.sampled_from(["35-209900-176148-1", "\uff13" * 15, 352099001761481, "", None]),
)
near_moments = st.one_of(
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    st.text("0123456789-T:.ZW+ \u0661", min_size=19, max_size=27),
    st.sampled_from(
        [
            "2026-03-05T10:00:00Z",
            "2026-03-05T10:00:00.123Z",
            "2026-03-05T10:00:00.1234567Z",
            "2026-03-05T10:00:00",
            "2026-03-05T24:00:00Z",
            "2026-03-05T23:59:60Z",
            "2026-02-29T10:00:00Z",
            "2026-W10-4T10:00:00Z",
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "2026-03-05T10:00:00Z\n",
            1772704800,
            None,
        ]
    ),
)
LOOKED_AT_CLOSELY = replace(KINDS["activations"], recognise_item=None)
near_activations = st.fixed_dictionaries(
    {"iccid": near_iccids, "imei": near_imeis, "activated_at": near_moments},
    optional={"msisdn": st.just("882285000000011"), "colour": st.just("red")},
)


def test_calls_are_not_looked_into() -> None:
    checked = check_items(KINDS["types"], [{"data": {"tac": "35209900", "manufacturer": "Alder"}}])
    assert (len(checked.facts), len(checked.rejects)) == (0, 1)


def test_a_plain_activation_is_recognised_at_once() -> None:
    for activation in (GOOD["activations"][0], GOOD["activations"][0] | {"imei": "01020304050607"}):
        assert isinstance(plain_activation(activation), SimActivation)


@settings(deadline=None, max_examples=600)
@given(value=near_activations | st.sampled_from(WRONG))
def test_what_is_recognised_at_once_is_what_a_closer_look_gives(value: object) -> None:
    recognised = plain_activation(value)
    facts, rejects, doubts = check_items(LOOKED_AT_CLOSELY, [value])
    if recognised is not None:
        assert (facts, rejects, doubts.by_name) == ([recognised], [], {})


def test_an_activation_that_never_was_is_rejected() -> None:
    never = {**GOOD["activations"][0], "activated_at": "1970-01-01T00:00:00Z"}
    (reject,) = check_items(KINDS["activations"], [never]).rejects
    assert "for never" in reject.reason


def test_a_name_twice_behind_a_value_over_several_lines_is_told_where_it_is() -> None:
    with pytest.raises(InvalidValue, match="refused whole: line 3: the name 'b' stands twice"):
        items.read_items(b'{"iccid":\n"1"}\n{"b":1,"b":2}', lines=True)


@pytest.mark.parametrize("count", [1, items.COLUMNS_PAY_MIN])
@pytest.mark.parametrize("lines", [False, True])
def test_a_fact_with_a_name_twice_has_its_body_refused_with_the_name(
    count: int, *, lines: bool
) -> None:
    """Of two values the parser takes the last, and the first would be lost in silence."""
    fact = msgspec.json.encode(GOOD["activations"][0])
    twice = fact.replace(b'"imei":', b'"imei":"35715209123456","imei":')
    bodies = [[fact] * count, [*[fact] * (count - 1), twice]]
    good, bad = (b"\n".join(each) if lines else b"[%s]" % b",".join(each) for each in bodies)
    assert len(items.read_items(good, lines=lines)) == count
    place = f"line {count}: " if lines else ""
    with pytest.raises(InvalidValue, match=f"refused whole: {place}the name 'imei' stands twice"):
        items.read_items(bad, lines=lines)


@pytest.mark.parametrize("count", [40, 3_000])
def test_objects_of_too_many_different_names_are_refused(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Each set of names is looked through on its own, so that thousands would take seconds."""
    monkeypatch.setattr(limits, "DIFFERENT_NAMES_MAX", 30)
    fact = GOOD["activations"][0]
    sent = [fact | {f"note {number}": ""} for number in range(count)]
    with pytest.raises(InvalidValue, match="too many different names"):
        check_items(KINDS["activations"], sent)
    assert len(check_items(KINDS["activations"], [fact] * count).facts) == count


def test_objects_may_leave_out_any_of_their_names_that_are_no_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As exports do with those that are empty: 8 such names make 256 sets."""
    monkeypatch.setattr(limits, "DIFFERENT_NAMES_MAX", 30)
    fact = GOOD["activations"][0]
    notes = [f"note {number}" for number in range(8)]
    sent = [
        fact | {note: "" for bit, note in enumerate(notes) if number >> bit & 1}
        for number in range(256)
    ]
    records = Records("the body", KINDS["activations"])
    assert len(block_of(sent, records).frame) == 256
    with pytest.raises(FileRefused, match="too many different names, or sets of those"):
        block_of([fact | {f"IMEI {number}": ""} for number in range(9)], records)


LIKE_NAMES = [
    *(
        "Old ICCID",
        "SIM Card No",
        "IMEI 1",
        "imei",
        "Imei",
        "IMSI",
        "date",
        "time",
        "Activation date",
    ),
    *(
        "note",
        "ki",
        "phone",
        "Mobile No.",
        "name",
        "Model",
        "name 2",
        "model name",
        "account",
        "tac",
    ),
]


@given(st.sampled_from(list(KINDS.values())), st.sets(st.sampled_from(LIKE_NAMES)))
def test_names_that_can_be_no_column_bear_on_nothing(kind: Kind, names: set[str]) -> None:
    ordered = sorted(names)
    bearing = tuple(name for name in ordered if may_bear_on(kind, name))
    assert reading_of(kind, bearing) == reading_of(kind, tuple(ordered))
    assert may_bear_on(kind, "note") is False


def test_an_object_of_very_many_names_is_rejected_alone() -> None:
    fact = GOOD["activations"][0]
    wide = fact | {f"note {number}": "" for number in range(limits.DIFFERENT_NAMES_MAX)}
    checked = check_items(KINDS["activations"], [wide, fact])
    assert (len(checked.facts), len(checked.rejects)) == (1, 1)

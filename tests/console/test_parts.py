"""Parts of pages that are plain numbers: pictures, and counts that hold for some seconds."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, timedelta
from functools import partial
from hashlib import sha256
from itertools import pairwise

import pytest

from tallystick.console.charts import HEIGHT, WIDTH, bar_chart, nice_steps
from tallystick.console.lanes import LABEL_WIDTH, LANES_MAX, lanes_of
from tallystick.console.mismatches import ShownRow
from tallystick.console.pages import Pages
from tallystick.console.recent import VALUES_MAX, Recent
from tallystick.console.words import sentence_of
from tallystick.core.allowed import Allowed
from tallystick.core.facts import Sim
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation, Pairing, Run, stays
from tallystick.core.reasons import Cause
from tallystick.core.window import Window
from tallystick.fleet.explanations import OPEN
from tallystick.fleet.timeline import Timeline
from tallystick.settings import Settings
from tests.console.vendored import LIST, VENDOR, content_of

HOME = Imei.parse("352099001761481")
SIM = Sim(Iccid.parse("89148000000800000010"), None, "a", None, "4G")
DAY_US = 86_400_000_000


def timeline(stays: list[Pairing], expectations: list[Expectation]) -> Timeline:
    """A timeline that leaves nothing out."""
    return Timeline(
        SIM,
        Moment(0),
        is_cut=False,
        stays=stays,
        expectations=expectations,
        has_more_expectations=False,
    )


@pytest.mark.parametrize(
    ("count", "steps"),
    [
        (0, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (6, [0, 2, 4, 6]),
        (25, [0, 5, 10, 15, 20, 25]),
        (26, [0, 10, 20, 30]),
        (123_456, [0, 50_000, 100_000, 150_000]),
    ],
)
def test_the_scale_ends_at_a_round_number_just_above_every_bar(
    count: int, steps: list[int]
) -> None:
    assert nice_steps(count) == steps


def test_bars_stack_up_to_their_count_within_the_picture() -> None:
    counts = {Cause.THEFT: 3, Cause.UNCLEAR: 5}
    days = [(date(2026, 1, 1) + timedelta(days=n), counts if n % 2 else {}) for n in range(90)]
    chart = bar_chart(days)
    assert [bar.rows for bar in chart.bars] == [0, 8] * 45
    for bar in chart.bars:
        assert chart.left <= bar.x < bar.x + bar.width <= WIDTH
        assert [part.rows for part in bar.parts] == list(counts.values())[: len(bar.parts)]
        for below, above in zip(bar.parts, bar.parts[1:], strict=False):
            assert above.y + above.height == pytest.approx(below.y)
    assert chart.bars[1].parts[0].y + chart.bars[1].parts[0].height == pytest.approx(chart.base)
    assert 0 < chart.bars[1].parts[-1].y < chart.base < HEIGHT
    assert sum(bool(bar.label) for bar in chart.bars) <= 7


def test_each_hardware_has_a_lane_up_to_a_number_and_lies_within_the_picture() -> None:
    window = Window(Moment(0), Moment(30 * DAY_US))
    seen = [Activation(Moment(n * DAY_US), Imei.parse(f"86123405{n:06d}0")) for n in range(1, 20)]
    expectations = [Expectation(BEGINNING, HOME)]
    stays_seen = stays([Run.of(activation) for activation in seen], expectations)
    drawn = lanes_of(timeline(stays_seen, expectations), window, UTC)
    assert drawn
    assert (len(drawn.lanes), drawn.left_out) == (LANES_MAX, 19 + 1 - LANES_MAX)
    assert drawn.lanes[0].imei == seen[-1].imei
    for lane in drawn.lanes:
        assert lane.expected == []
        for each in lane.stays:
            assert drawn.left <= each.stretch.x
            assert each.stretch.x + each.stretch.width <= drawn.width
            assert each.verdict == "unexpected"


def test_where_a_sim_is_expected_has_a_lane_of_its_own_over_the_whole_window() -> None:
    window = Window(Moment(0), Moment(30 * DAY_US))
    later = Expectation(Moment(15 * DAY_US), Imei.parse("357152091234565"))
    expectations = [Expectation(BEGINNING, HOME), later]
    drawn = lanes_of(timeline([], expectations), window, UTC)
    assert drawn
    first, second = (lane.expected[0] for lane in drawn.lanes)
    assert first.x == drawn.left
    assert first.x + first.width == pytest.approx(second.x)
    assert lanes_of(timeline([], []), Window(Moment(5), Moment(5)), UTC) is None


def test_no_names_of_days_are_drawn_over_each_other_or_past_the_end() -> None:
    expectations = [Expectation(BEGINNING, HOME)]
    for begins in range(0, DAY_US, DAY_US // 8):
        for days in (1, 2, 7, 30, 92):
            window = Window(Moment(begins), Moment(begins + days * DAY_US - 1))
            drawn = lanes_of(timeline([], expectations), window, UTC)
            assert drawn
            places = [label.x for label in drawn.labels]
            assert all(b - a >= LABEL_WIDTH for a, b in pairwise(places))
            rooms = [0 if label.is_before else LABEL_WIDTH for label in drawn.labels]
            assert all(x + room <= drawn.width for x, room in zip(places, rooms, strict=True))


def test_hardware_is_marked_as_expected_by_lists_and_models_and_never_by_nowhere() -> None:
    window = Window(Moment(0), Moment(40 * DAY_US))
    second = Imei.parse("357152091234565")
    values = (f"{HOME}|{second}", "35715209", "nowhere", "none")
    expectations = [
        Expectation(Moment(10 * n * DAY_US), Allowed.parse(value)) for n, value in enumerate(values)
    ]
    runs = [Run.of(Activation(Moment(n * DAY_US), imei)) for n, imei in ((1, HOME), (2, second))]
    drawn = lanes_of(timeline(stays(runs, expectations), expectations), window, UTC)
    assert drawn
    marked = {lane.imei: len(lane.expected) for lane in drawn.lanes}
    assert marked == {HOME: 1, second: 2}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (str(HOME), f"in {HOME}"),
        (f"{HOME}|35715209", f"in {HOME} or hardware of model 35715209"),
        ("nowhere", "in no hardware"),
    ],
)
def test_where_a_sim_was_expected_is_told_in_words(value: str, where: str) -> None:
    told = sentence_of({"code": "expected", "imei": value, "change_set_id": 7})
    assert told == f"It was expected {where} from the beginning, by change set 7."


def test_a_value_is_worked_out_once_in_its_time_and_the_oldest_goes_first() -> None:
    now, made = [1_000_000], list[str]()
    recent = Recent[str](lambda: now[0], 30)

    def make(key: str) -> str:
        made.append(key)
        return key

    def get(key: str) -> str:
        return recent.get(key, partial(make, key))[1]

    assert (get("a"), get("a"), made) == ("a", "a", ["a"])
    now[0] += 30_000_000
    assert (get("a"), made) == ("a", ["a", "a"])
    for number in range(VALUES_MAX):
        get(str(number))
    made.clear()
    get(str(VALUES_MAX - 1))
    assert made == []
    get("a")
    assert made == ["a"]


def test_what_the_tests_bring_along_is_what_the_list_says() -> None:
    for name, listed in tomllib.loads(LIST.read_text("utf-8")).items():
        folder = VENDOR / f"{name}-{listed['version']}"
        assert {path.name for path in folder.iterdir()} == set(listed["sha256"])
        assert "LICENSE" in listed["sha256"]
        assert listed["licence"]
        for file, digest in listed["sha256"].items():
            assert sha256(content_of(folder / file)).hexdigest() == digest


def test_what_files_brought_is_escaped_in_the_rows_of_a_table() -> None:
    row = ShownRow(
        "<b>'%s", '"><i>', "8914", "35", "86", "86123405", "2026-05-05 10:00:00 UTC", "",
        Cause.THEFT, "still there", "1.2.3", OPEN,
    )  # fmt: skip
    pages = Pages(Settings())
    rows = pages.table_rows([row], ["account", "mdn", "model"], {"86123405": "A&B %d"}, "?a=%3A&b")
    assert "<td role=cell class=account>&lt;b&gt;&#x27;%s" in rows
    assert "<td role=cell class=mdn>&quot;&gt;&lt;i&gt;" in rows
    assert "<td role=cell class=model>A&amp;B %d" in rows
    assert 'href="/sims/8914?a=%3A&amp;b"' in rows
    assert "still there" not in rows

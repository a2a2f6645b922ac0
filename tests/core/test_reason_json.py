from __future__ import annotations

import json
from datetime import UTC
from zoneinfo import ZoneInfo

from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import parse_moment
from tallystick.core.reason_json import append, decode, encode, extra_of, summary
from tallystick.core.reasons import Code, Reason

HOME = Imei.parse("352099001761481")
TWO, THREE = Iccid.parse("89148000000800000029"), Iccid.parse("89148000000800000037")
SINCE = parse_moment("2026-03-05T10:00:00Z")
OWN = [
    Reason(Code.EXPECTED, imei=HOME, since=SINCE),
    Reason(Code.OTHER_MODEL),
    Reason(Code.MOVED_ON, since=SINCE),
]
CROWD = Reason(Code.SEEN_WITH_OTHER_SIMS, iccids=(TWO, THREE), count=17)
CLAIMED = Reason(Code.EXPECTED_FOR_ANOTHER_SIM, iccids=(TWO,), count=1)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def test_reasons_are_told_with_what_belongs_to_them_alone() -> None:
    assert encode(OWN, UTC) == (
        b'{"cause":"theft","reasons":[{"code":"expected","imei":"352099001761481",'
        b'"since":"2026-03-05T10:00:00Z"},'
        b'{"code":"other-model"},{"code":"moved-on","since":"2026-03-05T10:00:00Z"}]}'
    )


def test_times_are_told_in_the_zone() -> None:
    assert b'"since":"2026-03-05T02:00:00-08:00"' in encode(OWN, LOS_ANGELES)


def test_what_was_told_reads_back_as_the_reasons() -> None:
    for zone in (UTC, LOS_ANGELES):
        assert decode(encode([*OWN, CROWD], zone)) == [*OWN, CROWD]


def test_more_reasons_behind_are_as_if_all_were_told_at_once() -> None:
    for own in (OWN, OWN[:1], OWN[:2]):
        more = extra_of([CLAIMED, CROWD], UTC)
        assert more is not None
        assert append(encode(own, UTC), more) == encode([*own, CLAIMED, CROWD], UTC)
        assert json.loads(append(encode(own, UTC), more))["cause"] == "clone"


def test_no_more_reasons_are_none() -> None:
    assert extra_of([], UTC) is None


def test_a_summary_is_in_words_and_says_how_many_are_not_listed() -> None:
    cause, reasons = summary(encode([*OWN[:2], CROWD, CLAIMED], UTC))
    assert cause == "clone"
    assert reasons.split("; ") == [
        "expected 352099001761481 since 2026-03-05T10:00:00Z",
        "other-model",
        "seen-with-other-sims 89148000000800000029 89148000000800000037 and 15 more",
        "expected-for-another-sim 89148000000800000029",
    ]

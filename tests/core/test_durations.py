from __future__ import annotations

import pytest

from tallystick.core.durations import parse_duration
from tallystick.core.errors import InvalidValue


def test_a_duration_is_a_number_and_a_unit() -> None:
    read = [parse_duration("--every", text) for text in ("90s", "15m", "6h", "2d")]
    assert read == [90, 900, 21_600, 172_800]


@pytest.mark.parametrize("text", ["", "0s", "5", "m", "1.5h", "-1s", "1w", "1s ", "٣s", "1234567s"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"--every must be a duration like 90s, 15m, 6h or 1d"):
        parse_duration("--every", text)

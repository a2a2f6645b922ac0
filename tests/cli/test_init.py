from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import WINDOW, Run

if TYPE_CHECKING:
    from tallystick.store import Store

LOS_ANGELES = {"TALLYSTICK_TIME_ZONE": "America/Los_Angeles"}


def test_init_makes_a_store_and_again_finds_it_up_to_date(run: Run) -> None:
    assert run("init").stdout == "tallystick.db: made a new store\n"
    assert run("init").stdout == "tallystick.db: the store is up to date\n"


def test_init_makes_the_store_that_the_setting_names(run: Run) -> None:
    assert run("init", env={"TALLYSTICK_DATABASE": "sqlite:///other.db"}).stdout == "other.db: made a new store\n"


def test_init_reprints_the_kept_answer_when_the_zone_has_changed(run: Run, example: Store) -> None:
    before = run("report", *WINDOW, "--format", "json", env=LOS_ANGELES).stdout
    told = run("init", env=LOS_ANGELES).stdout
    assert "the kept rows now print their times in America/Los_Angeles" in told
    with example.snapshot() as reader:
        assert reader.wire_zone() == "America/Los_Angeles"
    assert run("report", *WINDOW, "--format", "json", env=LOS_ANGELES).stdout == before
    assert run("verify").exit_code == 0


@pytest.mark.usefixtures("store")
def test_init_says_nothing_of_the_zone_when_it_is_the_same(run: Run) -> None:
    assert "print" not in run("init").stdout

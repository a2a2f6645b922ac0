"""The reasons recover what befell the SIMs of a synthetic scenario, exactly, on every engine."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tallystick.core.moments import parse_moment
from tallystick.core.reasons import Cause
from tallystick.core.window import Window
from tallystick.intake import import_file
from tallystick.operations.synth import (
    FLEET_KINDS,
    LABELS,
    Fleet,
    FleetFormat,
    Scenario,
    write_fleet,
)
from tallystick.report.answer import Question, answer_explained
from tallystick.store import open_store
from tallystick.thingspace.rows import read_row, wire_row

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

UNTIL = parse_moment("2026-05-20")
MONTHS, SEED = 3, 11
WITHOUT_ROWS = (Scenario.SOFTWARE, Scenario.DUAL_IMEI, Scenario.POOL)


def scenario(
    folder: Path, sims: int, which: Scenario = Scenario.ALL, form: FleetFormat = FleetFormat.CSV
) -> dict[str, Path]:
    return write_fleet(Fleet(sims, MONTHS, SEED, UNTIL, which), folder, form, lambda *_: None)


def labels(paths: dict[str, Path]) -> dict[str, str]:
    return dict(pl.read_csv(paths["labels"], infer_schema=False).rows())


def take(store: Store, paths: dict[str, Path]) -> None:
    for kind in FLEET_KINDS:
        assert import_file(store, kind, str(paths[kind])).rejected == 0


def causes(store: Store) -> list[tuple[str, str]]:
    """ICCID and likely cause of every row."""
    fleet = Fleet(1, MONTHS, SEED, UNTIL)
    question = Question(Window(fleet.since, fleet.until))
    with store.snapshot() as reader:
        some = answer_explained(reader, reader.accounts(), question, ("4G",), "UTC")
        return [
            (read_row(row).iccid, json.loads(told)["cause"]) for each in some for row, told in each
        ]


def right(told: dict[str, str]) -> list[tuple[str, str]]:
    """The rows that there should be: one of each label, but for SIMs that are where they may be."""
    return sorted(
        (iccid, Cause.PAPERWORK if label == Scenario.STOCK else label)
        for iccid, label in told.items()
        if label not in WITHOUT_ROWS
    )


def test_each_labelled_row_has_the_cause_of_its_label_and_there_are_no_others(
    store: Store, tmp_path: Path
) -> None:
    paths = scenario(tmp_path, 12_000)
    take(store, paths)
    told = labels(paths)
    assert set(told.values()) == set(LABELS)
    assert sorted(causes(store)) == right(told)


def test_sims_that_show_other_software_versions_do_so(tmp_path: Path) -> None:
    paths = scenario(tmp_path, 12_000, Scenario.SOFTWARE)
    noisy = pl.DataFrame({"iccid": list(labels(paths))})
    seen = pl.read_csv(paths["activations"], infer_schema=False).join(noisy, on="iccid")
    assert set(seen["imei"].str.len_chars()) == {16}
    assert seen.group_by("iccid").agg(pl.col("imei").n_unique())["imei"].max() > 1  # type: ignore[operator] # a number


def test_units_with_two_imeis_pools_and_stock_are_where_they_may_be(tmp_path: Path) -> None:
    paths = scenario(tmp_path, 12_000)
    put, seen = (
        pl.read_csv(paths[kind], infer_schema=False) for kind in ("expectations", "activations")
    )
    told = pl.read_csv(paths["labels"], infer_schema=False)
    facts = told.join(put, on="iccid").join(
        seen.group_by("iccid").agg(pl.col("imei").str.head(14).unique().alias("seen")), on="iccid"
    )
    for label, value, units in (
        (Scenario.DUAL_IMEI, r"^\d{15}\|\d{15}$", 2),
        (Scenario.POOL, r"^\d{8}$", 2),
        (Scenario.STOCK, "^nowhere$", 1),
    ):
        of_label = facts.filter(pl.col("label") == label)
        assert of_label["imei"].str.contains(value).all()
        assert set(of_label["seen"].list.len()) == {units}
    in_stock = put.filter(pl.col("imei") == "nowhere").join(told, on="iccid", how="anti")
    assert len(in_stock)
    assert in_stock.join(seen, on="iccid").is_empty()


@pytest.mark.parametrize("which", LABELS)
def test_one_label_can_be_asked_for_alone(tmp_path: Path, which: Scenario) -> None:
    assert set(labels(scenario(tmp_path, 6_000, which)).values()) == {which}


def test_a_seed_and_an_end_always_give_the_same_scenario(tmp_path: Path) -> None:
    once, again = (scenario(tmp_path / each, 3_000) for each in ("once", "again"))
    assert [path.read_bytes() for path in once.values()] == [
        path.read_bytes() for path in again.values()
    ]


def test_a_sim_of_a_lot_that_is_not_whole_has_no_label(tmp_path: Path) -> None:
    paths = scenario(tmp_path, 6_005)
    last = pl.read_csv(paths["sims"], infer_schema=False)["iccid"].to_list()[-5:]
    assert not set(last) & labels(paths).keys()


@pytest.mark.soak
def test_a_million_sims_are_told_apart_exactly(tmp_path: Path) -> None:
    paths = scenario(tmp_path, 1_000_000, form=FleetFormat.PARQUET)
    with open_store(f"sqlite:///{tmp_path}/store.db", wire_row) as store:
        store.init("UTC")
        take(store, paths)
        started = time.perf_counter()
        found = causes(store)
        told = labels(paths)
        seconds = time.perf_counter() - started
        kinds = Counter(cause for _, cause in found)
        print(f"{len(found)} rows in {seconds:.2f} s: {kinds}")  # noqa: T201 - figures of a soak
        assert sorted(found) == right(told)

"""A file of activations over several connections: as over one, also where it was cut off."""

from __future__ import annotations

import shutil
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.intake import ImportOptions, Listeners, Progress, Receipt, bulk, import_file
from tallystick.intake.lanes import facts_of_lanes
from tallystick.store import Lane
from tallystick.store.touched import part_of
from tests.dying import die, import_and_die
from tests.engines import POSTGRESQL
from tests.intake.fleets import fleet, write_file
from tests.intake.undisturbed import Imported, check_same, imported_at_once, load_fleet
from tests.kept import everything_in, rule_of

if TYPE_CHECKING:
    from tallystick.store import Store

SLICE_FACTS = 40
SIMS = 300
ROWS_MIN = 30


@pytest.fixture
def engine() -> str:
    """The only one with several connections that write."""
    return POSTGRESQL


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices as small as those of the process that dies."""
    monkeypatch.setattr(bulk, "SLICE_FACTS", SLICE_FACTS)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", SLICE_FACTS)
    monkeypatch.setattr(bulk, "BATCH_FACTS", 4 * SLICE_FACTS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SIMs, expectations, and activations with repeats, a bad line and some that name an IMSI."""
    folder, whole = tmp_path_factory.mktemp("files"), fleet(SIMS)
    for kind in ("sims", "expectations"):
        write_file(folder / kind, kind, whole[kind], UTC)
    path = write_file(folder / "activations", "activations", whole["activations"], UTC)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    named = [b"," + line.split(b",", 1)[1].rstrip() + b",295050900000011\n" for line in lines[:20]]
    with_imsi = [line.rstrip() + b",\n" for line in lines]
    path.write_bytes(
        b"".join([head.rstrip() + b",imsi\n", *with_imsi, b"bad,,,\n", *named, *with_imsi[:50]])
    )
    assert len(lines) > 12 * SLICE_FACTS
    return folder


@pytest.fixture
def activations(store: Store, files: Path, tmp_path: Path) -> Path:
    """The file of activations, and a store with the SIMs and expectations of the others."""
    load_fleet(store, files)
    return Path(shutil.copy(files / "activations.csv", tmp_path))


@pytest.fixture(scope="module")
def at_once(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """What one undisturbed import over one connection makes of the same files."""
    imported = imported_at_once(files, tmp_path_factory.mktemp("at_once"))
    assert imported[0].unattributed == 20
    return imported


def imported(store: Store, path: Path, connections: int) -> Receipt:
    """Import activations over so many connections."""
    options = ImportOptions(connections=connections)
    return import_file(store, "activations", str(path), options=options)


@pytest.mark.parametrize("connections", [2, 3, 8])
def test_an_import_over_several_connections_is_that_over_one(
    store: Store, activations: Path, at_once: Imported, connections: int
) -> None:
    receipt = imported(store, activations, connections)
    check_same(store, receipt, at_once, ROWS_MIN)
    assert receipt.unattributed == at_once[0].unattributed
    assert receipt.doubts == at_once[0].doubts


@pytest.mark.parametrize(
    "death", [{"slices": 2}, {"slices": 7}, {"slices": 12}, {"rows": 1}, {"rows": 25}], ids=str
)
def test_a_killed_one_goes_on_over_as_many_as_before(
    store: Store, database: str, activations: Path, at_once: Imported, death: dict[str, int]
) -> None:
    number = death.get("slices", 0), death.get("rows", 0)
    die(import_and_die, database, "activations", str(activations), SLICE_FACTS, *number, 3)
    halfway = everything_in(store)
    assert halfway.kept == rule_of(halfway)
    facts_taken: list[int] = []
    receipt = import_file(
        store,
        "activations",
        str(activations),
        options=ImportOptions(connections=1 if "rows" in death else 2),
        listeners=Listeners(on_progress=lambda progress: facts_taken.append(progress.facts)),
    )
    check_same(store, receipt, at_once, ROWS_MIN)
    assert facts_taken[-1] == receipt.accepted + receipt.duplicate


def test_what_one_lane_raises_ends_all_and_the_file_goes_on_later(
    store: Store, activations: Path, at_once: Imported
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.facts > 5 * SLICE_FACTS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(
            store,
            "activations",
            str(activations),
            options=ImportOptions(connections=3),
            listeners=Listeners(on_progress=interrupt),
        )
    assert 0 < len(everything_in(store).activations) < len(at_once[1].activations)
    check_same(store, imported(store, activations, 1), at_once, ROWS_MIN)


@given(st.lists(st.integers(-3, 200), min_size=1), st.integers(1, 8))
def test_each_fact_is_of_one_lane_and_those_of_a_lane_stay_in_order(
    iccids: list[int], lanes: int
) -> None:
    facts = pl.DataFrame({"iccid": sorted(iccids), "place": range(len(iccids))})
    of_lanes = facts_of_lanes(facts, lanes)
    rows = [row for part in chain(*of_lanes) for row in part.rows()]
    assert sorted(rows) == facts.rows()
    for number, parts in enumerate(of_lanes):
        in_lane = [row for part in parts for row in part.rows()]
        assert in_lane == sorted(in_lane)
        for iccid, _ in in_lane:
            assert iccid < 0 or part_of(iccid) in Lane(number, lanes).parts()

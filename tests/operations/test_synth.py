from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tallystick.core.moments import parse_moment
from tallystick.intake import import_file
from tallystick.operations.synth import FLEET_KINDS, Fleet, FleetFormat, write_fleet
from tallystick.operations.synth import files as fleet_files
from tallystick.operations.verify import verify
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

SIMS = 20_000
UNTIL = parse_moment("2026-05-20")
FLEET = Fleet(SIMS, 3, 7, UNTIL)
WINDOW = ("2026-02-20T00:00:00Z", "2026-05-20T00:00:00Z")


def nowhere(_done: int, _steps: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_fleet(FLEET, tmp_path_factory.mktemp("fleet"), FleetFormat.CSV, nowhere)


def table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def luhn_holds(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (
        sum(
            digit if nth % 2 == 0 else sum(divmod(2 * digit, 10))
            for nth, digit in enumerate(digits)
        )
        % 10
        == 0
    )


def share(part: int) -> float:
    return part / SIMS


def test_files_have_the_columns_of_import(fleet: dict[str, Path]) -> None:
    assert {kind: table(path).columns for kind, path in fleet.items()} == {
        "sims": ["iccid", "mdn", "account", "activation_date", "generation"],
        "expectations": ["iccid", "imei", "effective_from"],
        "activations": ["iccid", "imei", "activated_at"],
        "groups": ["account", "group", "iccid"],
        "types": ["tac", "manufacturer", "model"],
    }


def test_sims_are_distinct_and_their_numbers_plausible(fleet: dict[str, Path]) -> None:
    sims = table(fleet["sims"])
    iccids, mdns = sims["iccid"], sims["mdn"].drop_nulls()
    assert iccids.n_unique() == len(sims) == SIMS
    assert mdns.n_unique() == len(mdns)
    assert all(
        iccid.startswith("8914800000") and len(iccid) == 20 and luhn_holds(iccid)
        for iccid in iccids
    )
    assert set(mdns.str.len_chars()) == {10}
    assert share(sims["mdn"].null_count()) == pytest.approx(0.02, abs=0.01)
    assert share(sims.filter(pl.col("generation") != "4G").height) == pytest.approx(0.01, abs=0.005)
    assert sims["activation_date"].max() < WINDOW[0]  # type: ignore[operator] # text


def test_accounts_are_a_dozen_of_skewed_sizes(fleet: dict[str, Path]) -> None:
    sizes = sorted(Counter(table(fleet["sims"])["account"]).values())
    assert len(sizes) == 12
    assert sizes[-1] > 5 * sizes[0]


def test_groups_hold_sims_of_their_own_account(fleet: dict[str, Path]) -> None:
    groups = table(fleet["groups"])
    owned = groups.join(table(fleet["sims"]), on=["iccid", "account"])
    assert owned.height == groups.height == groups["iccid"].n_unique()
    assert 1 < groups["group"].n_unique() < 10


def test_hardware_is_delivered_once_and_its_numbers_are_plausible(fleet: dict[str, Path]) -> None:
    delivered = table(fleet["expectations"]).filter(pl.col("effective_from").is_null())
    assert delivered["imei"].n_unique() == delivered.height
    assert all(len(imei) == 15 and luhn_holds(imei) for imei in delivered["imei"])
    assert delivered["imei"].str.slice(0, 8).n_unique() > 20
    assert share(SIMS - delivered["iccid"].n_unique()) == pytest.approx(0.03, abs=0.01)


def test_the_log_is_in_order_of_time_and_within_the_window(fleet: dict[str, Path]) -> None:
    activations = table(fleet["activations"])
    seen = activations["activated_at"]
    assert seen.is_sorted()
    assert WINDOW[0] <= seen[0] < seen[-1] < WINDOW[1]
    assert activations.height / SIMS == pytest.approx(2.1, abs=0.2)
    assert activations["iccid"].n_unique() == SIMS


def test_some_devices_show_their_software_version(fleet: dict[str, Path]) -> None:
    lengths = Counter(table(fleet["activations"])["imei"].str.len_chars())
    assert set(lengths) == {15, 16}
    assert lengths[16] / lengths.total() == pytest.approx(0.12, abs=0.02)


def test_about_three_sims_in_two_hundred_are_found_where_they_do_not_belong(
    fleet: dict[str, Path], store: Store
) -> None:
    for kind in FLEET_KINDS:
        receipt = import_file(store, kind, str(fleet[kind]))
        assert receipt.rejected == 0
        assert receipt.accepted >= receipt.read - 2
    with store.snapshot() as reader:
        up_to = reader.verify_bound(-1, SIMS)
        assert up_to
        mismatched = {row.iccid for row in reader.kept_between(-1, up_to)}
    assert share(len(mismatched)) == pytest.approx(0.015, abs=0.005)
    assert not any(verified.differences for verified in verify(store, wire_row))


def test_some_sims_were_re_homed_on_a_date(fleet: dict[str, Path]) -> None:
    dated = table(fleet["expectations"]).drop_nulls("effective_from")
    assert share(dated.height) == pytest.approx(0.008, abs=0.003)


def test_a_seed_and_an_end_always_give_the_same_fleet(
    fleet: dict[str, Path], tmp_path: Path
) -> None:
    again = write_fleet(FLEET, tmp_path, FleetFormat.CSV, nowhere)
    assert [path.read_bytes() for path in again.values()] == [
        path.read_bytes() for path in fleet.values()
    ]


def test_another_seed_gives_another_fleet(fleet: dict[str, Path], tmp_path: Path) -> None:
    other = write_fleet(Fleet(SIMS, 3, 8, UNTIL), tmp_path, FleetFormat.CSV, nowhere)
    assert other["activations"].read_bytes() != fleet["activations"].read_bytes()


def test_the_fleet_is_the_same_in_either_format(fleet: dict[str, Path], tmp_path: Path) -> None:
    parquet = write_fleet(FLEET, tmp_path, FleetFormat.PARQUET, nowhere)
    for kind, path in fleet.items():
        assert table(path).equals(pl.read_parquet(parquet[kind]))


def test_the_log_is_the_same_whatever_is_held_at_a_time(
    fleet: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_files, "SIMS_A_CHUNK", SIMS // 7)
    parted = table(write_fleet(FLEET, tmp_path, FleetFormat.CSV, nowhere)["activations"])
    whole = table(fleet["activations"])
    assert parted["activated_at"].equals(whole["activated_at"])
    assert parted.sort(parted.columns).equals(whole.sort(whole.columns))


def test_progress_ends_with_every_step_done(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_fleet(
        Fleet(1, 1, 0, UNTIL),
        tmp_path,
        FleetFormat.CSV,
        lambda done, steps: told.append((done, steps)),
    )
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))

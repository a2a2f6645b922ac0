"""Rows by manufacturer, and files that close them, on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.core.allowed import Allowed
from tallystick.core.errors import AccountNotFound, ManufacturerUnknown
from tallystick.core.facts import HardwareType, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Tac
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import FirstUse
from tallystick.core.window import Window, span_between
from tallystick.fleet import accounts
from tallystick.intake import import_file
from tallystick.operations.verify import verify
from tallystick.report import corrections
from tallystick.report.answer import Question
from tallystick.report.corrections import (
    NO_HARDWARE,
    By,
    Counted,
    Exported,
    Hardware,
    as_csv,
    as_ndjson,
    as_parquet,
    exported,
    summary,
)
from tallystick.thingspace.rows import wire_row
from tests.store.few import FOREIGN, HOME, ICCIDS, THIRD, expected, rows, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tallystick.store import Store

ALWAYS = span_between(None, None)
ASKED = Question(ALWAYS)
GENERATIONS = ("4G",)
ALDER = Hardware("Alder")
CORVID = Hardware("Corvid")
UNKNOWN = Hardware(None, tac=Tac.parse("01020304"))
OTHER_OF_CORVID = Imei.parse("99000342000001")
WRITERS: dict[str, Callable[[Sequence[SimExpectation]], bytes]] = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "parquet": as_parquet,
}


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of so few SIMs are read together that there are several parts."""
    monkeypatch.setattr(corrections, "SIMS_AT_ONCE", 2)


@pytest.fixture
def fleet(store: Store) -> Store:
    """SIMs of two accounts, seen unexpectedly in hardware of known and unknown types."""
    types = (
        HardwareType(HOME.tac, "Alder", "A100"),
        HardwareType(FOREIGN.tac, "Corvid", "C7"),
        HardwareType(OTHER_OF_CORVID.tac, "Corvid", "C8"),
    )
    with store.transaction() as writer:
        writer.take_types(types)
    take(store, *(sim(iccid, "ab"[number % 2]) for number, iccid in enumerate(ICCIDS[:10])))
    take(store, *map(expected, ICCIDS[:10]))
    take(store, seen(ICCIDS[0]), seen(ICCIDS[0], at=20))  # only ever in Corvid's
    take(store, seen(ICCIDS[1], HOME, at=1), seen(ICCIDS[1], at=2_500_000))  # moved there
    take(store, seen(ICCIDS[2]), seen(ICCIDS[2], HOME, at=30))  # moved back
    take(store, seen(ICCIDS[3]), seen(ICCIDS[3], THIRD, at=30))  # moved on to nobody knows whose
    take(
        store,
        seen(ICCIDS[4]),
        seen(ICCIDS[4], HOME, at=11),
        seen(ICCIDS[4], OTHER_OF_CORVID, at=12),
    )
    return store


def exports(
    store: Store, manufacturer: str | None = None, asked: Question = ASKED
) -> dict[str | None, Exported]:
    with store.snapshot() as reader:
        return exported(reader, reader.accounts(), asked, GENERATIONS, manufacturer)


def counted(store: Store, by: By, asked: Question = ASKED) -> list[Counted]:
    with store.snapshot() as reader:
        return summary(reader, reader.accounts(), asked, GENERATIONS, by)


def test_rows_are_counted_by_the_manufacturers_of_both_sides(fleet: Store) -> None:
    assert counted(fleet, By.MANUFACTURER) == [(CORVID, ALDER, 6, 5), (UNKNOWN, ALDER, 1, 1)]


def test_rows_are_counted_by_models(fleet: Store) -> None:
    home = Hardware("Alder", "A100")
    assert counted(fleet, By.MODEL) == [
        (Hardware("Corvid", "C7"), home, 5, 5),
        (Hardware("Corvid", "C8"), home, 1, 1),
        (UNKNOWN, home, 1, 1),
    ]


@pytest.mark.parametrize(
    ("value", "counted_as"),
    [
        (f"{HOME}|{THIRD}", ALDER),
        (f"01020304|{HOME}", UNKNOWN),
        (f"{HOME.tac}", ALDER),
        ("nowhere", NO_HARDWARE),
    ],
)
def test_what_names_no_single_imei_is_counted_by_its_first_member(
    fleet: Store, value: str, counted_as: Hardware
) -> None:
    take(fleet, expected(ICCIDS[0], Allowed.parse(value)))
    asked = Question(Window(Moment(1), Moment(11)), ("a",))
    rows_of_first = {each.expected: each.sims for each in counted(fleet, By.MANUFACTURER, asked)}
    others = {ALDER: 2}
    assert rows_of_first == others | {counted_as: others.get(counted_as, 0) + 1}


def test_a_value_of_several_is_corrected_as_a_whole(store: Store) -> None:
    """So is `nowhere`; after `none` there is nothing to correct."""
    values = (f"{HOME}|{THIRD}", f"{HOME.tac}", "nowhere", "none")
    take(store, *map(sim, ICCIDS[:4]))
    take(store, *(expected(*put) for put in zip(ICCIDS, map(Allowed.parse, values), strict=False)))
    take(store, *map(seen, ICCIDS[:4]))
    (export,) = exports(store).values()
    assert export.facts == [expected(iccid, FOREIGN) for iccid in ICCIDS[:3]]
    take(store, *export.facts)
    assert rows(store, "a") == []


def test_account_and_window_narrow_what_is_counted(fleet: Store) -> None:
    assert counted(fleet, By.MANUFACTURER, Question(ALWAYS, ("b",))) == [
        (CORVID, ALDER, 2, 2),
        (UNKNOWN, ALDER, 1, 1),
    ]
    late = Question(Window(Moment(10), Moment(13)), ("a",))
    assert counted(fleet, By.MANUFACTURER, late) == [(CORVID, ALDER, 1, 1)]
    with pytest.raises(AccountNotFound):
        counted(fleet, By.MANUFACTURER, Question(ALWAYS, ("c",)))


def test_what_was_expected_is_what_was_in_force_at_the_row(store: Store) -> None:
    take(
        store,
        sim(ICCIDS[0]),
        expected(ICCIDS[0]),
        expected(ICCIDS[0], THIRD, since=5),
        expected(ICCIDS[0], since=50),
    )
    take(store, seen(ICCIDS[0], at=10))
    foreign = Hardware(None, tac=FOREIGN.tac)
    assert counted(store, By.MANUFACTURER) == [(foreign, UNKNOWN, 1, 1)]


def test_the_export_of_one_manufacturer_has_the_sims_that_are_still_in_its_hardware(
    fleet: Store,
) -> None:
    (found,) = exports(fleet, "Corvid").values()
    assert found.facts == [
        SimExpectation(ICCIDS[0], BEGINNING, FOREIGN),
        SimExpectation(ICCIDS[1], Moment(2_500_000), FOREIGN),
        SimExpectation(ICCIDS[4], Moment(12), OTHER_OF_CORVID),
    ]
    assert (found.sims, found.moved_back, found.moved_on) == (3, 1, 1)


def test_the_export_of_all_has_each_sim_once(fleet: Store) -> None:
    found = exports(fleet)
    assert found["Corvid"] == exports(fleet, "Corvid")["Corvid"]
    assert found[None] == Exported([SimExpectation(ICCIDS[3], Moment(30), THIRD)], sims=1)
    assert found.keys() == {"Corvid", None}


def test_a_manufacturer_without_mismatches_has_an_empty_export(fleet: Store) -> None:
    assert exports(fleet, "Alder") == {"Alder": Exported()}


def test_a_manufacturer_that_no_type_has_is_refused_with_what_to_do(fleet: Store) -> None:
    with pytest.raises(
        ManufacturerUnknown,
        match=r"no type has the manufacturer 'Corvit'; `tallystick import types`",
    ):
        exports(fleet, "Corvit")


@pytest.mark.parametrize("form", WRITERS)
def test_an_export_taken_back_closes_the_rows_that_it_covers(
    fleet: Store, tmp_path: Path, form: str
) -> None:
    covered = {str(iccid) for iccid in (ICCIDS[0], ICCIDS[1])}
    assert covered <= {iccid for iccid, _, _ in rows(fleet)}
    path = tmp_path / f"corvid.{form}"
    path.write_bytes(WRITERS[form](exports(fleet, "Corvid")["Corvid"].facts))
    receipt = import_file(fleet, "expectations", str(path))
    assert (receipt.accepted, receipt.duplicate, receipt.rejected) == (3, 0, 0)
    assert not covered & {iccid for iccid, _, _ in rows(fleet)}
    assert exports(fleet, "Corvid")["Corvid"].facts == []
    assert [each for verified in verify(fleet, wire_row) for each in verified.differences] == []


@pytest.mark.parametrize("first_use", [FirstUse.IMEI, FirstUse.MODEL])
def test_a_sim_that_is_held_to_its_first_use_is_exported_from_its_move_on(
    store: Store, tmp_path: Path, first_use: FirstUse
) -> None:
    take(store, sim(ICCIDS[0]), seen(ICCIDS[0], HOME, at=1), seen(ICCIDS[0], at=2_500_000))
    with store.transaction() as writer:
        accounts.hold(writer, "a", first_use)
    assert len(rows(store)) == 1
    assert exports(store) == {
        None: Exported([SimExpectation(ICCIDS[0], Moment(2_500_000), FOREIGN)], sims=1)
    }
    path = tmp_path / "corrections.csv"
    path.write_bytes(as_csv(exports(store)[None].facts))
    import_file(store, "expectations", str(path))
    assert rows(store) == []
    assert exports(store) == {}


def test_all_exports_together_leave_only_what_is_over(fleet: Store, tmp_path: Path) -> None:
    for number, found in enumerate(exports(fleet).values()):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(as_csv(found.facts))
        import_file(fleet, "expectations", str(path))
    assert all(found.facts == [] for found in exports(fleet).values())
    left = sorted((iccid, found) for iccid, _, found in rows(fleet))
    assert left == sorted((str(iccid), str(FOREIGN)) for iccid in (ICCIDS[2], ICCIDS[3], ICCIDS[4]))


def test_a_moment_with_a_fraction_is_written_so_that_it_is_the_same_key(
    tmp_path: Path, store: Store
) -> None:
    since = Moment(1_770_000_000_123_456)
    take(store, sim(ICCIDS[0]), expected(ICCIDS[0], since=since), seen(ICCIDS[0], at=since + 1))
    (found,) = exports(store).values()
    assert b"2026-02-02T02:40:00.123456Z" in as_csv(found.facts)
    path = tmp_path / "corrections.csv"
    path.write_bytes(as_csv(found.facts))
    import_file(store, "expectations", str(path))
    with store.snapshot() as reader:
        assert [each.effective_from for each in reader.expectations_of(ICCIDS[0])] == [since]


def test_an_export_of_nothing_is_a_file_with_its_columns() -> None:
    assert as_csv([]) == b"iccid,imei,effective_from\n"
    assert as_ndjson([]) == b""
    assert as_csv(
        [SimExpectation(Iccid.parse("891480000008000000"), BEGINNING, Imei.parse("01020304050607"))]
    ) == (b"iccid,imei,effective_from\n891480000008000000,01020304050607,\n")

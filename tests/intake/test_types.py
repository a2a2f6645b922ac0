"""Registers of types, as those who make them write them."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tallystick.core.errors import FileRefused
from tallystick.core.facts import HardwareType
from tallystick.core.identifiers import Tac
from tallystick.intake import Listeners, Receipt, Reject, import_file
from tallystick.intake.mappings import plain_name

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

PLAIN = 'tac,manufacturer,model\n35209900,Alder Modules,A100\n01020304,"Corvid, Inc.",\n'
OSMOCOM = (
    "Osmocom TAC database under CC-BY-SA v3.0 (c) Harald Welte 2016\n"
    "tac,name,name,contributor,comment,gsmarena,gsmarena,aka\n"
    '35209900,Alder Modules,A100,somebody,,,,"A 100, A-100"\n'
    '01020304,"Corvid, Inc.",,,,,,\n'
)
GSMA = (
    "TAC|Marketing Name|Internal Model Name|Manufacturer|Bands|Allocation Date|Country Code|"
    "Fixed Code|"
    "Manufacturer Code|Radio Interface|Brand Name|Model Name|Operating System|NFC|Bluetooth|"
    "WLAN|Device Type\n"
    "35209900|Alder One|X1|Alder Modules|LTE, GSM|2016-01-01|1|2|3|LTE|"
    "Brand|A100|None|N|N|N|Module\n"
    "01020304|Corvid|X2|Corvid, Inc.|LTE|2016-01-01|1|2|3|LTE|Brand||None|N|N|N|Module\n"
)
DEVICE_MAP = (
    "TAC,GSMA Brand Name,GSMA Manufacturer,GSMA Model Name,Standardised Device Vendor,"
    "Standardised Marketing Name\n"
    "35209900,Brand,Alder Modules,A100,Vendor,Alder One\n"
    '01020304,Brand,"Corvid, Inc.",,Vendor,\n'
)
KNOWN = {
    HardwareType(Tac.parse("35209900"), "Alder Modules", "A100"),
    HardwareType(Tac.parse("01020304"), "Corvid, Inc.", ""),
}


def taken(store: Store, path: Path, text: str | bytes) -> Receipt:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(store, "types", str(path))


def types_in(store: Store) -> set[HardwareType]:
    with store.snapshot() as reader:
        return set(reader.whole_types())


@pytest.mark.parametrize(
    "text", [PLAIN, OSMOCOM, GSMA, DEVICE_MAP], ids=["plain", "Osmocom", "GSMA", "Device Map"]
)
def test_a_register_is_understood_as_its_makers_write_it(
    store: Store, tmp_path: Path, text: str
) -> None:
    receipt = taken(store, tmp_path / "types.csv", text)
    assert (receipt.accepted, receipt.rejected) == (2, 0)
    assert types_in(store) == KNOWN


def test_ndjson_and_parquet_are_understood_by_the_same_names(store: Store, tmp_path: Path) -> None:
    rows = [
        {
            "TAC": "35209900",
            "Brand Name": "B",
            "manufacturer": "Alder Modules",
            "model_name": "A100",
            "bands": [4],
        }
    ]
    assert taken(store, tmp_path / "types.ndjson", json.dumps(rows[0])).accepted == 1
    file = io.BytesIO()
    pl.DataFrame(
        [*rows, {"TAC": "01020304", "manufacturer": "Corvid, Inc.", "bands": []}]
    ).write_parquet(file)
    receipt = taken(store, tmp_path / "types.parquet", file.getvalue())
    assert (receipt.accepted, receipt.duplicate) == (1, 1)
    assert types_in(store) == KNOWN


def test_the_same_tac_again_replaces_what_was_known(store: Store, tmp_path: Path) -> None:
    taken(
        store,
        tmp_path / "old.csv",
        "tac,manufacturer,model\n35209900,Before,B\n01020304,Before,B\n",
    )
    receipt = taken(store, tmp_path / "new.csv.gz", gzip.compress(PLAIN.encode()))
    assert (receipt.accepted, receipt.duplicate) == (2, 0)
    again = taken(store, tmp_path / "again.csv", PLAIN)
    assert (again.accepted, again.duplicate) == (0, 2)
    assert types_in(store) == KNOWN


def test_of_one_tac_twice_in_a_file_the_later_counts(store: Store, tmp_path: Path) -> None:
    receipt = taken(
        store, tmp_path / "types.csv", f"tac,manufacturer\n35209900,Before\n{'35209900,After'}\n"
    )
    assert receipt.accepted == 2
    assert types_in(store) == {HardwareType(Tac.parse("35209900"), "After", "")}


def test_bad_lines_are_told_and_can_be_corrected(store: Store, tmp_path: Path) -> None:
    rejects: list[Reject] = []
    columns: list[tuple[str, ...]] = []
    path = tmp_path / "types.csv"
    path.write_text(
        OSMOCOM + "1020304,Corvid,C1,,,,,\n35209901,,C1,,,,,\n" + f"35209902,{'x' * 256},,,,,,\n"
    )
    receipt = import_file(
        store,
        "types",
        str(path),
        listeners=Listeners(on_reject=rejects.append, on_columns=columns.append),
    )
    assert (receipt.accepted, receipt.rejected) == (2, 3)
    assert [reject.line for reject in rejects] == [5, 6, 7]
    assert (
        "tac must be 8 digits, not '1020304' (leading zeros may have been stripped"
        in rejects[0].reason
    )
    assert rejects[1].reason == "manufacturer is missing"
    assert rejects[2].reason.startswith("manufacturer must be 1-255 printable characters")
    assert columns == [("tac", "manufacturer", "model")]
    header, values = (
        ",".join(columns[0]),
        ",".join(rejects[0].values).replace("1020304", "01020305"),
    )
    assert (
        taken(store, tmp_path / "corrected.csv", f"{header},reason\n{values},line 5\n").accepted
        == 1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,manufacturer\n1,a\n", "has no column tac"),
        ("a notice\ncode,name\n1,a\n", "line 2 has no column tac"),
        ("tac,tac,manufacturer\n1,2,a\n", "has the column tac twice"),
        ("tac,model\n35209900,a\n", "has no column manufacturer"),
    ],
)
def test_a_file_without_the_columns_is_refused(
    store: Store, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(FileRefused, match=message):
        taken(store, tmp_path / "types.csv", text)


def test_columns_that_are_called_as_our_own_lines_and_reasons_are_passed_over(
    store: Store, tmp_path: Path
) -> None:
    text = "line,tac,reason,manufacturer\n7,35209900,none,Alder\nx,01020304,none,Alder\n"
    assert taken(store, tmp_path / "types.csv", text).accepted == 2


def test_columns_of_one_name_are_told_apart_whatever_the_others_are_called(
    store: Store, tmp_path: Path
) -> None:
    text = (
        "aka,aka 2,aka,tac,name,aka,name\n"
        "1,2,3,35209900,Alder Modules,4,A100\n"
        '5,6,7,01020304,"Corvid, Inc.",,\n'
    )
    assert taken(store, tmp_path / "types.csv", text).rejected == 0
    assert types_in(store) == KNOWN


def test_names_of_columns_go_by_letters_and_digits() -> None:
    assert {
        plain_name(name) for name in ("Model Name", "model_name", "modelName", "MODEL-NAME")
    } == {"modelname"}

"""What commands print and write.

Nothing that a terminal or a spreadsheet would act on, and not for everybody.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tallystick.core.identifiers import printable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

SIM = "89148000000800000001"
SIMS = f"iccid,mdn,account,activation_date\n{SIM},,a,2026-01-01\nbad,,a,2026-01-01\n"
WINDOW = ("--earliest", "2026-01-01", "--latest", "2026-02-01")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a name", "a name"),
        ("two\nlines", "two\nlines"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("over\rwritten", "over\\rwritten"),
        ("\u202eback", "\\u202eback"),
        ("\udcff", "\\udcff"),
        ("Müller …", "Müller …"),
    ],
)
def test_what_is_no_printable_character_is_printed_as_an_escape(text: str, printed: str) -> None:
    assert printable(text) == printed
    assert printed.encode()


def hostile_file(folder: Path, content: str) -> str:
    """A file whose name is no UTF-8, and holds a command for terminals."""
    name = os.fsdecode(b"a\xff\x1b[2J.csv")
    (folder / name).write_text(content)
    return str(folder / name)


def test_the_name_of_a_file_is_printed_plainly_whatever_bytes_it_has(
    run: Run, tmp_path: Path
) -> None:
    path = hostile_file(tmp_path, SIMS)
    result = run("import", "sims", path)
    assert result.exit_code == 3
    assert "a\\udcff\\x1b[2J.csv: 2 read: 1 accepted" in result.stdout
    assert "a\\udcff\\x1b[2J.csv:3: iccid must be" in result.stderr
    assert "\x1b" not in result.output
    receipt = msgspec.json.decode(run("import", "sims", path, path, "--json").stdout)
    assert list(receipt["files"]) == [printable(path)]


def test_the_ledger_keeps_a_file_whose_name_is_no_utf_8(run: Run, tmp_path: Path) -> None:
    path = hostile_file(tmp_path, f"iccid,imei\n{SIM},352099001761481\n")
    assert run("import", "expectations", path).exit_code == 0
    (change_set,) = msgspec.json.decode(run("expectations", "changes", "--json").stdout)[
        "change_sets"
    ]
    assert change_set["detail"].startswith(f"{printable(path)} sha256:")


@pytest.mark.usefixtures("store")
def test_a_file_that_is_not_there_is_told_plainly(run: Run) -> None:
    result = run("import", "sims", os.fsdecode(b"\xff\x1b[2J.csv"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: \\udcff\\x1b[2J.csv: cannot be read")


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@"])
def test_a_name_that_a_spreadsheet_would_take_for_a_formula_has_an_apostrophe_in_csv(
    run: Run, tmp_path: Path, beginning: str
) -> None:
    (tmp_path / "sims.csv").write_text(SIMS.replace(",a,", f",{beginning}1+1,"))
    run("import", "sims", str(tmp_path / "sims.csv"))
    listed: Any = run("coverage", *WINDOW, "--list", "unseen", "--format", "csv").stdout
    assert listed.splitlines()[1].startswith(f"'{beginning}1+1,")


def test_what_is_written_is_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sims.csv").write_text(SIMS)
    rejects, report = tmp_path / "rejects.csv", tmp_path / "report.csv"
    old = os.umask(0)
    try:
        run("import", "sims", str(tmp_path / "sims.csv"), "--rejects", str(rejects))
        run("report", *WINDOW, "--format", "csv", "--output", str(report))
    finally:
        os.umask(old)
    for file in (rejects, report):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_keeps_the_mode_that_its_owner_chose(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    report.touch(0o640)
    (tmp_path / "sims.csv").write_text(SIMS)
    run("import", "sims", str(tmp_path / "sims.csv"))
    run("report", *WINDOW, "--format", "csv", "--output", str(report))
    assert report.stat().st_mode & 0o777 == 0o640
    assert report.stat().st_size


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").stdout == f"tallystick {version('tallystick')}\n"

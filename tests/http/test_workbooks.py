"""Workbooks: every cell is text, sheets that are full are followed by others, memory is bounded."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import polars as pl
from python_calamine import load_workbook

from tallystick.http import parquet, workbooks
from tallystick.http.workbooks import workbook

if TYPE_CHECKING:
    import pytest

ODD = ["00123", "89148000000800000011", "=1+1", "+1", "-1", "@x", "<&>\"'", " a ", "1e5", None, ""]


def test_values_come_back_as_they_were_and_each_is_text() -> None:
    whole = b"".join(workbook("Rows", ["name"] * len(ODD), iter([ODD, ["bell\a"] * len(ODD)])))
    sheet = load_workbook(io.BytesIO(whole)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert sheet[1] == [value or "" for value in ODD]
    assert sheet[2][0] == "bell\ufffd"
    text = zipfile.ZipFile(io.BytesIO(whole)).read("xl/worksheets/sheet1.xml").decode()
    assert set(re.findall(r'<c s="[12]"([^>]*)>', text)) == {' t="inlineStr"', "/"}
    assert "<f>" not in text


def test_a_sheet_that_is_full_is_followed_by_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "SHEET_ROWS_MAX", 3)
    for count, names in ((0, ["R"]), (2, ["R"]), (3, ["R", "R 2"]), (5, ["R", "R 2", "R 3"])):
        rows = iter([[str(number)] for number in range(count)])
        book = load_workbook(io.BytesIO(b"".join(workbook("R", ["n"], rows))))
        assert book.sheet_names == names
        sheets = [book.get_sheet_by_name(name).to_python() for name in names]
        assert all(sheet[0] == ["n"] for sheet in sheets)
        assert [row[0] for sheet in sheets for row in sheet[1:]] == [*map(str, range(count))]


def test_rows_are_asked_for_as_they_are_sent() -> None:
    numbers = iter(range(100_000))
    pieces = workbook("R", ["n"], ([str(number)] for number in numbers))
    for _ in range(3):
        next(pieces)
    assert 0 < next(numbers) < 5_000
    pieces.close()


def test_a_parquet_file_of_several_parts_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_A_PART", 2)
    rows = [(str(number), None) for number in range(5)]
    whole = b"".join(parquet.parquet(["a", "b"], iter(rows)))
    assert pl.read_parquet(whole).rows() == rows

"""Workbooks, archives and documents: what is in them is taken in, and broken ones are refused."""

from __future__ import annotations

import json
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import FileRefused
from tallystick.intake import Mapping, Preview, members_of, preview_file
from tallystick.intake.sources import limits

if TYPE_CHECKING:
    from pathlib import Path

ICCID, IMEI = "89148000000800000011", "352099001761481"
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SHEET = "xl/worksheets/s.xml"
HEADER = '<row r="1">{}</row>'.format(
    "".join(
        f'<c r="{at}1" t="inlineStr"><is><t>{name}</t></is></c>'
        for at, name in zip("ABC", ("ICCID", "IMEI", "Effective from"), strict=True)
    )
)


def text(at: str, value: str) -> str:
    """A cell that holds a text."""
    return f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'


def workbook(path: Path, rows: str, after: str = "", sheet_names: tuple[str, ...] = ("S",)) -> Path:
    """A workbook in which every sheet has these rows."""
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in enumerate(sheet_names, 1)
    )
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{RELATIONS}/worksheet" Target="worksheets/s.xml"/>'
        for number, _ in enumerate(sheet_names, 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{CONTENT_TYPES}"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{NAMESPACE}" xmlns:r="{RELATIONS}"><sheets>{sheets}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}'
        "</Relationships>",
        "xl/worksheets/s.xml": f'<worksheet xmlns="{NAMESPACE}"><sheetData>{HEADER}{rows}'
        f"</sheetData>{after}</worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def read(path: Path) -> Preview:
    return preview_file("expectations", str(path))


def test_numbers_in_cells_of_identifiers_are_refused_and_formulas_have_their_values(
    tmp_path: Path,
) -> None:
    rows = (
        f'<row r="2">{text("A2", ICCID)}<c r="B2"><v>352099001761481</v></c></row>'
        f'<row r="3"><c r="A3"><v>8.9148E+19</v></c>{text("B3", IMEI)}</row>'
        f'<row r="5"><c r="A5" t="str"><f>CONCAT(A2)</f><v>{ICCID}</v></c>{text("B5", IMEI)}'
        '<c r="C5"><v>1772704800</v></c></row>'
        f'<row r="6">{text("A6", ICCID)}<c r="B6" t="e"><v>#REF!</v></c></row>'
    )
    merged = '<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'
    preview = read(workbook(tmp_path / "a.xlsx", rows, merged))
    assert preview.facts == [
        {"iccid": ICCID, "effective_from": "2026-03-05T10:00:00Z", "imei": IMEI}
    ]
    reasons = {reject.line: reject.reason for reject in preview.rejects}
    assert list(reasons) == [2, 3, 6]
    assert "is a rounded number, so digits are lost" in reasons[2]
    assert "is a rounded number, so digits are lost" in reasons[3]


def test_a_sheet_of_two_cells_far_apart_is_refused_before_it_is_laid_out(tmp_path: Path) -> None:
    rows = f'<row r="1048576">{text("XFD1048576", "x")}</row>'
    with pytest.raises(FileRefused, match="too large"):
        read(workbook(tmp_path / "a.xlsx", rows))


def test_a_workbook_that_unpacks_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WORKBOOK_BYTES_MAX", 10_000)
    with pytest.raises(FileRefused, match="too large"):
        read(workbook(tmp_path / "a.xlsx", " " * 20_000))


def test_a_damaged_workbook_is_read_or_refused(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", f'<row r="2">{text("A2", ICCID)}</row>').read_bytes()
    chance, refused = random.Random(3), 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / "damaged.xlsx"
        path.write_bytes(damaged[: chance.choice((len(whole), chance.randrange(len(whole))))])
        try:
            read(path)
        except FileRefused as refusal:
            refused += 1
            assert "damaged.xlsx" in refusal.message  # noqa: PT017 - it hangs on the bytes
    assert refused > 50


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:

    path = workbook(tmp_path / "a.xlsx", "", sheet_names=("SIMs", "More"))
    with pytest.raises(FileRefused, match="no sheet 'Others'; there are SIMs, More"):
        preview_file("expectations", str(path), Mapping(sheet="Others"))
    with pytest.raises(
        FileRefused, match=r"the sheet 'SIMs' of SIMs, More \(--sheet names another"
    ):
        preview_file("activations", str(path))


DATES = (
    f'<row r="2">{text("A2", ICCID)}{text("B2", IMEI)}<c r="C2"><v>44624.4375</v></c></row>'
    f'<row r="3">{text("A3", ICCID)}{text("B3", IMEI)}<c r="C3"><v>44624</v></c></row>'
)


@pytest.mark.parametrize(
    ("properties", "year"), [("", 2022), ('<workbookPr showObjects="all" date1904="true"/>', 2026)]
)
def test_days_are_counted_as_the_workbook_says(tmp_path: Path, properties: str, year: int) -> None:
    path = rewritten(workbook(tmp_path / "a.xlsx", DATES), "<sheets>", f"{properties}<sheets>")
    preview = read(path)
    assert [fact["effective_from"][:4] for fact in preview.facts] == [str(year)]
    assert f"a spreadsheet's count of days ({year}-" in preview.rejects[0].reason
    is_told = any("counts days from 1904" in hint for hint in preview.notes.hints)
    assert is_told == bool(properties)


def test_a_hidden_sheet_is_passed_over_and_others_are_told_of(tmp_path: Path) -> None:
    row = f'<row r="2">{text("A2", ICCID)}{text("B2", IMEI)}</row>'
    path = workbook(tmp_path / "a.xlsx", row, sheet_names=("Old", "New", "More"))
    preview = read(rewritten(path, 'name="Old"', 'name="Old" state="hidden"'))
    assert len(preview.facts) == 1
    assert preview.notes.hints == (
        "the sheet New is read, and no other of New, More: --sheet names one",
    )


def rewritten(path: Path, old: str, new: str, part: str = "xl/workbook.xml") -> Path:
    """A workbook with another text in one of its parts; in its list of sheets if not given."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_entities_that_the_xml_of_a_workbook_defines_are_refused(tmp_path: Path) -> None:
    """Neither a file of the machine comes in by one, nor does a small one become a large text."""
    (tmp_path / "secret").write_text(IMEI)
    swollen = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30))
    defined = (
        f'<!DOCTYPE workbook [<!ENTITY file SYSTEM "file://{tmp_path}/secret">'
        f'<!ENTITY e0 "x">{swollen}]><workbook'
    )
    for entity in ("&file;", "&e29;"):
        row = f'<row r="2">{text("A2", ICCID)}{text("B2", entity)}</row>'
        path = workbook(tmp_path / "a.xlsx", row)
        rewritten(path, "<workbook", defined)
        rewritten(path, "<worksheet", defined.replace("workbook", "worksheet"), SHEET)
        with pytest.raises(FileRefused, match="cannot be read as a workbook"):
            read(path)


def test_the_only_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook(path, "", sheet_names=("Summary", "SIMs"))
    row = f'<row r="2">{text("A2", ICCID)}{text("B2", IMEI)}</row>'
    parts = {}
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = parts["xl/worksheets/s.xml"]
    parts["xl/worksheets/t.xml"] = sheet.replace("</sheetData>", f"{row}</sheetData>")
    parts["xl/worksheets/s.xml"] = sheet.replace("IMEI", "Sum")
    relations = parts["xl/_rels/workbook.xml.rels"].rpartition("s.xml")
    parts["xl/_rels/workbook.xml.rels"] = "t.xml".join((relations[0], relations[2]))
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    preview = read(path)
    assert len(preview.facts) == 1
    assert preview.notes.hints == ("the sheet SIMs is read, the only one with these columns",)


def test_hidden_rows_are_read_and_told(tmp_path: Path) -> None:
    row = f'<row r="2"{{}}>{text("A2", ICCID)}{text("B2", IMEI)}</row>'
    seen = read(workbook(tmp_path / "a.xlsx", row.format("")))
    hidden = read(workbook(tmp_path / "b.xlsx", row.format(' spans="1:2" hidden="1"')))
    assert seen.facts == hidden.facts
    assert seen.notes.hints == ()
    assert "has hidden rows" in " ".join(hidden.notes.hints)


def locked(path: Path) -> Path:
    """The same archive with its parts marked as such that have a password."""
    packed = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = packed.find(start)
        while at >= 0:
            packed[at + flags] |= 1
            at = packed.find(start, at + 1)
    path.write_bytes(packed)
    return path


def test_what_has_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="it has a password: save it without one"):
        read(locked(workbook(tmp_path / "a.xlsx", "")))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", f"iccid,imei\n{ICCID},{IMEI}\n")
    with pytest.raises(FileRefused, match="it has a password: unpack it"):
        preview_file("expectations", f"{locked(tmp_path / 'a.zip')}/a.csv")


def packed_otherwise(path: Path) -> Path:
    """The same archive with its parts marked as such that Windows packs if they are large."""
    packed = bytearray(path.read_bytes())
    for start, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = packed.find(start)
        while at >= 0:
            packed[at + method] = 9
            at = packed.find(start, at + 1)
    path.write_bytes(packed)
    return path


def test_what_is_packed_in_a_way_that_is_not_read_is_refused_as_such(tmp_path: Path) -> None:
    what = "it is packed in a way that is not read: unpack it, or pack it by Deflate"
    with pytest.raises(FileRefused, match=what):
        read(packed_otherwise(workbook(tmp_path / "a.xlsx", "")))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", f"iccid,imei\n{ICCID},{IMEI}\n")
    with pytest.raises(FileRefused, match=what):
        preview_file("expectations", f"{packed_otherwise(tmp_path / 'a.zip')}/a.csv")


def test_files_of_an_archive_are_named_and_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for junk in ("__MACOSX/b.csv", "in/.DS_Store", "in/Thumbs.db"):
            archive.writestr(junk, "x")
        for name in ("in/b.csv", "./c.csv", ".out/d.csv"):
            archive.writestr(name, f"iccid,imei\n{ICCID},{IMEI}\n")
    for name in members_of(str(path)):
        assert len(preview_file("expectations", name).facts) == 1
    assert len(members_of(str(path))) == 3
    with pytest.raises(FileRefused, match="is not in the archive"):
        preview_file("expectations", f"{path}/d.csv")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FileRefused, match=r"a\.zip: cannot be read"):
        members_of(str(path))


def test_an_archive_of_hidden_files_alone_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/.a.csv", "")
    with pytest.raises(FileRefused, match="no file in the archive, or none that is not hidden"):
        members_of(str(tmp_path / "a.zip"))


def test_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_FILES_MAX", 2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", "")
    with pytest.raises(FileRefused, match="may have 2 files, not 3"):
        members_of(str(tmp_path / "a.zip"))


DOCUMENTS = {
    "an array": [{"iccid": ICCID, "imei": IMEI}],
    "one object": {"iccid": ICCID, "imei": IMEI},
    "an array under a name": {"devices": [{"iccid": ICCID, "imei": IMEI}]},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_may_be(tmp_path: Path, document: object) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document, indent=2))
    assert read(path).facts == [{"iccid": ICCID, "effective_from": "", "imei": IMEI}]


def test_objects_behind_each_other_that_are_longer_than_a_line_may_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken document of many megabytes is one such object, up to where it breaks."""
    path = tmp_path / "a.json"
    path.write_text(2 * json.dumps({"iccid": ICCID, "imei": IMEI, "note": 80 * [{}]}, indent=1))
    assert len(read(path).facts) == 2
    monkeypatch.setattr(limits, "LINE_BYTES_MAX", 200)
    with pytest.raises(FileRefused, match="is not JSON"):
        read(path)


@pytest.mark.parametrize("text", ["", "7", "[", "[1", '{"a":', "[" * 100_000, '"x"', "\x00"])
def test_what_is_no_document_of_objects_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(FileRefused, match=r"a\.json: "):
        read(path)


SIMS_HEADER = f'<row r="1">{text("A1", "ICCID")}{text("B1", "Account")}</row>'
OTHERS = ("89148000000800000029", "89148000000800000037", "89148000000800000045")


def sims_in(path: Path, rows: str, after: str = "", account: str = "") -> Preview:
    """How a sheet of SIMs and their accounts is read."""
    whole = rewritten(workbook(path, rows, after), HEADER, SIMS_HEADER, SHEET)
    return preview_file("sims", str(whole), Mapping(account=account))


def test_a_number_as_the_name_of_an_account_is_told_for_it_has_lost_its_zeros(
    tmp_path: Path,
) -> None:
    rows = (
        f'<row r="2">{text("A2", ICCID)}{text("B2", "0342077109")}</row>'
        f'<row r="3">{text("A3", OTHERS[0])}<c r="B3"><v>342077109</v></c></row>'
    )
    preview = sims_in(tmp_path / "a.xlsx", rows)
    assert [fact["account"] for fact in preview.facts] == ["0342077109", "342077109"]
    (hint,) = preview.notes.hints
    assert hint.startswith("account is a number in 1 of the rows, first 342077109 in row 3: zeros")


def test_merged_cells_of_an_account_are_of_each_of_their_rows_and_of_no_other(
    tmp_path: Path,
) -> None:
    rows = (
        f'<row r="2">{text("A2", ICCID)}{text("B2", "North")}</row>'
        f'<row r="3">{text("A3", OTHERS[0])}</row>'
        f'<row r="5">{text("A5", OTHERS[1])}</row>'
        f'<row r="6">{text("A6", OTHERS[2])}</row>'
    )
    merged = '<mergeCells count="1"><mergeCell ref="B2:B5"/></mergeCells>'
    preview = sims_in(tmp_path / "a.xlsx", rows, merged, account="South")
    assert [fact["account"] for fact in preview.facts] == ["North"] * 3
    assert "merged cells of account are read as their value in each row" in preview.notes.hints
    (reject,) = preview.rejects
    assert reject.line == 6
    assert "account is missing, though the file has a column of accounts" in reject.reason

"""Rows as a workbook (.xlsx), written piece by piece: memory does not grow with it.

Every cell is text, also where somebody edits it later. So no identifier becomes a number, which
would lose digits, and no value becomes a formula. A sheet that is full is followed by another one.
"""

from __future__ import annotations

import re
from itertools import chain, count, islice
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

SHEET_ROWS_MAX = 1 << 20
"""What spreadsheets take: the header is one of them."""
ROWS_A_PART = 1_000
DEFLATE_LEVEL = 1
COLUMN_WIDTH = 24
PLAIN = re.compile("[0-9A-Za-z:;_, +.-]+")
"""Values that stand in XML as they are, as nearly all do."""
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SCHEMAS = "http://schemas.openxmlformats.org"
MAIN = f"{SCHEMAS}/spreadsheetml/2006/main"
PACKAGE = f"{SCHEMAS}/package/2006"
OFFICE = f"{SCHEMAS}/officeDocument/2006/relationships"
FORMAT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
BEGINNING = (
    f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    '</sheetView></sheetViews><cols><col min="1" max="{columns}" width="{width}" '
    'customWidth="1"/></cols><sheetData>'
)
END = "</sheetData></worksheet>"
TEXT, BOLD = 1, 2
"""The styles of cells, by their place in `STYLES`; 49 is the format of text."""
STYLES = (
    f'{XML}<styleSheet xmlns="{MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" '
    'applyFont="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


class _Pieces:
    """What an archive is written to: it is asked for what was written since."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Take a piece."""
        self._written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """An archive asks for it."""

    def taken(self) -> bytes:
        """What was written since this was last asked."""
        piece = b"".join(self._written)
        self._written.clear()
        return piece


def workbook(
    title: str, header: Sequence[str], rows: Iterator[Sequence[str | None]]
) -> Generator[bytes, None, None]:
    """The bytes of a workbook, whose sheets have this title and begin with the header."""
    pieces = _Pieces()
    titles: list[str] = []
    with ZipFile(pieces, "w", ZIP_DEFLATED, compresslevel=DEFLATE_LEVEL) as archive:  # type: ignore[call-overload] # it writes and never seeks
        for number in count(1):
            first = next(rows, None)
            if first is None and titles:
                break
            titles.append(f"{title} {number}" if titles else title)
            own_rows = islice(chain(() if first is None else (first,), rows), SHEET_ROWS_MAX - 1)
            with archive.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as sheet:
                for part in _sheet(header, own_rows):
                    sheet.write(part.encode())
                    yield pieces.taken()
        for name, text in _parts(titles):
            archive.writestr(name, text)
    yield pieces.taken()


def _sheet(header: Sequence[str], rows: Iterator[Sequence[str | None]]) -> Iterator[str]:
    beginning = BEGINNING.format(columns=len(header), width=COLUMN_WIDTH)
    yield beginning + _row(header, BOLD)
    while part := list(islice(rows, ROWS_A_PART)):
        yield "".join(_row(row, TEXT) for row in part)
    yield END


def _row(values: Iterable[str | None], style: int) -> str:
    return f"<row>{''.join(_cell(value, style) for value in values)}</row>"


def _cell(value: str | None, style: int) -> str:
    if not value:
        return f'<c s="{style}"/>'
    text = value if PLAIN.fullmatch(value) else escape(NOT_IN_XML.sub("\ufffd", value))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _parts(titles: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a workbook has beside its sheets: names of files, and their texts."""
    numbers = range(1, len(titles) + 1)
    parts = [("xl/workbook.xml", "sheet.main"), ("xl/styles.xml", "styles")]
    parts += [(f"xl/worksheets/sheet{number}.xml", "worksheet") for number in numbers]
    types = "".join(
        f'<Override PartName="/{name}" ContentType="{FORMAT}.{kind}+xml"/>' for name, kind in parts
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    default = f'<Default Extension="rels" ContentType="{relations}"/>'
    all_types = f'{XML}<Types xmlns="{PACKAGE}/content-types">{default}{types}</Types>'
    yield "[Content_Types].xml", all_types
    yield "_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")])
    sheets = "".join(
        f'<sheet name="{escape(title)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, title in enumerate(titles, 1)
    )
    yield (
        "xl/workbook.xml",
        f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
    )
    yield "xl/styles.xml", STYLES


def _relations(targets: Iterable[tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'

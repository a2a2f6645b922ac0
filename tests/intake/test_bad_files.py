"""Bad lines are reported exactly and cost no good one; bad files are refused by name."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
import sys
import time
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.intake import KINDS, Listeners, Mapping, Receipt, Reject, import_file, preview_file
from tallystick.intake.checking import check_source
from tallystick.intake.mappings.mapping import checked
from tallystick.intake.receipt import REJECTS_SHOWN_MAX, Fault
from tallystick.intake.sources import limits, open_source
from tallystick.intake.sources.limits import COLUMNS_MAX, LINE_BYTES_MAX
from tests.engines import ENGINES, SQLITE
from tests.kept import everything_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.store import Store

HEADER = b"iccid,imei,activated_at\n"
GOOD = b"8914800000080000000%d,352099001761481,2026-03-01T00:00:00Z\n"
GOODS = [GOOD % number for number in range(9)]
FIELDS = [b"89148000000800000001", b"352099001761481", b"2026-03-01T00:00:00Z"]
MEBIBYTE = 1 << 20


class Outcome(NamedTuple):
    """What an import made of a file."""

    receipt: Receipt
    rejects: dict[int, str]


ON_EACH_ENGINE = pytest.mark.parametrize("engine", ENGINES)
"""For tests whose rejects have texts in them that an engine might not keep."""


@pytest.fixture
def engine() -> str:
    """How a file is read does not hang on the engine; test_import takes files in on each."""
    return SQLITE


@pytest.fixture
def take(store: Store, tmp_path: Path) -> Callable[..., Outcome]:
    """Import bytes as a file of activations, and check what must hold of every receipt."""

    def taking(content: bytes, name: str = "activations.csv", kind: Any = "activations") -> Outcome:  # noqa: ANN401 - a kind's name
        path = tmp_path / name
        path.write_bytes(content)
        rejects: list[Reject] = []
        receipt = import_file(store, kind, str(path), listeners=Listeners(on_reject=rejects.append))
        assert receipt.rejected == len(rejects)
        assert receipt.rejects == rejects[:REJECTS_SHOWN_MAX]
        assert receipt.read == receipt.accepted + receipt.duplicate + receipt.rejected
        assert [each.line for each in rejects] == sorted({each.line for each in rejects})
        return Outcome(receipt, {each.line: each.reason for each in rejects})

    return taking


# Lines


BAD_LINES = {
    "an iccid of other digits": (
        b"88148000000800000001,352099001761481,2026-03-01",
        "iccid must start with 89",
    ),
    "an imei that is too short": (
        b"89148000000800000001,3520990017614,2026-03-01",
        "imei must be 14-16 digits",
    ),
    "a moment that does not exist": (
        b"89148000000800000001,352099001761481,2026-02-30",
        "no moment that exists",
    ),
    "the first moment of Unix": (
        b"89148000000800000001,352099001761481,1970-01-01",
        "activated_at must be a moment; systems write '1970-01-01' for never",
    ),
    "the day from which spreadsheets count": (
        b"89148000000800000001,352099001761481,1899-12-30 00:00:00",
        "activated_at must be a moment; systems write '1899-12-30 00:00:00' for never",
    ),
    "a month in another language": (
        b"89148000000800000001,352099001761481,5 mars 2026 10:15",
        "not '5 mars 2026 10:15': write its month as a number",
    ),
    "the first moment of .NET": (
        b"89148000000800000001,352099001761481,0001-01-01T00:00:00Z",
        "activated_at must be a moment; systems write '0001-01-01T00:00:00Z' for never",
    ),
    "a field too few": (
        b"89148000000800000001,352099001761481",
        "the line has 2 fields, the header 3",
    ),
    "a field too many": (
        b"89148000000800000001,352099001761481,2026-03-01,x",
        "the line has 4 fields, the header 3",
    ),
    "an empty field": (b"89148000000800000001,,2026-03-01", "imei is missing"),
    "an empty last field": (b"89148000000800000001,352099001761481,", "activated_at is missing"),
    "one word": (b"nonsense", "the line has 1 fields, the header 3"),
    "a quote that never ends": (
        b'"89148000000800000001,352099001761481,2026-03-01',
        "the line is not CSV",
    ),
    "text behind a quoted field": (
        b'"89148000000800000001"x,352099001761481,2026-03-01',
        "the line is not CSV",
    ),
    "half a character beside a whole one": (
        b"89148000000800000001,\xc3\xa4,M\xe4rz",
        "not UTF-8: .* at byte 26",
    ),
    "Windows-1252": (b"89148000000800000001,352099001761481,M\xe4rz", "timestamp .*'März'"),
    "UTF-16": (",".join(field.decode() for field in FIELDS).encode("utf-16-le"), "."),
    "a NUL byte": (b"89148000000800000001,35209900176148\x00,2026-03-01", r"imei must be .*\\x00"),
    "nothing but NUL bytes": (b"\x00\x00\x00\x00", "the line has 1 fields, the header 3"),
    "a carriage return within": (b"89148000000800000001,3520990\r01761481,2026-03-01", "."),
    "a field of more characters than the csv module reads": (
        b"89148000000800000001,352099001761481," + b"x" * 200_000,
        "activated_at must be a timestamp|the line is not CSV: field larger than field limit",
    ),
    "more quoted characters than a reject repeats": (
        b'"' + "ä".encode() * 200 + b'",a"b,2026-03-01',
        ".",
    ),
    "bad quoting around half a character": (
        b'x"' + b"x" * 253 + "ä".encode() + b',"a"b,"',
        "the line is not CSV",
    ),
    "a number in scientific notation": (
        b"8.9148E+19,352099001761481,2026-03-01",
        "iccid '8.9148E\\+19' is a rounded number, so digits are lost",
    ),
    "a date that may begin with the day or the month": (
        b"89148000000800000001,352099001761481,05/03/2026",
        "the day or the month may be first; say which with --time-format '%d/%m/%Y' or",
    ),
    "a header of another file": (
        b"iccid,imei,activation date",
        "iccid must be .*; activated_at must be .*; imei must be ",
    ),
    "the digits of another script": (
        "89148000000800000001,35209900176148٣,2026-03-01".encode(),
        "imei must be 14-16",
    ),
}


@ON_EACH_ENGINE
@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_told_with_its_number_and_the_good_ones_around_it_are_taken(
    take: Callable[..., Outcome], line: bytes, reason: str
) -> None:
    outcome = take(HEADER + GOODS[0] + GOODS[1] + line + b"\n" + GOODS[2])
    assert list(outcome.rejects) == [4]
    assert re.search(reason, outcome.rejects[4])
    assert outcome.receipt.accepted == 3


@pytest.mark.parametrize("line", [line for line, _ in BAD_LINES.values()], ids=BAD_LINES)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_so_it_is_at_the_end_of_the_file(
    take: Callable[..., Outcome], line: bytes, end: bytes
) -> None:
    outcome = take(HEADER + GOODS[0] + line + end)
    assert (list(outcome.rejects), outcome.receipt.accepted) == ([3], 1)


def test_a_reject_has_all_its_faults_and_its_values_as_they_came(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"imei,activated_at,iccid\nx,2026-03-01,\n")
    rejects: list[Reject] = []
    import_file(store, "activations", str(path), listeners=Listeners(on_reject=rejects.append))
    (reject,) = rejects
    assert reject.line == 2
    assert reject.faults == (
        Fault("iccid", "is missing"),
        Fault("imei", "imei must be 14-16 digits, not 'x'"),
    )
    assert reject.reason == "iccid is missing; imei must be 14-16 digits, not 'x'"
    assert reject.values == ("x", "2026-03-01", "")


def test_line_numbers_are_exact_over_many_blocks(
    take: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 1000)
    lines = [b"bad\n" if number % 7 == 0 else GOODS[number % 9] for number in range(2, 1000)]
    outcome = take(HEADER + b"".join(lines))
    assert list(outcome.rejects) == [number for number in range(2, 1000) if number % 7 == 0]


BLANKS = {
    "blank lines": HEADER + b"\n\n" + GOODS[0] + b"\n" + GOODS[1] + b"bad\n\n\n",
    "blanks in lines": HEADER + b"  \n\t\n" + GOODS[0] + b" \r\n" + GOODS[1] + b"bad",
    "blank lines with carriage returns": b"\r\n".join(
        [HEADER.strip(), b"", b"", GOODS[0].strip(), b"", GOODS[1].strip(), b"bad", b"", b""]
    ),
}


@pytest.mark.parametrize("content", BLANKS.values(), ids=BLANKS)
def test_blank_lines_are_passed_over_and_counted_in_the_numbers(
    take: Callable[..., Outcome], content: bytes
) -> None:
    outcome = take(content)
    assert (list(outcome.rejects), outcome.receipt.accepted, outcome.receipt.read) == ([7], 2, 3)


PLAIN = HEADER + GOODS[0] + GOODS[1]
SAME = {
    "carriage returns": PLAIN.replace(b"\n", b"\r\n"),
    "carriage returns here and there": PLAIN.replace(b"Z\n", b"Z\r\n", 1),
    "no line end at the end": PLAIN.rstrip(b"\n"),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "quoted fields": b"\n".join(
        b",".join(b'"' + field + b'"' for field in line.split(b",")) for line in PLAIN.splitlines()
    ),
    "quoted fields here and there": PLAIN.replace(b"352099001761481", b'"352099001761481"', 1),
    "a byte order mark and a quoted header": b"\xef\xbb\xbf" + PLAIN.replace(b"iccid", b'"iccid"'),
    "blanks in the header": PLAIN.replace(b"iccid,imei,", b" iccid , imei,\t"),
    "blanks around values": PLAIN.replace(b",352099001761481,", b" , 352099001761481\t, "),
    "a comma at the end of a line": PLAIN.replace(b"Z\n", b"Z,\n", 1),
    "lines of commas alone": PLAIN + b",,\n,,\n",
    "blank lines before the header": b"\n \r\n" + PLAIN,
    "notes before the header": b"Export of 2026-03-01\n\n" + PLAIN,
    "capitals and signs in the header": PLAIN.replace(b"activated_at", b"Activated-At").upper(),
    "semicolons": PLAIN.replace(b",", b";"),
    "tabs": PLAIN.replace(b",", b"\t"),
    "UTF-16 with a byte order mark": PLAIN.decode().encode("utf-16"),
    "UTF-16 without": PLAIN.decode().encode("utf-16-be"),
    "columns that are not needed": PLAIN.replace(b"\n", b",x\n"),
    "values marked as texts": PLAIN.replace(b"8914800", b"'8914800").replace(
        b"352099001761481", b'="352099001761481"'
    ),
    "hyphens in an IMEI, and padding": PLAIN.replace(
        b"352099001761481", b"35-209900-176148-1"
    ).replace(b"0000000001,", b"0000000001F,"),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_a_file_may_have(take: Callable[..., Outcome], store: Store, content: bytes) -> None:
    outcome = take(content)
    assert (outcome.rejects, outcome.receipt.accepted) == ({}, 2)
    assert [str(each.iccid) for each in everything_in(store).activations] == [
        "89148000000800000000",
        "89148000000800000001",
    ]


def test_quoted_fields_may_have_commas_and_quotes(
    take: Callable[..., Outcome], store: Store
) -> None:
    take(
        b'iccid,account,activation_date\n89148000000800000001,"Smith, ""Sons"" & Co",2026-03-01\n',
        "sims.csv",
        "sims",
    )
    assert [sim.account for sim in everything_in(store).sims] == ['Smith, "Sons" & Co']


def test_a_value_that_is_read_does_not_go_over_a_lines_end(take: Callable[..., Outcome]) -> None:
    outcome = take(HEADER + b'"89148000000800000001\n",352099001761481,2026-03-01\n' + GOODS[0])
    assert (list(outcome.rejects), outcome.receipt.accepted) == ([2, 3], 1)


def test_a_note_may_go_over_the_ends_of_lines(take: Callable[..., Outcome]) -> None:
    noted = HEADER.replace(b"\n", b",note\n") + b"89148000000800000001,352099001761481,2026-03-01,"
    outcome = take(noted + b'"one\r\ntwo, ""2""\n\n"\n' + GOODS[0].replace(b"\n", b",\n"))
    assert (outcome.rejects, outcome.receipt.accepted) == ({}, 2)


def test_a_quote_that_is_not_closed_takes_no_line_behind_it_away(
    take: Callable[..., Outcome],
) -> None:
    opened = b'89148000000800000001,352099001761481,"2026-03-01\n'
    outcome = take(HEADER + opened + GOODS[0] + opened + GOODS[0])
    assert (list(outcome.rejects), outcome.receipt.read) == ([2, 4], 4)


def test_a_rejects_file_can_be_mended_and_taken_in_again(take: Callable[..., Outcome]) -> None:
    outcome = take(
        HEADER.replace(b"\n", b",reason\n")
        + GOODS[0].replace(b"\n", b",\"imei must be 14-16 digits, not 'x'\"\n")
    )
    assert (outcome.rejects, outcome.receipt.accepted) == ({}, 1)


# Long lines


LONG = {
    "with a line end": b"x" * (20 * MEBIBYTE) + b"\n",
    "without": b"x" * (20 * MEBIBYTE),
    "of many fields": b"x," * (10 * MEBIBYTE) + b"\n",
    "no longer than a block": b"x" * (MEBIBYTE + 1) + b"\n",
    "of good fields and a long one": GOODS[2].strip() + b"0" * MEBIBYTE + b"\n",
}


@pytest.mark.parametrize("long", LONG.values(), ids=LONG)
@pytest.mark.parametrize(
    "more", [b"", b"bad\n" + GOODS[3] + b"bad"], ids=["at the end", "in the middle"]
)
def test_a_line_over_the_limit_is_one_reject_and_one_number(
    take: Callable[..., Outcome], long: bytes, more: bytes
) -> None:
    lines = long if long.endswith(b"\n") or not more else long + b"\n"
    outcome = take(HEADER + GOODS[0] + GOODS[1] + lines + more)
    assert outcome.rejects[4] == f"the line is longer than {LINE_BYTES_MAX:,} bytes"
    assert list(outcome.rejects) == ([4, 5, 7] if more else [4])
    assert outcome.receipt.accepted == (3 if more else 2)
    assert len("".join(outcome.receipt.rejects[0].values)) < 1000


def test_whether_a_line_is_too_long_does_not_hang_on_its_neighbours(
    take: Callable[..., Outcome],
) -> None:
    """The column `reason` takes anything, so that only the line's length is at fault."""
    header = HEADER.replace(b"\n", b",reason\n")
    just, over = (
        GOODS[0].strip() + b"," + b"x" * (LINE_BYTES_MAX - len(GOODS[0]) + more) for more in (0, 1)
    )
    assert (len(just), len(over)) == (LINE_BYTES_MAX, LINE_BYTES_MAX + 1)
    for around in (b"", b'"' + GOODS[1].strip().replace(b",", b'",', 1) + b",\n"):
        outcome = take(header + around + over + b"\n" + over)
        assert list(outcome.rejects) == [2 + bool(around), 3 + bool(around)]


def test_twenty_megabytes_on_the_first_line_are_no_header(take: Callable[..., Outcome]) -> None:
    for header in (
        b"x" * (20 * MEBIBYTE),
        HEADER.strip() + b" " * (20 * MEBIBYTE) + b"\n" + GOODS[0],
    ):
        with pytest.raises(
            FileRefused, match=r"activations\.csv: line 1 must name the columns, and is longer than"
        ):
            take(header)


def test_a_header_of_a_hundred_thousand_columns_is_refused_at_once_and_in_short(
    take: Callable[..., Outcome],
) -> None:
    reason = "line 1 names 100,000 columns; a file may have at most 1,000$"
    with pytest.raises(FileRefused, match=reason) as refusal:
        take(b",".join(b"c%d" % number for number in range(100_000)) + b"\n")
    assert len(refusal.value.message) < 1000


def test_a_header_of_as_many_columns_as_a_file_may_have_is_told_what_it_lacks(
    take: Callable[..., Outcome],
) -> None:
    with pytest.raises(FileRefused, match="line 1 has no column iccid") as refusal:
        take(b",".join(b"c%d" % number for number in range(COLUMNS_MAX)) + b"\n")
    assert len(refusal.value.message) < 1000


@pytest.mark.parametrize("kind", ["activations", "types"])
def test_a_header_of_equal_names_takes_time_by_its_length_alone(
    take: Callable[..., Outcome], kind: str
) -> None:
    """A look at all names before for each of 150,000 would take minutes."""
    started = time.process_time()
    with pytest.raises(FileRefused, match="line 1 names 150,000 columns"):
        take(b",".join([b"same"] * 150_000) + b"\n", kind=kind)
    assert time.process_time() - started < 5


def test_a_column_may_have_a_name_of_bounded_length(take: Callable[..., Outcome]) -> None:
    reason = "line 1 names a column 'x+….; a name may have at most 250 characters$"
    with pytest.raises(FileRefused, match=reason) as refusal:
        take(HEADER.strip() + b"," + b"x" * 251 + b"\n" + GOODS[0])
    assert len(refusal.value.message) < 1000


# Headers


HEADERS = {
    "an empty file": (b"", "line 1 is empty; it must name the columns"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "line 1 is empty"),
    "no header": (
        GOODS[0],
        "line 1 has no column iccid; .* If no line names the columns, name them with --columns",
    ),
    "a column missing": (
        b"iccid,activated_at\n",
        "line 1 has no column imei. Columns of activations: iccid, ",
    ),
    "columns of another kind": (
        b"account,mdn,activated_at\n",
        "has no column iccid; has no column imei.* The file has: account, mdn, activated_at.",
    ),
    "columns that a mapping knows": (
        b"endpoint_imei,iccid,event_start_timestamp\n",
        "The mapping 1nce-cdr fits: add --map 1nce-cdr",
    ),
    "a column twice": (b"iccid,imei,activated_at,imei\n", "line 1 has the column imei twice"),
    "the column reason twice": (
        b"reason,iccid,imei,activated_at,reason\n",
        "line 1 has the column reason twice",
    ),
    "bad quoting": (b'"iccid"x,imei,activated_at\n', "line 1 must name the columns, and is no"),
    "a quote that never ends": (
        b'iccid,imei,"activated_at\n',
        "line 1 has no column iccid; has no column activated_at; has no column imei",
    ),
    "another alphabet": (b"iccid,imei,activated_\xe6t\n", "line 1 has no column activated_at"),
    "NUL bytes": (b"\x00" * 100, "line 1 "),
}


@pytest.mark.parametrize(("content", "reason"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_does_not_do_refuses_the_file(
    take: Callable[..., Outcome], store: Store, content: bytes, reason: str
) -> None:
    with pytest.raises(FileRefused, match=rf"activations\.csv: .*{reason}"):
        take(content)
    assert everything_in(store).activations == []


def test_a_header_alone_is_a_file_without_facts(take: Callable[..., Outcome]) -> None:
    for content in (HEADER, HEADER.strip(), HEADER + b"\n\n"):
        assert take(content).receipt.read == 0


# Files


def test_a_file_that_is_not_there_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"none\.csv: cannot be read: .*No such file"):
        import_file(store, "activations", str(tmp_path / "none.csv"))


def test_a_folder_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileRefused, match=r"folder\.csv: cannot be read: .*directory"):
        import_file(store, "activations", str(tmp_path / "folder.csv"))


@pytest.mark.parametrize("name", ["a", "a.doc", "csv", ".csv"])
def test_a_name_that_tells_no_format_is_refused_unless_it_is_a_text(
    store: Store, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(bytes(range(256)))
    with pytest.raises(
        FileRefused, match=r"the name must end in one of \.csv, .*\.ndjson, .*\.parquet"
    ):
        import_file(store, "activations", str(path))
    path.write_bytes(HEADER + GOODS[0])
    assert import_file(store, "activations", str(path)).accepted == 1


@pytest.mark.parametrize("start", [b"BZh9", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c"])
def test_a_file_that_is_packed_otherwise_is_refused(
    store: Store, tmp_path: Path, start: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(start + bytes(64))
    with pytest.raises(FileRefused, match="unpack it, or pack it by gzip or zstd"):
        import_file(store, "activations", str(path))


PACKED = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}
# Random bytes do not pack: the data reaches over several reads, and what is cut off is data.
CHANCE = random.Random(7)
NOISE = HEADER + b"".join(b"%032x\n" % CHANCE.getrandbits(128) for _ in range(20_000))


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("left", [0.5, 0.9, 0.9999, 0.001, 0.00001])
def test_a_packed_file_that_was_cut_off_is_refused(
    take: Callable[..., Outcome], store: Store, suffix: str, left: float
) -> None:
    whole = PACKED[suffix](NOISE)
    cut = whole[: max(1, int(len(whole) * left))]
    with pytest.raises(FileRefused, match=rf"activations\.csv\.{suffix}: cannot be read: "):
        take(cut, f"activations.csv.{suffix}")
    assert everything_in(store).activations == []


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("at", [0, 20, 500, -10])
def test_a_packed_file_with_a_byte_changed_is_refused(
    take: Callable[..., Outcome], suffix: str, at: int
) -> None:
    changed = bytearray(PACKED[suffix](NOISE))
    for byte in range(at, at + 4):
        changed[byte] ^= 0xFF
    try:
        take(bytes(changed), f"activations.csv.{suffix}")
    except FileRefused as refusal:
        assert f"activations.csv.{suffix}: " in refusal.message  # noqa: PT017 - whether it is raised hangs on the byte
    else:
        assert suffix == "zst"  # its packer leaves checksums out by default


@pytest.mark.parametrize("suffix", PACKED)
def test_a_file_is_read_as_it_is_packed_whatever_its_name_says(
    take: Callable[..., Outcome], suffix: str
) -> None:
    assert take(HEADER + GOODS[0], f"activations.csv.{suffix}").receipt.accepted == 1
    assert take(PACKED[suffix](HEADER + GOODS[1])).receipt.accepted == 1


@pytest.mark.parametrize("suffix", PACKED)
def test_several_packed_pieces_in_one_file_are_one_file(
    take: Callable[..., Outcome], suffix: str
) -> None:
    pieces = [HEADER + GOODS[0][:30], b"", GOODS[0][30:] + GOODS[1]]
    outcome = take(b"".join(map(PACKED[suffix], pieces)), f"activations.csv.{suffix}")
    assert (outcome.rejects, outcome.receipt.accepted) == ({}, 2)


def test_what_goes_wrong_with_a_reject_is_not_blamed_on_the_file(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"bad\n" + GOODS[0])

    def full(_: object) -> None:
        message = "No space left on device"
        raise OSError(message)

    with pytest.raises(OSError, match="No space left"):
        import_file(store, "activations", str(path), listeners=Listeners(on_reject=full))
    with pytest.raises(OSError, match="No space left"):
        import_file(store, "activations", str(path), listeners=Listeners(on_progress=full))


# NDJSON


RECORD = (
    b'{"iccid":"89148000000800000001","imei":"352099001761481",'
    b'"activated_at":"2026-03-01T00:00:00Z"}'
)
BAD_RECORDS = {
    "a list": (b"[1,2]", "the line is not a JSON object"),
    "a number": (b"1", "the line is not a JSON object"),
    "a string": (b'"iccid"', "the line is not a JSON object"),
    "null": (b"null", "the line is not a JSON object"),
    "no JSON": (b"iccid,imei", "the line is not JSON: "),
    "half an object": (RECORD[:-1], "the line is not JSON: "),
    "two objects": (RECORD + RECORD, "the line is not JSON: "),
    "an empty object": (b"{}", "iccid is missing; activated_at is missing; imei is missing"),
    "a null value": (RECORD.replace(b'"352099001761481"', b"null"), "imei is missing"),
    "a nested object": (
        RECORD.replace(b'"352099001761481"', b'{"a":1}'),
        'imei must be a JSON string, not \\{"a": 1\\}',
    ),
    "a nested list": (
        RECORD.replace(b'"352099001761481"', b"[1]"),
        r"imei must be a JSON string, not \[1\]",
    ),
    "a truth value": (
        RECORD.replace(b'"352099001761481"', b"true"),
        "imei must be a JSON string, not true",
    ),
    "a fraction": (
        RECORD.replace(b'"352099001761481"', b"3.5"),
        "imei must be a JSON string, not 3.5",
    ),
    "a huge number": (RECORD.replace(b'"352099001761481"', b"1" * 5000), "."),
    "a number out of range": (RECORD.replace(b'"352099001761481"', b"1e999"), "."),
    "a negative number": (
        RECORD.replace(b'"352099001761481"', b"-35209900176148"),
        "imei must be 14-16 digits",
    ),
    "half a surrogate pair": (RECORD.replace(b'"352099001761481"', b'"\\ud800"'), "."),
    "a NUL character": (
        RECORD.replace(b'"352099001761481"', b'"\\u0000"'),
        r"imei must be 14-16 digits, not '\\x00'",
    ),
    "bytes that are not UTF-8": (
        RECORD.replace(b"352099", "ä".encode() + b"\xff\xfe"),
        "the line is not JSON: ",
    ),
    "a depth of lists": (b"[" * 100_000, "the line is not JSON: "),
    "a depth of objects within": (
        RECORD.replace(b'"352099001761481"', b'{"a":' * 900 + b"1" + b"}" * 900),
        "imei must be a JSON string",
    ),
    **{
        f"objects {depth} deep": (
            RECORD.replace(b'"352099001761481"', b'{"a":' * depth + b"1" + b"}" * depth),
            "imei must be a JSON string|the line is not JSON",
        )
        for depth in range(930, 1001, 2)
    },
    "twenty megabytes": (b'"' + b"x" * (20 * MEBIBYTE) + b'"', "the line is longer than "),
    "a mebibyte and more": (RECORD.replace(b"35209", b"x" * MEBIBYTE), "the line is longer than "),
}


@ON_EACH_ENGINE
@pytest.mark.parametrize(("line", "reason"), BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_bad_json_line_is_told_with_its_number_and_the_others_are_taken(
    take: Callable[..., Outcome], line: bytes, reason: str
) -> None:
    outcome = take(RECORD + b"\n\n" + line + b"\r\n" + RECORD.replace(b"2026", b"2027"), "a.ndjson")
    assert list(outcome.rejects) == [3]
    assert re.search(reason, outcome.rejects[3])
    assert outcome.receipt.accepted == 2


def test_json_may_have_numbers_where_no_digit_is_lost_a_byte_order_mark_and_a_reason(
    take: Callable[..., Outcome], store: Store
) -> None:
    number = RECORD.replace(b'"89148000000800000001"', b"89148000000800000002").replace(
        b"{", b'{"reason":[],', 1
    )
    outcome = take(b"\xef\xbb\xbf" + RECORD + b"\n" + number, "a.ndjson")
    assert outcome.rejects == {}
    assert [str(each.iccid)[-1] for each in everything_in(store).activations] == ["1", "2"]


def test_absent_and_empty_optional_values_take_their_default_in_every_form(
    take: Callable[..., Outcome], store: Store
) -> None:
    line = '{"iccid":"8914800000080000000%d","account":"a","activation_date":"2026-03-01"%s}'
    some = ["", ',"mdn":null,"generation":null', ',"mdn":"","generation":""']
    take("\n".join(line % pair for pair in enumerate(some)).encode(), "sims.ndjson", "sims")
    take(
        b"iccid,mdn,account,activation_date,generation\n89148000000800000007,,a,2026-03-01,\n",
        "a.csv",
        "sims",
    )
    assert [(sim.mdn, sim.generation) for sim in everything_in(store).sims] == [(None, "4G")] * 4


def test_an_empty_json_file_is_one_without_facts(take: Callable[..., Outcome]) -> None:
    assert take(b"", "a.ndjson").receipt.read == 0


# Parquet


def parquet(**columns: Any) -> bytes:  # noqa: ANN401 - what Polars takes
    """A Parquet file of activations, with some columns replaced."""
    whole = {
        "iccid": ["89148000000800000001"],
        "imei": ["352099001761481"],
        "activated_at": ["2026-03-01"],
    } | columns
    buffer = io.BytesIO()
    pl.DataFrame(
        {name: values for name, values in whole.items() if values is not None}
    ).write_parquet(buffer)
    return buffer.getvalue()


ACTIVATION = ("89148000000800000001", 1_772_323_200_000_000, "352099001761481")


def activations_in(store: Store) -> list[tuple[str, int, str]]:
    """What was taken in."""
    facts = everything_in(store).activations
    return [(str(iccid), at, str(imei)) for iccid, at, imei in facts]


NO_PARQUET = {
    "an empty file": b"",
    "zeros": b"\x00" * 1000,
    "its first half": parquet()[: len(parquet()) // 2],
    "its second half": parquet()[len(parquet()) // 2 :],
    "its marks alone": b"PAR1PAR1",
    "a footer without its data": b"PAR1" + parquet()[-600:],
}


@pytest.mark.parametrize("content", NO_PARQUET.values(), ids=NO_PARQUET)
def test_what_is_not_parquet_is_refused(take: Callable[..., Outcome], content: bytes) -> None:
    with pytest.raises(FileRefused, match=r"a\.parquet: cannot be read"):
        take(content, "a.parquet")


DAMAGED_REASONS = (
    "it is damaged, or is not of the format that its name says",
    "it ends before its data does",
    "the nearest is 1nce-cdr: see `tallystick maps show 1nce-cdr`",
    "or write a mapping file: see `tallystick maps`",
    "name them with --columns. Columns of activations: iccid, activated_at, imei, imsi, msisdn",
    "must be of texts, numbers or dates, not of Boolean",
)


def test_a_damaged_parquet_file_is_refused_or_its_rows_are_told_and_nothing_else(
    take: Callable[..., Outcome], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = parquet(
        iccid=["89148000000800000001"] * 50,
        imei=[str(10**14 + n) for n in range(50)],
        activated_at=["x"] * 50,
    )
    chance = random.Random(5)
    refused = 0
    for _ in range(120):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            assert take(bytes(damaged), "a.parquet").receipt.accepted == 0
        except FileRefused as refusal:
            assert refusal.message.endswith(DAMAGED_REASONS)  # noqa: PT017 - it hangs on the bytes
            refused += 1
    assert refused > 10
    assert capfd.readouterr().err == ""  # where Polars would write of its panics


PARQUET_TYPES = {
    "lists": pl.Series([["352099001761481"]]),
    "truth values": pl.Series([True]),
    "times of day": pl.Series([1], dtype=pl.Int64).cast(pl.Time),
    "spans of time": pl.Series([1], dtype=pl.Int64).cast(pl.Duration("us")),
    "numbers of 7 digits": pl.Series([35209901.0], dtype=pl.Float32),
}


@pytest.mark.parametrize("column", PARQUET_TYPES.values(), ids=PARQUET_TYPES)
def test_a_parquet_column_of_another_type_refuses_the_file(
    take: Callable[..., Outcome], column: pl.Series
) -> None:
    with pytest.raises(
        FileRefused,
        match=r"a\.parquet: column imei must be of texts, numbers or dates, not of ",
    ):
        take(parquet(imei=column), "a.parquet")


PARQUET_NUMBERS = {
    "bytes": pl.Series([b"352099001761481"]),
    "fractions": pl.Series([352099001761481.0]),
    "exact fractions": pl.Series(["352099001761481"]).cast(pl.Decimal(38, 9)),
    "texts that stand once": pl.Series(["352099001761481"], dtype=pl.Categorical),
    "signed numbers": pl.Series([352099001761481]),
    "unsigned numbers": pl.Series([352099001761481], dtype=pl.UInt64),
}


def test_parquet_bytes_that_are_no_text_are_rejected_alone(
    take: Callable[..., Outcome], store: Store
) -> None:
    content = parquet(
        iccid=["89148000000800000001"] * 2,
        imei=[b"352099001761481", b"\x53\x02\x99\x00"],
        activated_at=["2026-03-01"] * 2,
    )
    assert "bytes that are no text" in take(content, "a.parquet").rejects[2]
    assert activations_in(store) == [ACTIVATION]


TIMES = {
    "a text": pl.Series(["10:15:30"]),
    "a time of day": pl.Series([time_of_day(10, 15, 30)]),
}


@pytest.mark.parametrize("time_column", TIMES.values(), ids=TIMES)
def test_parquet_midnight_beside_a_time_of_day_is_the_day(
    take: Callable[..., Outcome], store: Store, time_column: pl.Series
) -> None:
    day = pl.Series([datetime(2026, 3, 1, tzinfo=UTC)]).dt.replace_time_zone(None)
    content = parquet(activated_at=None, date=day, time=time_column)
    assert take(content, "a.parquet").receipt.accepted == 1
    assert [at for _, at, _ in activations_in(store)] == [1_772_360_130_000_000]


@pytest.mark.parametrize("column", PARQUET_NUMBERS.values(), ids=PARQUET_NUMBERS)
def test_a_parquet_column_of_such_numbers_is_read(
    take: Callable[..., Outcome], store: Store, column: pl.Series
) -> None:
    assert take(parquet(imei=column), "a.parquet").receipt.accepted == 1
    assert activations_in(store) == [ACTIVATION]


def test_parquet_columns_within_a_column_are_read_by_both_names(
    take: Callable[..., Outcome], store: Store
) -> None:
    device = pl.Series([{"imei": "352099001761481", "model": "A"}])
    assert take(parquet(imei=None, device=device), "a.parquet").receipt.accepted == 1
    assert activations_in(store) == [ACTIVATION]


def test_a_parquet_list_has_each_of_its_members(take: Callable[..., Outcome]) -> None:
    lists = pl.Series([[352099001761481, 990003420535573], [352099001761481, None]])
    content = parquet(iccid=["89148000000800000001"] * 2, imei=lists, activated_at=None)
    outcome = take(content, "a.parquet", "expectations")
    assert (outcome.receipt.accepted, list(outcome.rejects)) == (1, [2])
    assert "imei is missing" in outcome.rejects[2]


def test_a_column_within_another_that_is_called_like_a_third_is_refused(
    take: Callable[..., Outcome],
) -> None:
    within = pl.Series([{"time": "2026-03-01"}])
    content = parquet(activated_at=None, event=within, **{"event.time": ["2026-04-01"]})
    with pytest.raises(FileRefused, match=r"has the column event\.time twice"):
        take(content, "a.parquet")


def test_keys_within_a_column_are_never_read(tmp_path: Path) -> None:
    keys = pl.Series([{"ki": "00112233445566778899AABBCCDDEEFF"}])
    mapping = Mapping(columns={"iccid": "iccid", "account": "sim.ki"})
    with pytest.raises(InvalidValue, match=r"column 'sim\.ki' holds keys or codes"):
        checked(mapping)
    for name, content in (
        ("a.parquet", parquet(sim=keys)),
        ("a.csv", b"iccid,sim.ki\n89148000000800000001,00112233445566778899AABBCCDDEEFF\n"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(FileRefused, match="no column account"):
            preview_file("sims", str(path), mapping)


LOST = {
    "too large": pl.Series([89148000000800000011.0]),
    "of as many digits as may be exact": pl.Series([8914800000080000.0 * 100]),
}


@pytest.mark.parametrize("column", LOST.values(), ids=LOST)
def test_a_parquet_number_that_has_lost_digits_is_rejected(
    take: Callable[..., Outcome], column: pl.Series
) -> None:
    outcome = take(parquet(iccid=column), "a.parquet")
    assert outcome.receipt.rejected == 1
    assert "iccid" in outcome.rejects[1]


def test_moments_as_fractions_of_seconds_are_read_to_the_microsecond(
    take: Callable[..., Outcome], store: Store
) -> None:
    column = pl.Series([1_772_705_730.25])
    assert take(parquet(activated_at=column), "a.parquet").receipt.accepted == 1
    assert [at for _, at, _ in activations_in(store)] == [1_772_705_730_250_000]


def test_parquet_columns_are_checked_like_a_header(take: Callable[..., Outcome]) -> None:
    with pytest.raises(FileRefused, match=r"a\.parquet: .*has no column imei"):
        take(parquet(imei=None), "a.parquet")
    assert take(parquet(line=["1"], x=[[1]]), "a.parquet").receipt.accepted == 1


def test_parquet_rows_are_counted_from_one(take: Callable[..., Outcome]) -> None:
    content = parquet(
        iccid=["89148000000800000001", None, "89148000000800000002", "x", ""],
        imei=["352099001761481"] * 5,
        activated_at=["2026-03-01"] * 5,
    )
    outcome = take(content, "a.parquet")
    assert outcome.rejects == {
        2: "iccid is missing",
        4: "iccid must be 18-20 digits, not 'x'",
        5: "iccid is missing",
    }
    assert outcome.receipt.accepted == 2


def test_a_parquet_date_outside_the_calendar_is_one_reject(take: Callable[..., Outcome]) -> None:
    moments = pl.Series([2**63 - 1, 1, None, -(2**62)], dtype=pl.Int64).cast(pl.Datetime("us"))
    outcome = take(
        parquet(
            iccid=["89148000000800000001"] * 4, imei=["352099001761481"] * 4, activated_at=moments
        ),
        "a.parquet",
    )
    assert list(outcome.rejects) == [1, 3, 4]
    assert "activated_at must be a timestamp" in outcome.rejects[1]
    assert outcome.rejects[3] == "activated_at is missing"


def test_a_parquet_date_beside_a_value_that_core_has_to_read_is_kept(
    take: Callable[..., Outcome], store: Store
) -> None:
    """The account is not plain, so that core reads the whole row, its date too."""
    day = pl.Series([1_772_323_200_123_456], dtype=pl.Int64).cast(
        pl.Datetime("us", "America/Los_Angeles")
    )
    buffer = io.BytesIO()
    pl.DataFrame(
        {"iccid": ["89148000000800000001"], "account": ["Ünïcode"], "activation_date": day}
    ).write_parquet(buffer)
    assert take(buffer.getvalue(), "sims.parquet", "sims").rejects == {}
    assert [(sim.account, sim.activation_date) for sim in everything_in(store).sims] == [
        ("Ünïcode", 1_772_323_200_123_456)
    ]


# Whatever the lines, wherever the blocks end: what comes out is what a plain reading gives


fields = st.one_of(
    st.sampled_from([field.decode() for field in FIELDS]),
    st.sampled_from(
        [
            "",
            " ",
            '"',
            '""',
            '"89148000000800000001"',
            '"a',
            'b"',
            "\r",
            "\x00",
            "ä",
            "2026-02-30",
            "x",
        ]
    ),
)
lines = st.one_of(
    st.just(",".join(field.decode() for field in FIELDS)),
    st.just(
        ",".join(field.decode() for field in (*FIELDS[:2], b"2026-03-02"))
    ),  # valid, but left to core
    st.lists(fields, max_size=5).map(",".join),
).map(str.encode)
raw_lines = st.one_of(lines, lines, st.sampled_from([b"\xff,a,b", b"", b"  ", b"\r", b"x" * 300]))


def by_a_plain_reading(
    content: bytes, line_bytes_max: int
) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Facts, and the numbers of refused lines, one line after the other."""
    kind = KINDS["activations"]
    names = HEADER.decode().strip().split(",")
    facts: list[tuple[Any, ...]] = []
    rejects: list[int] = []
    for number, raw in enumerate(content.split(b"\n")[1:], 2):
        line = raw.removesuffix(b"\r")
        if not line.strip():
            continue
        try:
            values = next(csv.reader([line.decode()], strict=True))
        except (UnicodeDecodeError, csv.Error):
            rejects.append(number)
            continue
        if not any(map(str.strip, values)):
            continue
        while len(values) > len(names) and not values[-1].strip():
            values.pop()
        fact = kind.parse(dict(zip(names, values, strict=False)))
        if (
            len(line) <= line_bytes_max
            and len(values) == len(names)
            and isinstance(fact, kind.fact)
        ):
            facts.append(fact)
        else:
            rejects.append(number)
    return facts, rejects


@settings(deadline=None)
@given(
    st.lists(raw_lines, max_size=30),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.integers(20, 400),
)
@example(some=[b",, "], end=b"\n", ended=True, block_bytes=400)
@example(some=[b"x" * 300, b"bad", b"x" * 700, b"bad"], end=b"\n", ended=False, block_bytes=50)
@example(
    some=[b",".join([*FIELDS[:2], b"2026-03-02"]), b",".join(FIELDS)],
    end=b"\n",
    ended=True,
    block_bytes=400,
)
def test_any_lines_in_any_blocks_are_what_a_plain_reading_gives(
    tmp_path_factory: pytest.TempPathFactory,
    some: list[bytes],
    end: bytes,
    ended: bool,
    block_bytes: int,
) -> None:
    content = HEADER + end.join(some) + (end if ended else b"")
    path = tmp_path_factory.mktemp("lines") / "a.csv"
    path.write_bytes(content)
    kind = KINDS["activations"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "BLOCK_BYTES", block_bytes)
        patch.setattr(limits, "LINE_BYTES_MAX", 200)
        with open_source(str(path), kind) as source:
            checked = list(check_source(source, kind))
    facts = [fact for each in checked for fact in each.facts.rows()]
    rejects = [reject.line for each in checked for reject in each.rejects]
    plain_facts, plain_rejects = by_a_plain_reading(content, 200)
    assert (sorted(facts), rejects) == (sorted(plain_facts), plain_rejects)


@settings(deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(["a.csv", "a.ndjson", "a.csv.gz", "a.ndjson.zst"]),
    st.booleans(),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, headed: bool
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes((HEADER if headed and name == "a.csv" else b"") + content)
    kind = KINDS["activations"]
    try:
        with open_source(str(path), kind) as source:
            for checked in check_source(source, kind):
                assert checked.facts.is_empty()
    except FileRefused as refusal:
        assert refusal.message.startswith(str(path))  # noqa: PT017 - whether it is raised hangs on the bytes


def test_standard_input_is_refused_by_its_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"iccid\n")))
    with pytest.raises(
        FileRefused, match=r"^-: line 1 has no column activated_at; has no column imei"
    ):
        import_file(store, "activations", "-")

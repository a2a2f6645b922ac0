"""Files in the shapes that spreadsheets, portals and SIM vendors write, each read or refused."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.core.errors import FileRefused
from tallystick.intake import ANY, KINDS, Mapping, preset, preview_file
from tallystick.intake.doubt_kinds import DoubtName
from tallystick.intake.mappings.mapping import Keep
from tallystick.intake.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.intake import KindName, Preview
    from tallystick.intake.mappings.mapping import Encoding

ICCID, IMEI, IMSI = "89148000000800000011", "352099001761481", "295050900000011"
EXPECTATION = {"iccid": ICCID, "effective_from": "", "imei": IMEI}
ACTIVATION = {"iccid": ICCID, "activated_at": "2026-03-05T10:15:30Z", "imei": IMEI}
IDENTITY = {"iccid": ICCID, "imsi": "29505…0011", "msisdn": "", "valid_from": ""}
SIM = {
    "iccid": ICCID,
    "mdn": "5096300011",
    "account": "A1",
    "activation_date": "",
    "generation": "4G",
}
PAIR = f"{ICCID},{IMEI}"


class Shape(NamedTuple):
    """The bytes of a file, what it is imported as, and the only fact that is in it."""

    content: bytes
    kind: KindName = "expectations"
    fact: dict[str, str] = EXPECTATION
    mapping: str = ""
    name: str = "a.csv"


def table(header: str, line: str = PAIR) -> bytes:
    """A header and a line."""
    return f"{header}\n{line}\n".encode()


def as_json(value: object, name: str = "a.json", indent: int | None = None) -> Shape:
    """A value as a JSON document."""
    return Shape(json.dumps(value, indent=indent).encode(), name=name)


READ = {
    "names with words that say nothing": Shape(table("SIM Card Number,IMEI/MEID")),
    "names with brackets": Shape(table("ICCID (19/20 digits),Device ID (IMEI)")),
    "names in capitals and small letters": Shape(table("simId,imeiNo")),
    "an old IMEI beside the new one": Shape(
        table("ICCID,Old IMEI,New IMEI,Timestamp", f"{ICCID},1,{IMEI},2026-03-05T10:15:30Z"),
        "activations",
        ACTIVATION,
    ),
    "a date and a time of day": Shape(
        table("ICCID,IMEI,Start Date,Start Time", f"{PAIR},2026-03-05,10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "a day beside a whole moment": Shape(
        table("iccid,imei,event_date,event_time", f"{PAIR},2026-03-05,2026-03-05T10:15:30Z"),
        "activations",
        ACTIVATION,
    ),
    "the half of a day in a column of its own": Shape(
        table("ICCID,IMEI,Date,Time,AM/PM", f"{PAIR},2026-03-05,10:15:30,AM"),
        "activations",
        ACTIVATION,
    ),
    "a German date and time of day": Shape(
        table("ICCID;IMEI;Datum;Uhrzeit", f"{ICCID};{IMEI};2026-03-05;10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "a reason in two writings": Shape(table("iccid,imei,Reason,reason", f"{PAIR},a,b")),
    "an IMSI and what may be an ICCID": Shape(
        table("SIM ID,Imsi No.,imei,time", f"x,{IMSI},{IMEI},2026-03-05T10:15:30Z"),
        "activations",
        ACTIVATION | {"iccid": "imsi 29505…0011"},
    ),
    "words for nothing": Shape(table("iccid,imei,effective_from", f"{PAIR},NULL")),
    "PostgreSQL's word for nothing": Shape(
        table("iccid,imei,effective_from", f"{PAIR},\\N").replace(b",", b"\t"), name="a.tsv"
    ),
    "a name over two lines": Shape(table('ICCID,IMEI,"Note\n(free text)"', f"{PAIR},x")),
    "a note over lines": Shape(table("ICCID,IMEI,Note", f'{PAIR},"one\n\ntwo ""2"""')),
    "a text that begins like a packed file": Shape(
        table("BZh,iccid,imei", f"x,{PAIR}"),
    ),
    "a date and a time of day with their types": as_json(
        [
            {
                "iccid": ICCID,
                "imei": IMEI,
                "date": {"S": "2026-03-05"},
                "time": {"S": "10:15:30"},
            }
        ]
    )._replace(kind="activations", fact=ACTIVATION),
    "a German date": Shape(
        table("ICCID;IMEI;Datum", f"{ICCID};{IMEI};2026-03-05 10:15:30"), "activations", ACTIVATION
    ),
    "the header again": Shape(table("ICCID,IMEI", f"{PAIR}\nICCID,IMEI")),
    "old ends of lines": Shape(table("ICCID,IMEI").replace(b"\n", b"\r")),
    "Japanese": Shape(table("ICCID,IMEI,備考", f"{PAIR},テスト").decode().encode("cp932")),
    "blanks between": Shape(table("ICCID                IMEI", f"{ICCID} {IMEI}  "), name="a.txt"),
    "a vendor's keys behind blanks": Shape(
        table("ICCID IMSI KI", f"{ICCID}  {IMSI}  00FF"), "identities", IDENTITY, name="a.out"
    ),
    "fewer columns than the mapping names": Shape(
        f",,{IMEI},{ICCID}\n".encode(), mapping="thingspace-manage"
    ),
    "a table that PostgreSQL draws": Shape(
        f" iccid | imei \n-------+------\n {ICCID} | {IMEI}\n(1 row)\n\n".encode(), name="a.txt"
    ),
    "a table that MySQL draws": Shape(
        f"+---+---+\n| iccid | imei |\n+---+---+\n| {ICCID} | {IMEI} |\n+---+---+\n".encode()
        + b"1 row in set (0.00 sec)\n",
        name="a.txt",
    ),
    "a rule below the header, between commas": Shape(
        table("iccid,imei", f"-----,----\n{PAIR}\n\n(1 rows affected)")
    ),
    "a rule below the header, between blanks": Shape(
        f"iccid                imei\n{20 * '-'} {15 * '-'}\n{ICCID} {IMEI}\n".encode(),
        name="a.txt",
    ),
    "quotes behind blanks": Shape(table('"iccid", "imei"', f'"{ICCID}", "{IMEI}"')),
    "names in another language": Shape(table("Numéro ICCID,IMEI-Nummer")),
    "a number in Polish": Shape(table("Numer ICCID;Numer IMEI", f"{ICCID};{IMEI}")),
    "the generation of the network in names": Shape(table("ICCID (4G),IMEI (4G)")),
    "the SIM that is active": Shape(table("Active SIM ICCID,Device IMEI number")),
    "carets between": Shape(table("ICCID^IMEI", f"{ICCID}^{IMEI}")),
    "tildes between": Shape(table("ICCID~IMEI", f"{ICCID}~{IMEI}")),
    "the names of merged cells above": Shape(
        table("SIM,,Hardware,", f"MSISDN,ICCID,Model,IMEI\n15096300011,{ICCID},A100,{IMEI}")
    ),
    "the last check-in of a managed device": Shape(
        table("IMEI,ICCID,Last check-in", f"{IMEI},{ICCID},2026-03-05 10:15:30.0000000"),
        "activations",
        ACTIVATION,
    ),
    "the last connection in French": Shape(
        table("ICCID;IMEI;Dernière connexion", f"{ICCID};{IMEI};2026-03-05 10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "the columns of a core network's register": Shape(
        table("id|imsi|imeisv|imei|last_lu_seen", f"1|{IMSI}||{IMEI}|2026-03-05 10:15:30"),
        "activations",
        ACTIVATION | {"iccid": "imsi 29505…0011"},
    ),
    "a carrier's words for a line and its account": Shape(
        table("Wireless number,Billing account number,SIM ID", f"509-630-0011,A1,{ICCID}"),
        "sims",
        SIM,
    ),
    "the words of a German portal": Shape(
        table("ICCID;Rufnummer;Kunde;Aktiviert am", f"{ICCID};5096300011;A1;2024-02-03"),
        "sims",
        SIM | {"activation_date": "2024-02-03T00:00:00Z"},
    ),
    "a SIM that was never activated": Shape(
        table("ICCID,MDN,Account,Activated", f"{ICCID},5096300011,A1,1970-01-01T00:00:00Z"),
        "sims",
        SIM,
    ),
    "Python's word for nothing": Shape(
        table("iccid,account,mdn,activation_date", f"{ICCID},A1,None,None"),
        "sims",
        SIM | {"mdn": ""},
    ),
    "the manufacturer beside the brand": Shape(
        table("TAC,manufacturer_name,brand_name,model_number", "35209900,Alder,B,A100"),
        "types",
        {"tac": "35209900", "manufacturer": "Alder", "model": "A100"},
    ),
    "the words of a German register": Shape(
        table("TAC;Hersteller;Modell", "35209900;Alder;A100"),
        "types",
        {"tac": "35209900", "manufacturer": "Alder", "model": "A100"},
    ),
    "the date and the time of a call": Shape(
        table("CALL_DATE,CALL_TIME,IMSI,IMEI", f"20260305,101530,{IMSI},{IMEI}"),
        "activations",
        ACTIVATION | {"iccid": "imsi 29505…0011"},
    ),
    "the state of a SIM beside its number": Shape(
        table("SIM active,SIM slot,SIM Card No,IMEI", f"yes,1,{PAIR}")
    ),
    "a vendor's name for the ICCID": Shape(
        b"* HEADER\nvar_out: Ser_nb/IMSI/PUK1/KI\n" + f"{ICCID} {IMSI} 12345678 00FF\n".encode(),
        "identities",
        IDENTITY,
        name="a.out",
    ),
    "names of the things that devices are": Shape(
        table("Tracker IMEI,Router ICCID", f"{IMEI},{ICCID}")
    ),
    "names with a zone": Shape(
        table("ICCID,IMEI,Event Time (UTC)", f"{PAIR},2026-03-05T10:15:30Z"),
        "activations",
        ACTIVATION,
    ),
    "a date, and a time of day with a zone": Shape(
        table("ICCID,IMEI,Date,Time (UTC)", f"{PAIR},2026-03-05,10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "a date of an event, and its time of day with a zone": Shape(
        table("ICCID,IMEI,Event Date,eventTimeUTC", f"{PAIR},2026-03-05,10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "a date and a time of day, each with a zone": Shape(
        table("ICCID,IMEI,Date (UTC),Time (UTC)", f"{PAIR},2026-03-05,10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "a moment in objects, with a zone": as_json(
        [{"iccid": ICCID, "imei": IMEI, "Event Time (UTC)": "2026-03-05 10:15:30"}]
    )._replace(kind="activations", fact=ACTIVATION),
    "a Dutch date and time of day": Shape(
        table("ICCID;IMEI;Datum;Tijd", f"{ICCID};{IMEI};2026-03-05;10:15:30"),
        "activations",
        ACTIVATION,
    ),
    "numbers with their names before them": Shape(
        table("supi,pei,timestamp", f"imsi-{IMSI},imei-{IMEI},2026-03-05T10:15:30Z"),
        "activations",
        ACTIVATION | {"iccid": "imsi 29505…0011"},
    ),
    "a vendor's names behind a mark": Shape(
        b"* HEADER\nQuantity: 1\n*\nvar_out: IMSI/ICCID/PIN1/KI\n"
        + f"{IMSI} {ICCID} 1234 00FF\n".encode(),
        "identities",
        IDENTITY,
        name="a.out",
    ),
    "a header where the mapping knows none": Shape(
        table("ESN,MEID,IMEI,ICCID,SKU", f",,{IMEI},{ICCID},S"), mapping="thingspace-manage"
    ),
}


RECORD = {"iccid": ICCID, "imei": IMEI}
COLUMNS = {"columns": ["iccid", "imei"], "index": [0], "data": [[ICCID, IMEI]]}
SEEN = {"sim": {"iccid": ICCID}, "endpoint": {"imei": IMEI}, "start_timestamp": 1772705730}


MANY_OTHERS = [{"type": "sms"}] * 150
TOLD = {
    "objects behind each other": (
        Shape(2 * json.dumps(RECORD, indent=1).encode(), name="a.json"),
        "behind each other",
    ),
    "objects a line, with commas behind": (
        Shape(2 * f"{json.dumps(RECORD)},\n".encode(), name="a.ndjson"),
        "behind each other",
    ),
    "objects within objects": (
        as_json({"hits": {"hits": [{"_id": "1", "_source": RECORD}]}}),
        "what stands under _source is read",
    ),
    "what describes the records beside them": (
        as_json({"meta": [{"name": "iccid"}], "data": [RECORD], "errors": []}),
        "at data",
    ),
    "a table beside what describes its columns": (
        as_json({"meta": [{"name": "iccid"}, {"name": "imei"}], "data": [[ICCID, IMEI]]}),
        "at data",
    ),
    "what is counted beside a table": (
        as_json(COLUMNS | {"totals": ["", ""], "extremes": {"min": [ICCID], "max": [ICCID]}}),
        "at data",
    ),
    "a page that says that others follow": (
        as_json({"hasMoreData": True, "devices": [RECORD]}),
        "it is one page of several",
    ),
    "a page that names the next": (
        as_json({"data": [RECORD], "links": {"next": "/sims?page=2"}}),
        "it is one page of several",
    ),
    "a page that is not the last": (
        as_json({"content": [RECORD], "pageable": {"sort": []}, "last": False}),
        "it is one page of several",
    ),
    "objects within results": (
        as_json([{"preview": False, "result": RECORD}]),
        "what stands under result is read",
    ),
    "a text under a name that tells nothing": (
        Shape(table("iccid,imei"), name="a.dat"),
        "though its name does not say so",
    ),
    "records under names": (as_json({"ok": 1, "page": {"items": [RECORD]}}), "at page.items"),
    "records under numbers": (as_json({"0": RECORD}), "under numbers"),
    "a table, as pandas writes it": (as_json(COLUMNS), "at data"),
    "a table under a name": (as_json({"values": [["IMEI", "ICCID"], [IMEI, ICCID]]}), "at values"),
    "lines of JSON": (
        Shape(2 * f"{json.dumps(RECORD)}\n".encode(), name="a.json"),
        "JSON with an object a line",
    ),
    "a document in lines": (as_json([RECORD], "a.ndjson", 1), "a JSON document"),
    "JSON as CSV": (as_json([RECORD], "a.csv"), "a JSON document"),
    "a packed text": (Shape(gzip.compress(table("iccid,imei"))), "a text of lines, packed by gzip"),
    "an unpacked text": (Shape(table("iccid,imei"), name="a.csv.gz"), "not packed"),
    "a text as a workbook": (Shape(table("iccid,imei"), name="a.xlsx"), "a text of lines"),
}


@pytest.mark.parametrize(
    ("name", "mdn"),
    [
        ("Mobile No.", "15096300011"),
        ("Phone # 1", "15096300011"),
        *dict.fromkeys(
            (
                "Mobile Equipment ID",
                "Mobile Device ID",
                "Phone serial number",
                "Phone MEID",
                "Phone ESN",
                "Mobile SIM",
                "phones",
            ),
            "",
        ).items(),
    ],
)
def test_a_number_of_a_device_is_no_phone_number(tmp_path: Path, name: str, mdn: str) -> None:
    content = table(f"iccid,account,{name}", f"{ICCID},A,15096300011")
    (fact,) = read(tmp_path, Shape(content, "sims")).facts
    assert fact["mdn"] == mdn


@pytest.mark.parametrize(("shape", "hint"), TOLD.values(), ids=TOLD)
def test_what_is_found_in_a_file_is_told(tmp_path: Path, shape: Shape, hint: str) -> None:
    preview = read(tmp_path, shape)
    assert preview.facts[0] == shape.fact
    assert hint in " ".join(preview.notes.hints)


LAST_PAGES = [{"hasMoreData": False}, {"next": None}, {"links": {"next": ""}}, {"last": True}]


@pytest.mark.parametrize("beside", LAST_PAGES)
def test_nothing_is_told_of_the_last_page(tmp_path: Path, beside: dict[str, object]) -> None:
    preview = read(tmp_path, as_json(beside | {"sims": [RECORD]}))
    assert preview.notes.hints == ("its records stand at sims",)


def test_names_that_other_objects_are_read_by_are_not_passed_over(tmp_path: Path) -> None:
    since = {"from": "2026-03-05T10:15:30Z"}
    objects = [RECORD | {"effective_from": since["from"]}, RECORD | since]
    assert read(tmp_path, as_json(objects)).notes.hints == ()
    (hint,) = read(tmp_path, as_json([RECORD | since | {"until": ""}])).notes.hints
    assert "until passed over: each line holds from 'from' on, until" in hint


def test_pythons_word_for_nothing_ends_no_expectation(tmp_path: Path) -> None:
    preview = read(tmp_path, Shape(table("iccid,imei", f"{ICCID},None\n{ICCID},none")))
    assert [fact["imei"] for fact in preview.facts] == ["none"]
    assert "imei is missing: write none where" in preview.rejects[0].reason


def test_a_date_without_its_time_of_day_is_missing(tmp_path: Path) -> None:
    value = RECORD | {"date": "2026-03-05", "time": None}
    (reject,) = read(tmp_path, as_json([value])._replace(kind="activations")).rejects
    assert reject.reason == "activated_at is missing"


def test_a_report_tells_when_the_hardware_was_seen_by_its_ota_date(tmp_path: Path) -> None:
    """Beside it stands the SIM's own activation, which may have been years before."""
    row = {"iccid": ICCID, "activationDate": "2011-01-21T10:55:27-08:00", "postImei": IMEI}
    seen = row | {"simOtaDate": "2026-03-05T02:15:30-08:00"}
    report = as_json({"devices": [seen]})._replace(kind="activations")
    assert read(tmp_path, report).facts == [ACTIVATION]


def test_a_mapping_finds_records(tmp_path: Path) -> None:
    wrapped = as_json({"next": None, "records": [SEEN]})._replace(
        kind="activations", mapping="emnify-usage"
    )
    assert read(tmp_path, wrapped).facts == [ACTIVATION]


def read(tmp_path: Path, shape: Shape) -> Preview:
    path = tmp_path / shape.name
    path.write_bytes(shape.content)
    return preview_file(shape.kind, str(path), preset(shape.mapping) if shape.mapping else ANY)


@pytest.mark.parametrize("shape", READ.values(), ids=READ)
def test_a_file_is_read_that_has(tmp_path: Path, shape: Shape) -> None:
    preview = read(tmp_path, shape)
    assert (preview.facts, preview.rejects) == ([shape.fact], [])


def test_types_that_databases_write_around_values_are_dropped(tmp_path: Path) -> None:
    value = {
        "iccid": {"S": ICCID},
        "imei": {"$numberLong": IMEI},
        "activated_at": {"$date": {"$numberLong": "1772705730000"}},
    }
    assert read(tmp_path, as_json(value)._replace(kind="activations")).facts == [ACTIVATION]


def test_objects_of_which_none_of_the_first_has_hardware_are_rejected_one_by_one(
    tmp_path: Path,
) -> None:
    lines = "".join(f"{json.dumps(each)}\n" for each in [*MANY_OTHERS, RECORD])
    preview = read(tmp_path, Shape(lines.encode(), name="a.ndjson"))
    assert preview.facts == [EXPECTATION]
    assert preview.notes.read_as == {}


def test_objects_that_a_mapping_leaves_out_are_no_reason_to_refuse_a_file(tmp_path: Path) -> None:
    other = {"event_type": {"id": 8}, "timestamp": "2026-03-05T10:15:30Z"}
    seen = other | {"event_type": {"id": 3}, "sim": {"iccid": ICCID}, "endpoint": {"imei": IMEI}}
    shape = as_json([other] * 150)._replace(kind="activations", mapping="1nce-events")
    preview = read(tmp_path, shape)
    assert (preview.facts, preview.rejects, preview.notes.left_out) == ([], [], 150)
    shape = as_json([*[other] * 150, seen])._replace(kind="activations", mapping="1nce-events")
    preview = read(tmp_path, shape)
    assert preview.facts == [ACTIVATION]
    assert preview.notes.read_as["imei"] == "endpoint.imei"


def test_what_stands_beside_the_objects_that_are_read_is_told(tmp_path: Path) -> None:
    wrapped = [{"id": 1, "data": RECORD}, {"id": 2, "validUntil": "2027-01-01", "data": RECORD}]
    preview = read(tmp_path, as_json(wrapped))
    assert preview.facts == [EXPECTATION, EXPECTATION]
    assert preview.notes.passed_over == ("id", "validUntil")
    assert "validUntil passed over" in preview.notes.hints[0]


def test_a_later_object_with_a_column_beside_the_one_that_is_read_is_rejected(
    tmp_path: Path,
) -> None:
    wrapped = [{"data": RECORD}] * 100 + [{"data": RECORD, "effective_from": "2026-01-01"}]
    lines = "".join(f"{json.dumps(each)}\n" for each in wrapped)
    path = tmp_path / "a.ndjson"
    path.write_text(lines)
    with open_source(str(path), KINDS["expectations"]) as source:
        (block,) = (each() for each in source.blocks)
    assert len(block.frame) == 100
    (reject,) = block.rejects
    assert (
        reject.reason == "'effective_from' stands beside data, of which alone the columns are read"
    )


def test_rows_are_kept_by_the_objects_that_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"kind": "c", "data": RECORD}]))
    with pytest.raises(FileRefused, match="its objects have no iccid"):
        preview_file("expectations", str(path), Mapping(keep=(Keep("kind", ("c",)),)))


KEPT = Mapping(
    kinds=("activations",),
    columns={"iccid": "iccid", "imei": "imei", "activated_at": "ts"},
    keep=(Keep("type", ("start",)),),
)
LATER_NAMES = {
    "another number of the device": "iccid,imsi,ts,type",
    "another order": "imei,iccid,ts,type",
}


@pytest.mark.parametrize("names", LATER_NAMES.values(), ids=LATER_NAMES)
def test_a_later_header_that_a_mapping_leaves_out_is_seen(tmp_path: Path, names: str) -> None:
    first = table("iccid,imei,ts,type", f"{PAIR},2026-03-05T10:15:30Z,stop")
    path = tmp_path / "a.csv"
    path.write_bytes(first + table(names, f"{PAIR},2026-03-05T10:15:30Z,start"))
    with pytest.raises(FileRefused, match="line 3 names other columns"):
        preview_file("activations", str(path), KEPT)


@pytest.mark.parametrize("left_out", ["SIM,,,pending", "SIM,unknown,soon,pending"])
def test_a_row_of_words_that_is_left_out_is_no_header(tmp_path: Path, left_out: str) -> None:
    line = f"{PAIR},2026-03-05T10:15:30Z,start"
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,imei,ts,type", f"{left_out}\n{line}"))
    preview = preview_file("activations", str(path), KEPT)
    assert (preview.facts, preview.notes.left_out) == ([ACTIVATION], 1)


def test_the_same_header_again_is_left_out_by_a_mapping(tmp_path: Path) -> None:
    lines = table("iccid,imei,ts,type", f"{PAIR},2026-03-05T10:15:30Z,start")
    path = tmp_path / "a.csv"
    path.write_bytes(lines + lines.replace(b"iccid", b"ICCID"))
    assert preview_file("activations", str(path), KEPT).facts == [ACTIVATION, ACTIVATION]


def test_columns_that_are_swapped_are_told(tmp_path: Path) -> None:
    swapped = f"imsi,imei,timestamp\n{IMEI},{IMSI},2026-03-05T10:15:30Z\n".encode()
    preview = read(tmp_path, Shape(swapped, "activations"))
    assert preview.doubts[DoubtName.SWAPPED_COLUMNS].examples == ("35209…1481",)
    preview = read(tmp_path, Shape(table("imei,iccid")))
    (reject,) = preview.rejects
    assert reject.reason.count("the columns may be swapped") == 2


def test_a_column_in_utc_is_not_read_in_another_zone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,imei,Event Time (UTC)", f"{PAIR},2026-03-05T10:15:30"))
    with pytest.raises(FileRefused, match="no column activated_at"):
        preview_file("activations", str(path), Mapping(zone="America/New_York"))


def table_of(name: str) -> Shape:
    """A table with a name before that of each column."""
    return Shape(table(f"{name}.iccid,{name}.imei"))


REFUSED = {
    "a date twice beside a time of day in UTC": (
        Shape(table("iccid,imei,Date,Time (UTC),Date", f"{PAIR},,,"), "activations"),
        "has the column Date twice",
    ),
    "a table without names of its columns": (
        as_json({"fields": [{"name": "iccid"}, {"name": "imei"}], "rows": [[ICCID, IMEI]]}),
        "have no iccid",
    ),
    "a product": (Shape(table("SIM product,IMEI")), "no column iccid"),
    "what was before": (table_of("old"), "no column iccid"),
    "the devices before": (table_of("previous_devices"), "no column iccid"),
    "a moment twice that is in UTC": (
        Shape(table("iccid,imei,Time (UTC),Time UTC", f"{PAIR},,"), "activations"),
        "no column activated_at",
    ),
    "a column twice": (
        Shape(table("ICCID,IMEI,IMEI", f"{PAIR},")),
        "has the column IMEI twice",
    ),
    "fewer names that are known below": (
        Shape(table("iccid,mdn,account", f"SIM,Telefon,Konto\n{ICCID},5096300011,A1"), "sims"),
        "line 2 names other columns",
    ),
    "another order of columns behind": (
        Shape(table("ICCID,IMSI,IMEI", f"{ICCID},{IMSI},{IMEI}\nICCID,Imei,SIM IMSI\n")),
        "line 3 names other columns than those that are read, or has them in another order",
    ),
    "a moment of something else behind": (
        Shape(
            table(
                "ICCID,Activation date,IMEI",
                f"{ICCID},2026-03-05,{IMEI}\nICCID,Termination date,IMEI\n",
            ),
            "activations",
        ),
        "line 3 names other columns",
    ),
    "another number of the device behind": (
        Shape(
            table(
                "iccid,imei,activated_at",
                f"{PAIR},2026-03-05\niccid,serial,activated_at\n{ICCID},{IMSI},2026-03-05\n",
            ),
            "activations",
        ),
        "line 3 names other columns",
    ),
    "names and values in each line": (
        Shape(table(f"iccid={ICCID},imei={IMEI}", "")),
        "but values. If no line names the columns, name them with --columns",
    ),
    "a column twice that we call otherwise": (
        Shape(table("SIM,Sim,IMEI", f"{ICCID},89148000000800000029,{IMEI}")),
        "has the column SIM twice",
    ),
    "a column twice that a mapping reads": (
        Shape(
            table("servedIMSI,servedIMEI,servedIMEI,recordOpeningTime", f"{IMSI},{IMEI},1,2026"),
            "activations",
            mapping="mediation",
        ),
        "has the column servedIMEI twice",
    ),
    "two names that may mean the IMEI": (
        Shape(table("ICCID,IMEI 1,IMEI 2", f"{PAIR},")),
        "no column imei.*name all of them with --columns, or write a mapping file",
    ),
    "an eSIM's mark": (Shape(table("eSIM,IMEI")), "no column iccid"),
    "the number of a chip": (Shape(table("eUICC ID,IMEI")), "no column iccid"),
    "an old ICCID, and a SIM": (Shape(table("Old ICCID,SIM Card No,IMEI")), "no column iccid"),
    "an account between blanks": (
        Shape(table("iccid account mdn", f"{ICCID} My account"), "sims", name="a.txt"),
        "blanks stand between its columns",
    ),
    "a header at other places than a mapping says": (
        Shape(table("ESN,MEID,ICCID,IMEI", f",,{IMEI},{ICCID}"), mapping="thingspace-manage"),
        "line 1 has the name of",
    ),
    "an old IMEI alone": (Shape(table("ICCID,Old IMEI")), "no column imei"),
    "the columns of another kind": (
        Shape(table("ICCID,IMEI"), "activations"),
        "no column activated_at.*those of expectations: `tallystick import expectations`",
    ),
    "no names, as ThingSpace Manage has it": (
        Shape(f",,{IMEI},{ICCID},S,G,,,,,\n".encode()),
        "add --map thingspace-manage",
    ),
    "two arrays of records": (
        as_json({"new": [RECORD], "old": [RECORD]}),
        "arrays at new and at old: say in a mapping file, as `records`",
    ),
    "an empty array beside records": (as_json({"accepted": [], "removed": [RECORD]}), "arrays at"),
    "texts beside records": (as_json({"errors": ["x"], "sims": [RECORD]}), "arrays at errors and"),
    "what was before, alone": (as_json([{"before": RECORD}] * 100), "have no iccid"),
    "what was seen, alone": (as_json([{"actual": RECORD}]), "have no iccid"),
    "a beginning beside the object that has the rest": (
        as_json([{"effective_from": "2026-01-01", "data": RECORD}]),
        "have no iccid",
    ),
    "another IMEI beside the object that has one": (
        as_json([{"currentImei": IMSI, "data": RECORD}]),
        "have no iccid",
    ),
    "objects of another origin than the mapping's": (
        as_json([{"foo": 1}] * 3)._replace(kind="activations", mapping="emnify-events"),
        "its objects have no event_type.id, event_source.id, by which they are kept",
    ),
    "lines of another origin than the mapping's": (
        Shape(b'{"foo":1}\n' * 3, "activations", mapping="emnify-events", name="a.ndjson"),
        "its objects have no event_type.id, event_source.id, by which they are kept",
    ),
    "objects before and after": (as_json({"after": RECORD, "before": RECORD}), "have no iccid"),
    "a column twice in a table": (
        as_json([["iccid", "imei", "imei"], [ICCID, IMEI, IMEI]]),
        "table has the column 'imei' twice",
    ),
    "a column twice in a table of pandas": (
        as_json(COLUMNS | {"columns": ["iccid", "imei", "IMEI"]}),
        "table has the column 'imei' twice",
    ),
    "a name twice around the records": (
        Shape(b'{"data": [], "data": %b}' % json.dumps([RECORD]).encode(), name="a.json"),
        "a name stands twice",
    ),
    "an object for each column": (as_json({"iccid": {"0": ICCID}, "imei": {"0": IMEI}}), "orient"),
    "an array behind another": (
        Shape(f"[{json.dumps(RECORD)}]\n[]".encode(), name="a.json"),
        "write one array of them, or one a line",
    ),
    "NaN": (Shape(b'[{"iccid": NaN}]', name="a.json"), "NaN is not JSON, write null"),
    "a web page": (Shape(b"\n<!DOCTYPE html><html>"), "is a web page"),
    "an old workbook": (Shape(b"\xd0\xcf\x11\xe0" + bytes(8), name="a.xlsx"), "old workbook"),
    "an old workbook's name": (Shape(b"", name="a.xls"), "save it as .xlsx, or as CSV"),
    "Chinese names of columns": (
        Shape(table("ICCID,IMEI,时间").decode().encode("gbk"), "activations"),
        "in none of the encodings that are told apart .*save it as UTF-8, or name",
    ),
    "four bytes a letter": (Shape(table("iccid,imei").decode().encode("utf-32")), "in UTF-32"),
    "an archive's bytes": (Shape(b"PK\x03\x04" + bytes(40)), "is an archive, whatever its name"),
    "a PDF": (Shape(b"%PDF-1.7"), "export the table as CSV"),
    "a title that names the columns, and commas": (
        Shape(table("The ICCID IMEI list", PAIR)),
        "has no column iccid",
    ),
}


@pytest.mark.parametrize(("shape", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_file_is_refused_that_has(tmp_path: Path, shape: Shape, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read(tmp_path, shape)


LATER = {
    "the same columns by other names": ("sim,Device ID (IMEI),Start Date,Start Time", 1),
    "the same columns between quotes": ('"ICCID","IMEI","Date","Time"', 1),
    "a title": ("SIM,,,", 1),
    "a title that is a column of another kind": (",group,,", 1),
    "words in the place of values": ("unknown,imei lock,never,never", 1),
    "the header as it was": ("ICCID,IMEI,Date,Time", 0),
}


@pytest.mark.parametrize(("line", "rejects"), LATER.values(), ids=LATER)
def test_a_later_line_that_names_no_other_column_is_left_out_alone(
    tmp_path: Path, line: str, rejects: int
) -> None:
    seen = f"{PAIR},2026-03-05,10:15:30"
    content = table("ICCID,IMEI,Date,Time", f"{seen}\n{line}\n{seen}")
    preview = read(tmp_path, Shape(content, "activations"))
    assert preview.facts == [ACTIVATION, ACTIVATION]
    assert len(preview.rejects) == rejects


NOTE = "iccid,account,mdn,note\n"
OPEN = '89148000000800000011,A,4155551234,"call back\n'
SECONDS = {
    "a quote behind": '89148000000800000029,B,4155551235,done"',
    "a value between quotes, and a quote behind": '89148000000800000029,"B",4155551235,done"',
}


@pytest.mark.parametrize("second", SECONDS.values(), ids=SECONDS)
def test_a_line_that_may_be_a_fact_is_never_taken_for_a_part_of_a_note(
    tmp_path: Path, second: str
) -> None:
    preview = read(tmp_path, Shape(f"{NOTE}{OPEN}{second}\n".encode(), "sims"))
    assert [fact["mdn"] for fact in preview.facts] == ["4155551235"]
    assert [reject.line for reject in preview.rejects] == [2]


def test_a_line_that_may_be_a_fact_is_never_taken_for_a_part_of_a_header(tmp_path: Path) -> None:
    content = f'iccid,imei,"note\n{PAIR},done"\n'.encode()
    with pytest.raises(FileRefused, match="no column"):
        read(tmp_path, Shape(content))


TWICE = f'{{"iccid": "{ICCID}", "imei": "352099001761499", "imei": "{IMEI}"}}'
IN_TWO_WRITINGS = TWICE.replace("imei", "IMEI", 1)


@pytest.mark.parametrize(("name", "form"), [("a.ndjson", "{}"), ("a.json", "[{}]")])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(TWICE, "a name stands twice"), (IN_TWO_WRITINGS, "'imei' stands there in two writings")],
)
def test_an_object_with_a_name_twice_is_rejected(
    tmp_path: Path, name: str, form: str, content: str, reason: str
) -> None:
    preview = read(tmp_path, Shape(f"{form.format(content)}\n".encode(), name=name))
    assert preview.facts == []
    assert reason in preview.rejects[0].reason


def test_values_between_blanks_that_may_shift_are_refused_by_a_mapping_too(tmp_path: Path) -> None:
    """Without an IMEI and with a blank in the model, the IMSI would be taken for the IMEI."""
    path = tmp_path / "a.txt"
    path.write_text(f"ICCID IMEI IMSI MODEL\n{ICCID} {IMSI} Quectel BG96\n")
    with pytest.raises(FileRefused, match="blanks stand between its columns"):
        preview_file("expectations", str(path), Mapping(separator=" "))


def test_of_a_column_that_stands_twice_a_mapping_may_name_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"ICCID,IMEI,IMEI\n{ICCID},990003420535573,{IMEI}\n")
    for imei in (3, "IMEI 2"):
        mapping = Mapping(columns={"iccid": "ICCID", "imei": imei})
        assert preview_file("expectations", str(path), mapping).facts == [EXPECTATION]


ENCODINGS: dict[Encoding, str] = {
    "gb18030": "中国移动",
    "big5": "中華電信",
    "windows-1251": "Мегафон",
    "euc-kr": "한국",
    "cp949": "똠방",
    "cp950": "碁峰",
}


def test_a_text_whose_encoding_is_guessed_is_told_with_a_word_as_it_was_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,account", f"{ICCID},Север").decode().encode("windows-1251"))
    preview = preview_file("sims", str(path))
    assert preview.facts[0]["account"] == "Ñåâåð"
    (hint,) = preview.notes.hints
    assert "is read as 'Ñåâåð'. If that is wrong, name its encoding in a mapping file" in hint
    assert "windows-1251" in hint


def test_a_line_in_an_encoding_that_is_not_found_says_what_a_mapping_may_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,account", f"{ICCID},丂北").decode().encode("gb18030"))
    (reject,) = preview_file("sims", str(path)).rejects
    assert "the line is not UTF-8" in reject.reason
    assert all(name in reject.reason for name in ("gb18030", "big5", "euc-kr"))


@pytest.mark.parametrize("name", ["nan", "None", "null", "#N/A", "\\N"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_what_programs_write_for_no_name_is_no_account(
    tmp_path: Path, name: str, form: str
) -> None:
    path = tmp_path / f"a.{form}"
    lines = {
        "csv": f"iccid,account\n{ICCID},{name}\n",
        "ndjson": json.dumps({"iccid": ICCID, "account": name}),
    }
    path.write_text(lines[form])
    preview = preview_file("sims", str(path), Mapping(account="A-1"))
    assert preview.facts == []
    assert "account must be a name; programs write" in preview.rejects[0].reason


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_is_read_in_the_encoding_that_a_mapping_names(
    tmp_path: Path, encoding: Encoding
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        table("iccid,account", f"{ICCID},{ENCODINGS[encoding]}").decode().encode(encoding)
    )
    (fact,) = preview_file("sims", str(path), Mapping(encoding=encoding)).facts
    assert fact["account"] == ENCODINGS[encoding]


NO_PAGES = {
    "a battery": {"data": [RECORD], "battery": {"last": False}},
    "a filter": {"data": [RECORD], "filter": {"next": "x"}},
    "a record": {"data": {"records": [RECORD | {"hasMore": True}]}},
}


@pytest.mark.parametrize("content", NO_PAGES.values(), ids=NO_PAGES)
def test_a_document_is_no_page_for_what_it_says_of(
    tmp_path: Path, content: dict[str, object]
) -> None:
    (hint,) = read(tmp_path, as_json(content)).notes.hints
    assert "its records stand at" in hint


def test_what_stands_beside_the_records_that_a_mapping_names_is_not_looked_at(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"devices": [{json.dumps(RECORD)}], "meta": {{"a": 1, "a": 2}}}}')
    preview = preview_file("expectations", str(path), Mapping(records="devices"))
    assert [fact["imei"] for fact in preview.facts] == [IMEI]


def test_a_half_of_the_day_is_joined_to_any_pair(tmp_path: Path) -> None:
    content = table("iccid,imei,Start Date,Start Time,AM/PM", f"{PAIR},2026-03-05,1:15:30,PM")
    (fact,) = read(tmp_path, Shape(content, "activations")).facts
    assert fact["activated_at"] == "2026-03-05T13:15:30Z"


def test_a_line_that_is_not_in_the_named_encoding_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,account", f"{ICCID},") + b"\x81\x20\n")
    preview = preview_file("sims", str(path), Mapping(encoding="gb18030"))
    assert "the line is not gb18030" in preview.rejects[-1].reason


def test_an_amount_from_the_beginning_of_a_month_is_no_beginning(tmp_path: Path) -> None:
    shape = Shape(table("ICCID,IMEI,Month to Date Usage (MB)", f"{PAIR},1.5"))
    assert read(tmp_path, shape).notes.hints == ()


def test_german_of_an_old_system_is_not_taken_for_japanese(tmp_path: Path) -> None:
    content = table("iccid,account", f"{ICCID},Müller").decode().encode("cp850")
    preview = read(tmp_path, Shape(content, "sims"))
    assert (preview.facts, len(preview.rejects)) == ([], 1)


def test_a_date_alone_in_a_form_that_was_given_is_no_doubt(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table("iccid,imei,date", f"{PAIR},05/03/2026"))
    preview = preview_file("activations", str(path), Mapping(time_formats=("%d/%m/%Y",)))
    assert preview.facts == [ACTIVATION | {"activated_at": "2026-03-05T00:00:00Z"}]
    assert preview.doubts.in_all == 0


HINTED = {
    "an end": (
        Shape(table("iccid,imei,Valid until", f"{PAIR},2027-01-01")),
        "Valid until passed over: each line holds from the beginning on, until the next line",
    ),
    "a beginning by another name": (
        Shape(table("iccid,imei,Deployed on", f"{PAIR},2026-03-05")),
        "call it effective_from, if that is what it says",
    ),
    "the name of an old workbook": (
        Shape(table("iccid,imei").replace(b",", b"\t"), name="a.xls"),
        "a text of lines, though its name does not say so",
    ),
    "what was seen": (
        Shape(table("iccid,imei,activated_at", f"{PAIR},2026-03-05T10:15:30Z")),
        "they are activations, for `tallystick import activations`; if it says from when on",
    ),
    "two moments": (
        Shape(
            table("ICCID,IMEI,Start time,Last seen", f"{PAIR},2026-03-05T10:15:30Z,2027-01-01"),
            "activations",
            ACTIVATION,
        ),
        "activated_at is read from Start time, and Last seen passed over",
    ),
    "the name of a table before each column": (
        Shape(table("devices.iccid,devices.imei")),
        "devices. stands before the name of each column, and is passed over",
    ),
    "a moment of another clock": (
        Shape(
            table("ICCID,IMEI,Event Time,Event Time (UTC)", f"{PAIR},2026,2026-03-05T10:15:30"),
            "activations",
            ACTIVATION,
        ),
        "activated_at is read from Event Time (UTC), and Event Time passed over",
    ),
    "a later moment that says its zone": (
        Shape(
            table("ICCID,IMEI,Last Seen (UTC),Activation Date", f"{PAIR},2026,2026-03-05T10:15:30"),
            "activations",
            ACTIVATION,
        ),
        "activated_at is read from Activation Date, and Last Seen (UTC) passed over",
    ),
    "what is expected beside what there is": (
        Shape(table("iccid,imei,Expected IMEI", f"{PAIR},990003420535573")),
        "imei is read from imei, and Expected IMEI passed over",
    ),
    "two columns of hardware": (
        Shape(table("ICCID,Device IMEI,IMEI number", f"{PAIR},990003420535573")),
        "imei is read from Device IMEI, and IMEI number passed over",
    ),
    "a zone in a column of its own": (
        Shape(
            table("iccid,imei,activated_at,timezone", f"{PAIR},2026-03-05 10:15:30,EST"),
            "activations",
            ACTIVATION,
        ),
        "timezone passed over: if it is the zone of activated_at, name the zone with --zone",
    ),
    "a half of the day beside a time that says its day": (
        Shape(
            table("iccid,imei,timestamp,AM/PM", f"{PAIR},2026-03-05T10:15:30Z,AM"),
            "activations",
            ACTIVATION,
        ),
        "AM/PM passed over: if times of day have 12 hours, join it",
    ),
    "from when on hardware holds": (
        Shape(table("iccid,imei,IMEI valid from", f"{PAIR},2026-03-05")),
        "IMEI valid from passed over: each line holds from the beginning on",
    ),
    "the day on which hardware was assigned": (
        Shape(table("iccid,imei,IMEI assigned on", f"{PAIR},2026-03-05")),
        "IMEI assigned on passed over: each line holds from the beginning on",
    ),
    "the month from which a line holds": (
        Shape(table("iccid,imei,valid from month", f"{PAIR},2026-03")),
        "valid from month passed over: each line holds from the beginning on",
    ),
    "a beginning that may be what was seen": (
        Shape(table("iccid,imei,start", f"{PAIR},2026-03-05")),
        "it has the column start: if its lines say what was seen",
    ),
    "the hardware that a SIM is locked to": (
        Shape(table("ICCID,IMEI,Locked IMEI", f"{PAIR},990003420535573")),
        "imei is read from IMEI, and Locked IMEI passed over",
    ),
    "the other IMEI of a device": (
        Shape(table("ICCID,IMEI,IMEI2", f"{PAIR},990003420535573")),
        "imei is read from IMEI, and IMEI2 passed over",
    ),
    "the other SIM of a device": (
        Shape(table("ICCID,IMEI,SIM2 ICCID", f"{PAIR},{ICCID}")),
        "iccid is read from ICCID, and SIM2 ICCID passed over",
    ),
    "when a SIM was last connected": (
        Shape(table("ICCID,IMEI,Last Connection Date", f"{PAIR},2026-03-05")),
        "it has the column Last Connection Date: if its lines say what was seen",
    ),
    "hardware that was seen last": (
        Shape(table("ICCID,Last IMEI")),
        "it has the column Last IMEI: if its lines say what was seen",
    ),
    "a beginning in German": (
        Shape(table("ICCID;IMEI;gültig ab", f"{ICCID};{IMEI};2026-03-05")),
        "gültig ab passed over: each line holds from the beginning on",
    ),
    "events that do not count": (
        Shape(
            table("imsi,imei,time,event", f"{IMSI},{IMEI},1772705730,Deleted"),
            "activations",
            ACTIVATION | {"iccid": "imsi 29505…0011"},
        ),
        "--map soracom-sessions",
    ),
}


@pytest.mark.parametrize(("shape", "hint"), HINTED.values(), ids=HINTED)
def test_a_hint_is_given_about_a_file_with(tmp_path: Path, shape: Shape, hint: str) -> None:
    preview = read(tmp_path, shape)
    assert preview.facts == [shape.fact]
    (told,) = preview.notes.hints
    assert hint in told

"""Mappings: each that comes with Tallystick reads what it is for, and bad ones are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.intake import (
    KINDS,
    check_items,
    mapping_of,
    preset,
    presets,
    preview_file,
    read_items,
)
from tallystick.intake.mappings.mapping import Mapping, is_secret

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.intake import KindName

ICCID, IMEI, IMEISV = "8914800000080000001", "352099001761481", "3520990017614801"
EVENT = {
    "timestamp": "2026-03-05T10:00:00.000+0000",
    "event_type": {"id": 3},
    "event_source": {"id": 0},
    "endpoint": {"imei": IMEISV, "name": ICCID},
    "sim": {"iccid": ICCID},
    "detail": {"pdp_context": {"imeisv": IMEISV}},
}
ACTIVATION = {"iccid": ICCID, "activated_at": "2026-03-05T10:00:00Z", "imei": IMEISV}
IMSI, MSISDN = "295050900000011", "882285000000011"
BY_IMSI = {"iccid": "imsi 29505…0011", "activated_at": "2026-03-05T10:00:00Z", "imei": IMEISV}
CDR_NAMES = "id,event_start_timestamp,event_stop_timestamp,organisation_id,iccid,imsi,endpoint_imei"
JSON_CASES: dict[str, tuple[str, list[Any], dict[str, str], int]] = {
    # By preset: the kind, what comes, the fact that it makes, and how many rows are left out.
    "1nce-events": (
        "activations",
        [EVENT | {"sim": None, "detail": "{broken"}, EVENT | {"event_type": {"id": 51}}],
        ACTIVATION,
        1,
    ),
    "emnify-events": (
        "activations",
        [EVENT, EVENT | {"event_source": {"id": 1}}, EVENT | {"event_type": {"id": 5}}],
        ACTIVATION,
        2,
    ),
    "emnify-usage": (
        "activations",
        [{"sim": {"iccid": ICCID}, "endpoint": {"imei": IMEISV}, "start_timestamp": 1772704800}],
        ACTIVATION,
        0,
    ),
    "twilio-super-sim": (
        "activations",
        [
            {
                "type": f"com.twilio.iot.supersim.connection.data-session.{state}",
                "specversion": "2.0",
                "data": {"sim_iccid": ICCID, "imei": IMEISV, "timestamp": "2026-03-05T10:00:00Z"},
            }
            for state in ("started", "ended")
        ],
        ACTIVATION,
        1,
    ),
    "telnyx-authorized": (
        "expectations",
        [{"iccid": ICCID, "authorized_imeis": [IMEI, IMEISV], "imsi": 295050900000011}],
        {"iccid": ICCID, "effective_from": "", "imei": f"{IMEI}|{IMEISV}"},
        0,
    ),
    "thingspace-devices": (
        "activations",
        [
            {
                "accountName": "A-1",
                "deviceIds": [{"kind": "iccId", "id": ICCID}, {"kind": "imei", "id": IMEISV}],
                "carrierInformations": [{"carrierName": "Verizon", "state": "active"}],
                "lastConnectionDate": "2026-03-05T02:00:00-08:00",
            }
        ],
        ACTIVATION,
        0,
    ),
    "soracom-sims": (
        "activations",
        [
            {
                "simId": ICCID,
                "imsi": IMSI,
                "imei": IMEI,
                "sessionStatus": {"online": True, "lastUpdatedAt": 1772704800000, "imei": IMEISV},
            }
        ],
        ACTIVATION,
        0,
    ),
    "soracom-sessions": (
        "activations",
        [
            {"imsi": IMSI, "imei": IMEISV, "time": 1772704800000, "event": event}
            for event in ("Created", "Deleted")
        ],
        BY_IMSI,
        1,
    ),
}
CSV_CASES: dict[str, tuple[KindName, str, dict[str, str]]] = {
    "1nce-cdr": (
        "activations",
        f'{CDR_NAMES}\n"1","2026-03-05 10:00:00","2026-03-05 11:00:00","7","{ICCID}",,"{IMEISV}"\n',
        ACTIVATION,
    ),
    "dirbs": (
        "activations",
        f"date,imei,imsi,msisdn\n20260305,{IMEISV},{IMSI},{MSISDN}\n",
        BY_IMSI | {"activated_at": "2026-03-05T00:00:00Z"},
    ),
    "mediation": (
        "activations",
        (
            "servedIMSI,servedMSISDN,servedIMEISV,recordOpeningTime\n"
            f",{MSISDN},{IMEISV},2026-03-05T10:00:00Z\n"
        ),
        BY_IMSI | {"iccid": "msisdn 88228…0011"},
    ),
    "sim-vendor": (
        "identities",
        f"ICCID,IMSI,MSISDN,KI\n{ICCID},{IMSI},+{MSISDN},00FF\n",
        {"iccid": ICCID, "imsi": "29505…0011", "msisdn": "88228…0011", "valid_from": ""},
    ),
    "thingspace-manage": (
        "expectations",
        f",,{IMEI},{ICCID},SKU-1,Meters,,,,,\n",
        {"iccid": ICCID, "effective_from": "", "imei": IMEI},
    ),
    "airvantage": (
        "sims",
        (
            "IDENTIFIER;MOBILE NUMBER;NETWORK IDENTIFIER;IP;OPERATOR;OPERATOR ACCOUNT;LABELS\n"
            f"{ICCID};+15096300011;295050900000011;;Op;A-1;a|b\n"
        ),
        {
            "iccid": ICCID,
            "mdn": "15096300011",
            "account": "A-1",
            "activation_date": "",
            "generation": "4G",
        },
    ),
}


@pytest.mark.parametrize("name", JSON_CASES)
def test_a_preset_reads_its_platforms_objects_from_files(tmp_path: Path, name: str) -> None:
    kind, items, fact, left_out = JSON_CASES[name]
    mapping = preset(name)
    lines = tmp_path / "a.ndjson"
    lines.write_text("\n".join(map(json.dumps, items)))
    document = tmp_path / "a.json"
    whole = {mapping.records: items} if mapping.records else items
    document.write_text(json.dumps(whole, indent=1))
    for path in (lines, document):
        preview = preview_file(kind, str(path), mapping)  # type: ignore[arg-type] # a kind's name
        assert (preview.facts, preview.rejects) == ([fact], [])
        assert preview.notes.left_out == left_out
        assert preview.doubts.counts()["without_zone"] == 0


@pytest.mark.parametrize("name", JSON_CASES)
def test_a_preset_reads_its_platforms_objects_from_calls(name: str) -> None:
    kind_name, items, fact, _ = JSON_CASES[name]
    kind, mapping = KINDS[kind_name], preset(name)  # type: ignore[index] # a kind's name
    body = json.dumps({mapping.records: items} if mapping.records else items).encode()
    facts, rejects, _ = check_items(kind, read_items(body, lines=False, mapping=mapping), mapping)
    assert rejects == []
    (row,) = facts.rows() if not isinstance(facts, list) else facts  # type: ignore[union-attr] # or a frame
    assert str(kind.columns[0].form(row[0])) == fact["iccid"]  # type: ignore[misc] # ICCIDs have a form


def test_an_array_alone_has_the_records_that_a_mapping_has_at_a_path(tmp_path: Path) -> None:
    name = "thingspace-devices"
    _, items, fact, _ = JSON_CASES[name]
    path, body = tmp_path / "a.json", json.dumps(items)
    path.write_text(body)
    preview = preview_file("activations", str(path), preset(name))
    assert preview.facts == [fact]
    assert read_items(body.encode(), lines=False, mapping=preset(name)) == items


@pytest.mark.parametrize("name", CSV_CASES)
def test_a_preset_reads_its_portals_csv(tmp_path: Path, name: str) -> None:
    kind, text, fact = CSV_CASES[name]
    path = tmp_path / "a.csv"
    path.write_text(text)
    preview = preview_file(kind, str(path), preset(name))
    assert (preview.facts, preview.rejects) == ([fact], [])
    assert preview.doubts.counts()["without_zone"] == 0


def test_of_an_identifier_that_a_device_has_twice_none_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    both = [{"kind": "ICCID", "id": ICCID}, {"kind": "iccid", "id": f"{ICCID}1"}]
    devices = [{"accountName": "A", "deviceIds": ids} for ids in (both[:1], both)]
    path.write_text(json.dumps({"devices": devices}))
    preview = preview_file("sims", str(path), preset("thingspace-devices"))
    assert [fact["iccid"] for fact in preview.facts] == [ICCID]
    assert [reject.reason for reject in preview.rejects] == ["iccid is missing"]


def test_every_preset_has_a_case_here() -> None:
    assert presets().keys() == {*JSON_CASES, *CSV_CASES}


def test_objects_of_another_form_are_refused_with_the_preset_that_fits() -> None:
    with pytest.raises(InvalidValue, match=r"no imei.*The mapping 1nce-events fits: .*map=1nce-ev"):
        check_items(KINDS["activations"], [EVENT])


OWN = """
keep = [{column = "state", values = ["on"]}]
time_formats = ["%d/%m/%Y %H:%M"]
zone = "America/New_York"
check_digit = "add"
[columns]
iccid = ["card", 1]
imei = "unit"
activated_at = [["day", "clock"]]
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "1970-01-01", "1980-01-06"])
def test_midnight_of_a_day_of_never_is_none_in_the_zone_of_the_file(
    tmp_path: Path, zone: str, day: str
) -> None:
    path, mapping = tmp_path / "a.csv", Mapping(zone=zone)
    path.write_text(f"iccid,account,activation_date\n{ICCID},A1,{day} 00:00:00\n")
    (fact,) = preview_file("sims", str(path), mapping).facts
    assert fact["activation_date"] == ""
    path.write_text(f"iccid,imei,activated_at\n{ICCID},{IMEI},{day} 00:00:00\n")
    (reject,) = preview_file("activations", str(path), mapping).rejects
    assert "for never" in reject.reason


def test_a_mapping_of_ones_own_joins_columns_and_keeps_rows(tmp_path: Path) -> None:
    path, own = tmp_path / "a.txt", tmp_path / "own.toml"
    own.write_text(OWN)
    path.write_text(
        "Export\n\nfirst|unit|state|day|clock\n"
        f"{ICCID}|35-209900-176148-1|on|05/03/2026|05:00\n"
        f"{ICCID}|{IMEI}|off|05/03/2026|05:00\n"
    )
    preview = preview_file("activations", str(path), mapping_of(str(own)))
    assert preview.facts == [
        {"iccid": f"{ICCID}1", "activated_at": "2026-03-05T10:00:00Z", "imei": IMEI}
    ]
    assert (preview.notes.left_out, preview.notes.header) == (1, 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colums = 1", "unknown field `colums`"),
        ("separator = 'x'", "Invalid enum value 'x'"),
        ("zone = 'Mars'", "zone 'Mars' must be a zone of the IANA database"),
        ("time_formats = ['%Q']", "'%Q' cannot be used"),
        ("[columns]\niccid = 'KI'", "'KI' holds keys or codes, which are never read"),
        ("[columns]\niccid = 0", "Expected `int` >= 1"),
        ("[", "is no mapping"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(FileRefused, match=reason):
        mapping_of(str(path))


KEYS = ("F0E1D2C3B4A5968778695A4B3C2D1E0F", "99887766")


@pytest.mark.parametrize(
    "line",
    [f"{ICCID};x;{KEYS[0]};{KEYS[1]}", f"{ICCID};{KEYS[0]};{KEYS[1]}", f'"{ICCID};x;{KEYS[0]}'],
    ids=["bad value", "short line", "no CSV"],
)
def test_keys_and_codes_are_in_no_reject_and_no_preview(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.out"
    path.write_text(f"iccid;imei;Ki;PUK1\n{line}\n{ICCID};{IMEI};{KEYS[0]};{KEYS[1]}\n")
    preview = preview_file("expectations", str(path))
    assert len(preview.facts) == len(preview.rejects) == 1
    printed = repr(preview)
    assert not any(key in printed for key in KEYS)


def test_keys_of_sims_are_secret_and_keys_of_other_things_are_names() -> None:
    secret = "Ki,OPc,K,ADM1,PUK,OTA Key,KIC1,auth_key,Transport Key,SIM key,KEY,Encryption Key 1"
    assert [name for name in secret.split(",") if not is_secret(name)] == []
    assert [name for name in ("Account Key", "Partner key", "Store Key") if is_secret(name)] == []


def test_keys_of_a_file_without_header_are_not_taken_for_names(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_text(f"{ICCID};{KEYS[0]}\n")
    with pytest.raises(FileRefused, match="name them with --columns") as refusal:
        preview_file("expectations", str(path))
    assert KEYS[0] not in refusal.value.message

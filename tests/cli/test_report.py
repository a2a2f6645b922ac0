from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import EXAMPLE, WINDOW, Run, Start

ROW = (
    "0212398765-00001,5096300587,2011-01-21T18:55:27Z,89148000000800784259,"
    "990003420535573,987603420573553,"
    "2017-12-02T00:00:00Z"
)


@pytest.mark.usefixtures("example")
def test_json_is_the_published_answer_byte_for_byte(run: Run) -> None:
    result = run(
        "report", *WINDOW, "--format", "json", env={"TALLYSTICK_TIME_ZONE": "America/Los_Angeles"}
    )
    assert result.stdout_bytes == (EXAMPLE / "response.json").read_bytes()


@pytest.mark.usefixtures("example")
def test_csv_has_a_header_and_our_names_for_the_columns(run: Run) -> None:
    result = run("report", *WINDOW, "--format", "csv")
    assert (
        result.stdout
        == f"account,mdn,activation_date,iccid,pre_imei,post_imei,activated_at\n{ROW}\n"
    )


@pytest.mark.usefixtures("example")
def test_csv_without_rows_is_the_header_alone(run: Run) -> None:
    result = run("report", "--earliest", "2020-01-01", "--latest", "2020-01-02", "--format", "csv")
    assert result.stdout == "account,mdn,activation_date,iccid,pre_imei,post_imei,activated_at\n"


@pytest.mark.usefixtures("example")
def test_ndjson_is_one_row_a_line_as_over_the_wire(run: Run) -> None:
    body = run("report", *WINDOW, "--format", "json").stdout
    assert (
        run("report", *WINDOW, "--format", "ndjson").stdout
        == body[len('{"devices":[') : -len("]}")] + "\n"
    )


@pytest.mark.usefixtures("example")
def test_the_table_is_for_people_and_its_count_stands_on_standard_error(run: Run) -> None:
    result = run("report", *WINDOW)
    assert all(value in result.stdout.splitlines()[1] for value in ROW.split(","))
    assert result.stderr == "1 mismatch\n"


PASTED = {
    "an ICCID in groups": ("--iccid", "8914 8000 0008 0078 4259"),
    "a padded ICCID": ("--iccid", "89148000000800784259F"),
    "an ICCID with an apostrophe": ("--iccid", "'89148000000800784259"),
    "an IMEI as a spreadsheet's text": ("--imei", '="987603420573553"'),
    "an ICCID behind its name": ("--iccid", "ICCID: 89148000000800784259"),
    "an IMEI with slashes": ("--imei", "987603/42/057355/3"),
    "an IMEI in groups": ("--imei", "98 760342 057355 3"),
    "a phone number in brackets": ("--mdn", "(509) 630-0587"),
}


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("asked", PASTED.values(), ids=PASTED)
def test_numbers_are_taken_as_they_are_pasted(run: Run, asked: tuple[str, str]) -> None:
    assert ROW in run("report", *WINDOW, "--format", "csv", *asked).stdout
    history = run("history", asked[1]).stdout
    assert "89148000000800784259" in history


@pytest.mark.usefixtures("example")
def test_a_number_that_may_have_lost_digits_is_refused(run: Run) -> None:
    for pasted in ("8.9148E+19", "89148000000800784259.0"):
        refused = run("report", *WINDOW, "--iccid", pasted)
        assert (refused.exit_code, repr(pasted) in refused.stderr) == (1, True)


@pytest.mark.usefixtures("example")
def test_rows_are_picked_by_the_hardware_that_sims_were_seen_in(run: Run) -> None:
    every = run("report", *WINDOW, "--format", "csv").stdout
    seen_in = run("report", *WINDOW, "--format", "csv", "--imei", "98-760342-057355-3")
    assert (seen_in.stdout, seen_in.stderr) == (every, "")
    home = run("report", *WINDOW, "--format", "csv", "--imei", "990003420535573", "--reasons")
    assert home.stdout.count("\n") == 1


@pytest.mark.usefixtures("example")
def test_a_listed_sim_that_cannot_have_rows_is_told_on_standard_error(run: Run) -> None:
    listed = ("--iccid", "987603420573553", "--iccid", "89148000000800000099")
    told = run("report", *WINDOW, "--format", "csv", *listed, "--mdn", "5550000000").stderr
    an_imei, iccid, mdn = told.splitlines()
    assert an_imei.startswith("--iccid 987603420573553 is no ICCID, and no SIM has it; it is as")
    assert iccid == "no SIM with the ICCID 89148000000800000099 is loaded"
    assert mdn == "no SIM with the MDN 5550000000 is loaded"


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    ("asked", "loaded", "form"),
    [
        ("8914800000080000001", "89148000000800000011", "with"),
        ("89148000000800000011", "8914800000080000001", "without"),
    ],
)
def test_a_listed_sim_that_is_loaded_with_another_check_digit_is_told(
    run: Run, tmp_path: Path, asked: str, loaded: str, form: str
) -> None:
    sims = tmp_path / "sims.csv"
    sims.write_text(f"iccid,account\n{loaded},A-1\n")
    assert run("import", "sims", str(sims)).exit_code == 0
    told = run("report", *WINDOW, "--format", "csv", "--iccid", asked).stderr
    assert told == (
        f"no SIM with the ICCID {asked} is loaded; {loaded} is, which is the same number {form} "
        "its check digit: ask for that\n"
    )


@pytest.mark.usefixtures("example")
def test_a_table_without_rows_is_a_count_alone(run: Run) -> None:
    result = run("report", "--earliest", "2020-01-01", "--latest", "2020-01-02")
    assert (result.stdout, result.stderr) == ("", "0 mismatches\n")


@pytest.mark.usefixtures("example")
def test_parquet_keeps_times_as_times(run: Run) -> None:
    assert run("report", *WINDOW, "--format", "parquet", "--output", "rows.parquet").exit_code == 0
    (row,) = pl.read_parquet("rows.parquet").rows(named=True)
    assert row["iccid"] == "89148000000800784259"
    assert row["activated_at"].isoformat() == "2017-12-02T00:00:00+00:00"


@pytest.mark.usefixtures("example")
def test_parquet_can_be_piped_on(start: Start) -> None:
    out, _ = start("report", *WINDOW, "--format", "parquet").communicate()
    assert pl.read_parquet(out).height == 1


@pytest.mark.usefixtures("example")
def test_parquet_is_not_printed_on_a_terminal(start: Start) -> None:
    terminal, end = os.openpty()
    process = start("report", *WINDOW, "--format", "parquet", stdout=end)
    assert process.wait() == 2
    assert b"--output" in process.communicate()[1]
    os.close(end)
    os.close(terminal)


@pytest.mark.parametrize("form", ["table", "json", "csv", "ndjson"])
@pytest.mark.usefixtures("example")
def test_a_file_gets_what_standard_output_gets(run: Run, form: str) -> None:
    printed = run("report", *WINDOW, "--format", form).stdout_bytes
    assert run("report", *WINDOW, "--format", form, "--output", "rows").stdout == ""
    assert Path("rows").read_bytes() == printed


@pytest.mark.usefixtures("example")
def test_a_refused_report_leaves_the_file_alone(run: Run) -> None:
    Path("rows").write_text("from yesterday", "utf-8")
    assert run("report", *WINDOW, "--account", "nobody", "--output", "rows").exit_code == 1
    assert Path("rows").read_text("utf-8") == "from yesterday"


@pytest.mark.usefixtures("example")
def test_a_file_that_cannot_be_written_is_wrong_usage(run: Run) -> None:
    assert run("report", *WINDOW, "--output", "no/such/folder/rows").exit_code == 2


@pytest.mark.usefixtures("example")
def test_several_accounts_are_a_union(run: Run) -> None:
    both = run("report", *WINDOW, "--account", "0212398765-00001", "--account", "0342077109-00001")
    assert both.stderr == "1 mismatch\n"
    assert run("report", *WINDOW, "--account", "0342077109-00001").stderr == "0 mismatches\n"


@pytest.mark.usefixtures("store")
def test_a_store_without_accounts_says_what_to_do(run: Run) -> None:
    result = run("report", *WINDOW)
    assert result.exit_code == 1
    assert "tallystick import sims" in result.stderr


@pytest.mark.usefixtures("example")
def test_a_reader_that_goes_away_is_no_reason_to_complain(start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("report", *WINDOW, "--format", "ndjson", stdout=writing)
    os.close(writing)
    assert process.communicate()[1] == b""


@pytest.mark.usefixtures("example")
def test_a_full_disk_is_told_in_one_line(start: Start) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("report", *WINDOW, "--format", "csv", stdout=full.fileno())
        assert process.communicate()[1] == b"error: No space left on device\n"
    assert process.returncode == 1


REASONS = "expected 990003420535573 by change set 1; other-model; check-digit-wrong; still-there"
FIELDS = (
    '"cause":"theft","reasons":[{"code":"expected","imei":"990003420535573","change_set_id":1},'
    '{"code":"other-model"},'
    '{"code":"check-digit-wrong"},{"code":"still-there"}]}'
)
"""Of the published example's row: in words, and as over the wire."""


@pytest.mark.usefixtures("example")
def test_reasons_stand_behind_the_fields_of_the_wire(run: Run) -> None:
    for form in ("json", "ndjson"):
        plain = run("report", *WINDOW, "--format", form).stdout
        told = run("report", *WINDOW, "--format", form, "--reasons").stdout
        assert told == plain.replace('02T00:00:00Z"}', f'02T00:00:00Z",{FIELDS}')


@pytest.mark.usefixtures("example")
def test_reasons_are_words_in_columns_of_their_own(run: Run) -> None:
    header, row = run("report", *WINDOW, "--format", "csv", "--reasons").stdout.splitlines()
    assert header.endswith(",activated_at,cause,reasons")
    assert row == f"{ROW},theft,{REASONS}"
    table = run("report", *WINDOW, "--reasons").stdout
    assert all(word in table for word in ("theft", "still-there"))
    assert (
        run(
            "report", *WINDOW, "--reasons", "--format", "parquet", "--output", "rows.parquet"
        ).exit_code
        == 0
    )
    (read,) = pl.read_parquet("rows.parquet").rows(named=True)
    assert (read["cause"], read["reasons"]) == ("theft", REASONS)


@pytest.mark.usefixtures("store")
def test_reasons_without_accounts_say_what_to_do_too(run: Run) -> None:
    result = run("report", *WINDOW, "--reasons")
    assert result.exit_code == 1
    assert "tallystick import sims" in result.stderr

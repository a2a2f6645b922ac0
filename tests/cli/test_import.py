"""`tallystick import`: what it prints and writes, how it exits, and the bar on a terminal."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
import pytest

from tests.kept import everything_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.store import Store
    from tests.cli.conftest import Run, Start

HEADER = "iccid,imei,activated_at\n"
ICCID, HOME, STRIPPED = "89148000000800000011", "352099001761481", "13327001234568"
GOOD = f"{ICCID},{HOME},2026-03-01\n"
SIMS = f"iccid,account,activation_date\n{ICCID},A-1,2026-03-01\n"
FINISHED = re.compile(r" in [0-9.]+ s$")


def write(name: str, text: str) -> str:
    """A file in the current directory; gives its name."""
    Path(name).write_text(text, "utf-8")
    return name


def rows_of(name: str) -> list[dict[str, str]]:
    """A rejects file as it is read."""
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Receipts


@pytest.mark.usefixtures("store")
def test_sims_of_which_a_file_names_no_account_are_of_the_one_that_was_named(
    run: Run, store: Store
) -> None:
    name = write("sims.csv", f"ICCID,MSISDN\n{ICCID},5096300011\n")
    refused = run("import", "sims", name)
    assert "If all lines are of one account, name it with --account" in refused.stderr
    others = write("b.csv", "iccid,account\n89148000000800000037,B-1\n")
    objects = write("c.ndjson", '{"iccid": "89148000000800000045"}\n')
    assert run("import", "sims", name, others, objects, "--account", " A-1").exit_code == 0
    assert [sim.account for sim in everything_in(store).sims] == ["A-1", "B-1", "A-1"]
    wrong = run("import", "activations", name, "--account", "A-1")
    assert (wrong.exit_code, "goes with sims" in wrong.stderr) == (2, True)
    for account in ("A\t1", "", " "):
        wrong = run("import", "sims", name, "--account", account)
        assert (wrong.exit_code, "--account" in wrong.stderr) == (2, True)


@pytest.mark.usefixtures("store")
def test_a_line_without_the_account_that_its_file_has_a_column_for_is_refused(
    run: Run, store: Store
) -> None:
    """An export of merged cells: the lower ones are empty, and mean the one above."""
    lines = "iccid,account\n89148000000800000029,B-1\n89148000000800000037,\n"
    done = run("import", "sims", write("sims.csv", lines), "--account", "A-1")
    assert done.exit_code == 3
    assert "sims.csv:3: account is missing, though the file has a column" in done.stderr
    assert [sim.account for sim in everything_in(store).sims] == ["B-1"]


def test_no_store_is_made_for_files_that_are_not_there(run: Run) -> None:
    missing = run("import", "sims", "nofile.csv")
    assert (missing.exit_code, "nofile.csv: cannot be read: No such file" in missing.stderr) == (
        1,
        True,
    )
    unmatched = run("import", "sims", "sims-*.csv")
    assert unmatched.stderr == "error: sims-*.csv: no file matches the pattern\n"
    assert not list(Path().glob("tallystick.db*"))


@pytest.mark.parametrize(
    ("options", "at_fault"),
    [
        (("--map", "nope"), "--map"),
        (("--zone", "Mars/Olympus"), "--zone"),
        (("--time-format", "%d %Q"), "--time-format"),
        (("--zone", "UTC", "--account", "A\t1"), "--account"),
    ],
)
def test_wrong_usage_names_the_option_at_fault_alone(
    run: Run, options: tuple[str, ...], at_fault: str
) -> None:
    refused = run("import", "sims", "sims.csv", *options)
    assert refused.exit_code == 2
    assert f"Invalid value for {at_fault}:" in " ".join(refused.stderr.split())


def test_an_import_says_loudly_that_it_made_a_store(run: Run) -> None:
    """A volume that was not mounted would else be a new store, unnoticed."""
    name = write("sims.csv", SIMS)
    first, second = (run("import", "sims", name, "--json") for _ in range(2))
    assert first.stderr == "warning: tallystick.db: there was no store here; made a new one\n"
    assert (first.exit_code, second.stderr) == (0, "")


@pytest.mark.usefixtures("store")
def test_a_receipt_without_doubts_is_one_line(run: Run) -> None:
    result = run("import", "sims", write("sims.csv", SIMS))
    assert (result.exit_code, result.stderr) == (0, "")
    assert [FINISHED.sub("", line) for line in result.stdout.splitlines()] == [
        "sims.csv: 1 read: 1 accepted, 0 duplicate, 0 rejected",
        "  new accounts: A-1",
    ]


def test_doubts_are_counted_for_people_and_each_says_what_to_do(run: Run) -> None:
    run("import", "sims", write("sims.csv", SIMS))
    many = [f"{ICCID},{STRIPPED},2026-03-01", f"{ICCID[:-1]}9,{HOME},9999-03-01"]
    result = run("import", "activations", write("many.csv", HEADER + "\n".join(many)))
    assert result.exit_code == 0
    (counts,) = result.stdout.splitlines()[1:]
    sentences = result.stderr.splitlines()
    assert len(sentences) == len(counts.split(", ")) - 1  # the first comma is the sentence's
    assert counts.startswith("  taken, but doubtful: 1 of SIMs that are not loaded, ")
    assert sentences[0].startswith("doubt: many.csv: 1 line of SIMs that are not loaded (89")
    for words in ("import the SIMs", "export the column imei as text", "check the time zone"):
        assert sum(words in sentence for sentence in sentences) == 1


@pytest.mark.usefixtures("store")
def test_programs_get_every_count_of_a_file_and_of_all(run: Run) -> None:
    names = [
        write("a.csv", HEADER + GOOD),
        write("b.csv", f"{HEADER}{ICCID},{STRIPPED},9999-01-01\nbad\n"),
    ]
    result = run("import", "activations", *names, "--json")
    assert (result.exit_code, result.stderr) == (3, "")
    told = json.loads(result.stdout)
    counts = ["read", "accepted", "rejected", "unknown_sims", "stripped_zeros", "in_future"]
    assert [told[count] for count in counts] == [3, 2, 1, 2, 1, 1]
    assert [told["files"]["a.csv"][count] for count in counts] == [1, 1, 0, 1, 0, 0]
    assert [told["files"]["b.csv"][count] for count in counts] == [2, 1, 1, 1, 1, 1]


def test_of_several_files_each_reject_is_told_once_under_its_file(run: Run) -> None:
    names = [write(name, HEADER + GOOD + "bad\n") for name in ("a.csv", "b.csv")]
    result = run("import", "activations", *names)
    told = [
        line
        for line in [line for line in result.stderr.splitlines() if not line.startswith("doubt: ")]
        if not line.startswith("warning: ")
    ]
    assert told == [f"{name}:3: the line has 1 fields, the header 3" for name in names]
    assert (
        FINISHED.sub("", result.stdout.splitlines()[-2])
        == "in all: 4 read: 1 accepted, 1 duplicate, 2 rejected"
    )


def test_a_name_that_is_not_utf_8_is_told_with_escapes_on_the_terminal_and_among_rejects(
    run: Run, store: Store
) -> None:
    strange = os.fsdecode(b"caf\xe9\x1b[2J.csv")
    for name in (strange, "b.csv"):
        Path(name).write_text(HEADER + GOOD + "bad\n", "utf-8")
    result = run("import", "activations", strange, "b.csv", "--rejects", "rejects.csv")
    shown = r"caf\udce9\x1b[2J.csv"
    assert result.exit_code == 3
    assert f"{shown}: 2 read: 1 accepted" in result.stdout
    assert f"{shown}:3: the line has 1 fields, the header 3" in result.stderr
    assert rows_of("rejects.csv")[0]["reason"].startswith(f"{shown}, line 3: ")
    assert len(everything_in(store).activations) == 1


# --max-rejects


def test_a_file_past_the_limit_is_refused_and_its_rejects_are_written_down(
    run: Run, store: Store
) -> None:
    name = write("a.csv", HEADER + GOOD + "bad\nworse\n")
    result = run("import", "activations", name, "--max-rejects", "1", "--rejects", "rejects.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "error: a.csv: nothing was taken in: 2 of 3 lines are bad, more than --max-reje"
    )
    assert [row["iccid"] for row in rows_of("rejects.csv")] == ["bad", "worse"]
    assert everything_in(store).activations == []


def test_the_other_files_of_the_call_are_taken(run: Run, store: Store) -> None:
    names = [write("bad.csv", HEADER + GOOD + "bad\n"), write("good.csv", HEADER + GOOD * 2)]
    result = run("import", "activations", *names, "--max-rejects", "10%", "--json")
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["files"]["bad.csv"]["error"]["code"] == "too-many-rejects"
    assert (told["read"], told["accepted"], told["rejected"]) == (2, 1, 0)
    assert len(everything_in(store).activations) == 1


@pytest.mark.parametrize("limit", ["", "many", "101%", "-1", "1.5"])
def test_a_limit_that_is_none_is_wrong_usage(run: Run, limit: str) -> None:
    result = run("import", "activations", write("a.csv", HEADER + GOOD), "--max-rejects", limit)
    assert result.exit_code == 2
    assert "--max-rejects" in result.stderr
    assert not Path("tallystick.db").exists()


@pytest.mark.parametrize(("limit", "status"), [("0", 1), ("1", 3)])
def test_standard_input_of_a_process_is_checked_whole_first(
    start: Start, store: Store, limit: str, status: int
) -> None:
    process = start("import", "activations", "-", "--max-rejects", limit, stdin=subprocess.PIPE)
    _, told = process.communicate((HEADER + GOOD + "bad\n").encode())
    assert process.returncode == status, told
    assert len(everything_in(store).activations) == (0 if status == 1 else 1)


# The rejects file


def test_it_has_the_columns_of_the_one_file_in_their_order(run: Run) -> None:
    name = write("a.csv", f"imei,activated_at,iccid,reason\n1,2026-03-01,{ICCID},told before\n")
    run("import", "activations", name, "--rejects", "rejects.csv")
    assert Path("rejects.csv").read_text("utf-8") == (
        "imei,activated_at,iccid,reason\n"
        f"1,2026-03-01,{ICCID},\"line 2: imei must be 14-16 digits, not '1'\"\n"
    )


def test_of_several_files_no_value_is_lost_and_the_reason_names_the_file(run: Run) -> None:
    write("a.csv", f"account,iccid,activation_date\nA-1,{ICCID},soon\n")
    write(
        "b.csv",
        f"activation_date,iccid,generation,mdn,account\n2026-03-01,{ICCID[:-1]}2,5G,x,\n",
    )
    write(
        "c.ndjson",
        json.dumps(
            {"iccid": 5, "mdn": 5096300001, "account": "A-3", "activation_date": "2026-03-01"}
        ),
    )
    run("import", "sims", "a.csv", "b.csv", "c.ndjson", "--rejects", "rejects.csv")
    rows = rows_of("rejects.csv")
    assert list(rows[0]) == ["account", "iccid", "activation_date", "mdn", "generation", "reason"]
    assert [[row[column] for column in list(row)[:-1]] for row in rows] == [
        ["A-1", ICCID, "soon", "", ""],
        ["", f"{ICCID[:-1]}2", "2026-03-01", "x", "5G"],
        ["A-3", "5", "2026-03-01", "5096300001", ""],
    ]
    assert [row["reason"].partition(": ")[0] for row in rows] == [
        "a.csv, line 2",
        "b.csv, line 2",
        "c.ndjson, line 1",
    ]


def as_ndjson(name: str, rows: list[dict[str, object]]) -> str:
    """A file of JSON lines."""
    return write(f"{name}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(name: str, rows: list[dict[str, object]]) -> str:
    """A file of columns."""
    pl.DataFrame(rows).write_parquet(f"{name}.parquet")
    return f"{name}.parquet"


def as_dated_parquet(name: str, rows: list[dict[str, object]]) -> str:
    """A file of columns, the moments as datetimes in a zone."""
    moment = (
        pl.col("activated_at")
        .str.to_datetime(time_zone="UTC")
        .dt.convert_time_zone("America/Los_Angeles")
    )
    pl.DataFrame(rows).with_columns(moment).write_parquet(f"{name}.parquet")
    return f"{name}.parquet"


def as_csv(name: str, rows: list[dict[str, object]]) -> str:
    """A file of lines, the columns turned round."""
    columns = list(reversed(rows[0]))
    return write(f"{name}.csv", pl.DataFrame(rows).select(columns).write_csv())


@pytest.mark.parametrize("form", [as_csv, as_ndjson, as_parquet, as_dated_parquet])
def test_corrected_it_can_be_fed_back_until_every_line_is_in(
    run: Run, store: Store, form: Callable[..., str]
) -> None:
    rows: list[dict[str, object]] = [
        {
            "iccid": ICCID[:-1] + str(number),
            "imei": HOME,
            "activated_at": f"2026-03-0{number}T08:00:00.5Z",
        }
        for number in range(1, 9)
    ]
    wrong = [
        row | {"imei": "0" + HOME + "0"} if number % 2 else row for number, row in enumerate(rows)
    ]
    first = run(
        "import",
        "activations",
        form("a", wrong[:4]),
        form("b", wrong[4:]),
        "--rejects",
        "rejects.csv",
    )
    assert first.exit_code == 3
    assert len(rows_of("rejects.csv")) == 4
    corrected = Path("rejects.csv").read_text("utf-8").replace(f"0{HOME}0,", f"{HOME},")
    assert run("import", "activations", write("corrected.csv", corrected)).exit_code == 0
    whole = everything_in(store).activations
    assert len(whole) == 8
    assert run("import", "activations", as_ndjson("whole", rows)).exit_code == 0
    assert everything_in(store).activations == whole


def test_it_is_never_written_over_a_file_that_is_to_be_read(run: Run) -> None:
    result = run("import", "activations", write("a.csv", HEADER + "bad\n"), "--rejects", "./a.csv")
    assert result.exit_code == 2
    assert "a.csv is one of the files to be read" in result.stderr
    assert Path("a.csv").read_text("utf-8") == HEADER + "bad\n"


@pytest.mark.usefixtures("store")
def test_all_faults_of_a_line_are_told(run: Run) -> None:
    bad: dict[str, object] = {"iccid": "1", "imei": "x", "activated_at": None, "color": "red"}
    result = run("import", "activations", as_ndjson("a", [bad]))
    line = result.stderr.splitlines()[-1]
    for fault in ("iccid must be 18-20", "imei must be 14-16", "activated_at is missing"):
        assert fault in line


# The bar


class OnTerminal(NamedTuple):
    """What a command showed on a terminal, and printed elsewhere."""

    shown: str
    printed: str
    status: int


def on_terminal(
    *words: str, stdout: bool = False, feed: bytes = b"", term: str = "xterm"
) -> OnTerminal:
    """Run a command with its standard error, or all of its output, on a terminal of its own."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tallystick", *words],
        stdin=subprocess.PIPE,
        stdout=theirs if stdout else subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": term, "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        assert process.stdin
        process.stdin.write(feed)
        process.stdin.close()
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _all_of(ours))
        printed = process.stdout.read().decode() if process.stdout else ""
    return OnTerminal(shown, printed, process.returncode)


def _all_of(terminal: int) -> str:
    parts = []
    with (
        suppress(OSError),
        os.fdopen(terminal, "rb", buffering=0) as file,
    ):  # its end, when the process is gone
        while part := file.read(1 << 16):
            parts.append(part)
    return b"".join(parts).decode()


def some_activations(name: str, lines: int) -> str:
    """A file that takes a moment."""
    numbers = pl.Series(range(lines)).cast(pl.String).str.zfill(10)
    frame = pl.DataFrame(
        {"iccid": "89148000" + numbers, "imei": HOME, "activated_at": "2026-03-01T00:00:00Z"}
    )
    frame.write_csv(name)
    return name


def test_a_terminal_shows_one_bar_that_moves_while_the_files_are_read_and_applied() -> None:
    names = [some_activations(name, 300_000) for name in ("a.csv", "b.csv")]
    shown, printed, status = on_terminal("import", "activations", *names, "--max-rejects", "0")
    assert status == 0
    bars = re.findall(
        r"([ab]\.csv \([12]/2\))[^\r\n]*? +(\d+)% +([\d,]+) facts +([\d,]+) rows/s +([\d:-]+)",
        shown,
    )
    assert {name for name, *_ in bars} == {"a.csv (1/2)", "b.csv (2/2)"}
    percents = [int(percent) for _, percent, *_ in bars]
    assert percents == sorted(percents)
    assert len({percent for percent in percents if 0 < percent < 50}) > 1
    assert any(facts == "0" and int(percent) > 0 for _, percent, facts, *_ in bars)
    assert any(int(rate.replace(",", "")) > 1000 for *_, rate, _ in bars)
    assert [
        FINISHED.sub("", line).partition(":")[0] for line in printed.splitlines() if line[0] != " "
    ] == [
        "a.csv",
        "b.csv",
        "in all",
    ]


def test_receipts_on_the_same_terminal_stand_in_lines_of_their_own() -> None:
    names = [write(name, HEADER + GOOD) for name in ("a.csv", "b[bold].csv")]
    shown, _, _ = on_terminal("import", "activations", *names, stdout=True)
    lines = [line.rpartition("\r")[2] for line in shown.replace("\r\n", "\n").splitlines()]
    for name in (*names, "in all"):
        assert sum(line.startswith(f"{name}: ") and "read: " in line for line in lines) == 1
    assert "b[bold].csv (2/2)" in shown


def test_of_standard_input_the_bar_shows_facts_without_an_end_in_sight() -> None:
    shown, _, _ = on_terminal("import", "activations", "-", feed=(HEADER + GOOD).encode())
    assert "1 facts" in shown


@pytest.mark.usefixtures("store")
def test_in_a_pipe_there_is_no_bar(start: Start) -> None:
    process = start("import", "activations", some_activations("a.csv", 100_000))
    _, told = process.communicate()
    assert {line.partition(" lines ")[0] for line in told.decode().splitlines()} == {
        "doubt: a.csv: 100,000",
        "doubt: a.csv: 90,000",
        "doubt: a.csv: 90",
    }
    assert process.returncode == 0


@pytest.mark.usefixtures("store")
def test_nor_on_a_terminal_that_cannot_move_its_cursor() -> None:
    shown, printed, status = on_terminal("import", "sims", write("sims.csv", SIMS), term="dumb")
    assert (shown, status) == ("", 0)
    assert printed.startswith("sims.csv: 1 read")


def test_connections_are_refused_where_there_is_one_writer(run: Run, tmp_path: Path) -> None:
    for database, kind, reason in (
        (f"sqlite:///{tmp_path}/store.db", "activations", "SQLite has one writer at a time"),
        ("postgresql://db/fleet", "sims", "goes with activations only"),
    ):
        environment = {"TALLYSTICK_DATABASE": database}
        refused = run("import", kind, "none.csv", "--connections", "2", env=environment)
        assert refused.exit_code == 2
        assert reason in " ".join(refused.stderr.replace("│", " ").split())

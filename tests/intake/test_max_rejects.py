"""With a limit, a file is checked before its first line is applied, and refused whole past it."""

from __future__ import annotations

import io
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import FileRefused, InvalidValue, TooManyRejects
from tallystick.intake import ImportOptions, LinesLimit, Listeners, Receipt, Reject, import_file
from tests.kept import everything_in

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

HEADER = "iccid,imei,activated_at\n"
GOOD = "".join(f"8914800000080000000{number},352099001761481,2026-03-01\n" for number in range(8))
TWO_OF_TEN = HEADER + GOOD + "bad\nworse,,\n"


def take(
    store: Store, path: Path | str, limit: str, rejects: list[Reject] | None = None
) -> Receipt:
    """Import a file with a limit."""
    options = ImportOptions(max_rejects=LinesLimit.parse(limit))
    return import_file(
        store,
        "activations",
        str(path),
        options=options,
        listeners=Listeners(on_reject=([] if rejects is None else rejects).append),
    )


@pytest.fixture
def two_of_ten(tmp_path: Path) -> Path:
    """A file with two bad lines of ten, the last ones."""
    path = tmp_path / "two of ten.csv"
    path.write_text(TWO_OF_TEN, "utf-8")
    return path


@pytest.mark.parametrize("limit", ["2", "3", "20%", "20.0%", "100%", "999999999999999999"])
def test_up_to_the_limit_the_good_lines_are_taken(
    store: Store, two_of_ten: Path, limit: str
) -> None:
    receipt = take(store, two_of_ten, limit)
    assert (receipt.read, receipt.accepted, receipt.rejected) == (10, 8, 2)


@pytest.mark.parametrize("limit", ["0", "1", "0%", "19.999%"])
def test_past_the_limit_nothing_is_taken(store: Store, two_of_ten: Path, limit: str) -> None:
    with pytest.raises(TooManyRejects, match="2 of 10 lines are bad") as refusal:
        take(store, two_of_ten, limit)
    assert refusal.value.code == "too-many-rejects"
    assert refusal.value.message.startswith(f"{two_of_ten}: nothing was taken in: ")
    assert f"--max-rejects {limit};" in refusal.value.message
    assert "line 10: the line has 1 fields, the header 3" in refusal.value.message
    assert everything_in(store).activations == []


@pytest.mark.parametrize("limit", ["1", "2"])
def test_each_reject_is_told_once_whether_the_file_is_refused_or_taken(
    store: Store, two_of_ten: Path, limit: str
) -> None:
    told: list[Reject] = []
    columns: list[tuple[str, ...]] = []
    options = ImportOptions(max_rejects=LinesLimit.parse(limit))
    try:
        import_file(
            store,
            "activations",
            str(two_of_ten),
            options=options,
            listeners=Listeners(on_columns=columns.append, on_reject=told.append),
        )
    except TooManyRejects:
        assert limit == "1"
    assert [reject.line for reject in told] == [10, 11]
    assert columns == [("iccid", "imei", "activated_at")]


def test_a_file_without_lines_passes_any_limit(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text(HEADER)
    assert [take(store, tmp_path / "empty.csv", limit).read for limit in ("0", "0%")] == [0, 0]


def test_a_file_that_breaks_off_is_refused_before_its_first_line_is_applied(
    store: Store, tmp_path: Path
) -> None:
    import gzip  # noqa: PLC0415 - only here

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD * 1000).encode())[:-20])
    with pytest.raises(FileRefused, match="cannot be read"):
        take(store, path, "0")
    assert everything_in(store).activations == []


@pytest.mark.parametrize(("limit", "taken"), [("1", 0), ("2", 8)])
def test_standard_input_is_checked_whole_too(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: str, taken: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TWO_OF_TEN.encode())))
    if taken:
        assert take(store, "-", limit).accepted == taken
    else:
        with pytest.raises(TooManyRejects, match=r"^-: nothing was taken in"):
            take(store, "-", limit)
    assert len(everything_in(store).activations) == taken


@pytest.mark.parametrize("limit", ["2", "1"])
def test_so_is_a_pipe_with_a_name(store: Store, tmp_path: Path, limit: str) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TWO_OF_TEN,))
    writer.start()
    if limit == "2":
        assert take(store, path, limit).accepted == 8
    else:
        with pytest.raises(TooManyRejects):
            take(store, path, limit)
    writer.join()


def test_a_pipe_without_a_limit_is_read_as_it_comes(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TWO_OF_TEN,))
    writer.start()
    assert import_file(store, "activations", str(path)).accepted == 8
    writer.join()


def test_a_file_that_was_cut_off_goes_on_with_a_limit_too(store: Store, two_of_ten: Path) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(
            store, "activations", str(two_of_ten), listeners=Listeners(on_progress=interrupt)
        )
    assert take(store, two_of_ten, "2").accepted == 8


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "x", "%", "101%", "100.1%", "1e3", "5 %", "٣", "9" * 19, "1%%"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(
        InvalidValue, match=r"must be a number of lines like 20, or a share like 0\.5%, not"
    ):
        LinesLimit.parse(text)


def test_a_share_is_exact() -> None:
    limit = LinesLimit.parse("0.1%")
    assert [limit.is_passed(rejected, 3000) for rejected in (3, 4)] == [False, True]

"""Imports that are listed: while they run, by their receipts, and when they end without a word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tallystick.core.approval import Approval
from tallystick.core.errors import FileRefused, ImportInterrupted, ImportNotFound
from tallystick.core.import_sources import sources_of
from tallystick.core.imports import SILENT_S_MAX, ImportState
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.moments import Moment
from tallystick.fleet import accounts
from tallystick.intake import (
    ImportOptions,
    LinesLimit,
    ListedImport,
    Listeners,
    listed,
    listed_one,
    recorded,
    reject_lines,
    rejects_of,
)
from tests.listening import wait_until
from tests.store.few import HOME, ICCIDS, ONE, TWO, sim, take

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.core.imports import ImportRecord
    from tallystick.intake import Progress
    from tallystick.store import Store
    from tests.conftest import Clock

LINES = f"iccid,imei\n{ONE},{HOME}\n12,x\n{TWO},{HOME}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(LINES)
    return path


def of_ann(store: Store, clock: Clock) -> ListedImport:
    """An import that has yet to begin."""
    return ListedImport(store, clock, "expectations", "pairs.csv", "ann")


def imports_in(store: Store, clock: Clock) -> list[ImportRecord]:
    """All that are listed."""
    with store.snapshot() as reader:
        return listed(reader, BEHIND_ALL, 100, clock())


def test_an_import_is_listed_while_it_runs_and_then_with_its_receipt_and_rejects(
    store: Store, clock: Clock, file: Path
) -> None:
    states: list[str] = []

    def look(_: Progress) -> None:
        states.extend(each.state for each in imports_in(store, clock))

    receipt = of_ann(store, clock).run(str(file), listeners=Listeners(on_progress=look))
    assert set(states) == {"running"}
    (record,) = imports_in(store, clock)
    assert record[1:5] == ("done", "expectations", "pairs.csv", "ann")
    assert (record.share, record.facts, record.ended_at) == (1000, 2, clock())
    kept = json.loads(record.receipt)
    assert (kept["read"], kept["accepted"], kept["rejected"]) == (3, 2, 1)
    assert kept["change_set_id"] == receipt.change_set_id > 0
    with store.snapshot() as reader:
        text = rejects_of(reader, record.number, clock()).decode()
    header, line = text.splitlines()
    assert (header, line[:5], record.reject_lines) == ("iccid,imei,reason", "12,x,", 1)


def test_what_imports_brought_is_counted_and_stays_when_their_receipts_are_forgotten(
    store: Store, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [("expectations", 2, 0, 1, clock()), ("expectations", 2, 2, 2, clock())]
    monkeypatch.setattr(recorded, "RECEIPTS_MAX", 1)
    for number, expected in enumerate(counted):
        of_ann(store, clock).run(str(file))
        clock.advance(1)
        with store.snapshot() as reader:
            assert reader.imported_facts() == [expected], number
    with pytest.raises(FileRefused):
        of_ann(store, clock).run(str(file), ImportOptions(max_rejects=LinesLimit.parse("0")))
    assert len(imports_in(store, clock)) == 2
    with store.snapshot() as reader:
        assert reader.imported_facts() == counted[1:]


def test_what_is_proposed_has_brought_nothing_yet(store: Store, clock: Clock, file: Path) -> None:
    take(store, sim(ONE))
    with store.transaction() as writer:
        accounts.ask(writer, "a", Approval.REQUIRED)
    receipt = of_ann(store, clock).run(str(file))
    assert (receipt.is_proposed, receipt.accepted, receipt.rejected) == (True, 2, 1)
    with store.snapshot() as reader:
        assert reader.imported_facts() == [("expectations", 0, 0, 1, None)]
    (source,) = sources_of(imports_in(store, clock))
    assert (source.files, source.accepted, source.last, source.refused) == (1, 0, None, 1)


def test_a_file_that_is_refused_whole_is_listed_with_the_reason_once_it_could_be_opened(
    store: Store, clock: Clock, file: Path
) -> None:
    options = ImportOptions(max_rejects=LinesLimit.parse("0"))
    with pytest.raises(FileRefused):
        of_ann(store, clock).run(str(file), options)
    with pytest.raises(FileRefused):
        of_ann(store, clock).run(str(file.with_name("none.csv")))
    (record,) = imports_in(store, clock)
    assert (record.state, record.receipt, record.reject_lines) == ("refused", "", 1)
    assert record.message.startswith("pairs.csv: nothing was taken in: 1 of 3 lines are bad")


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (KeyboardInterrupt(), "interrupted", recorded.STOPPED),
        (ImportInterrupted(), "interrupted", ImportInterrupted().message),
        (RuntimeError("secret"), "failed", recorded.UNFORESEEN),
    ],
    ids=["by a key", "by the server", "by an error"],
)
def test_an_import_that_was_stopped_says_so(
    store: Store, clock: Clock, file: Path, error: BaseException, state: str, message: str
) -> None:
    def stop(_: Progress) -> None:
        raise error

    with pytest.raises(type(error)):
        of_ann(store, clock).run(str(file), listeners=Listeners(on_progress=stop))
    (record,) = imports_in(store, clock)
    assert (record.state, record.message) == (state, message)


def test_an_import_that_falls_silent_has_ended(store: Store, clock: Clock) -> None:
    with store.transaction() as writer:
        number = writer.begin_import(ImportState.RUNNING, "sims", "a.csv", "ann", clock())
    began = clock()
    clock.advance(SILENT_S_MAX)
    with store.snapshot() as reader:
        assert listed_one(reader, number, clock()).state == "running"
        clock.advance(1)
        silent = listed_one(reader, number, clock())
    assert (silent.state, silent.ended_at) == ("interrupted", began)
    assert "import the same file again" in silent.message


def test_an_import_says_again_and_again_how_far_it_is(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "SAY_EVERY_S_MIN", 0.01)
    waiting = of_ann(store, clock)
    waiting.begin(ImportState.WAITING)
    clock.advance(SILENT_S_MAX + 1)
    wait_until(lambda: imports_in(store, clock)[0].state != "interrupted")
    (record,) = imports_in(store, clock)
    waiting.fail(ImportInterrupted())
    assert (record.state, record.seen_at) == ("waiting", clock())


def test_a_file_that_comes_again_under_another_path_goes_on_where_it_was(
    store: Store, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.intake.bulk.SLICE_FACTS", 1)
    monkeypatch.setattr("tallystick.intake.bulk.TRANSACTION_FACTS_MAX", 1)
    options = ImportOptions(content="the digest")

    def stop(progress: Progress) -> None:
        if progress.facts:
            raise ImportInterrupted

    with pytest.raises(ImportInterrupted):
        of_ann(store, clock).run(str(file), options, Listeners(on_progress=stop))
    again = file.rename(file.with_name("again.csv"))
    receipt = of_ann(store, clock).run(str(again), options)
    assert (receipt.accepted, receipt.duplicate) == (2, 0)
    with store.snapshot() as reader:
        (change_set,) = reader.change_sets(BEHIND_ALL, 10)
    assert change_set.added == 2


def test_receipts_and_refused_lines_are_forgotten_in_the_end_and_no_number_is_given_twice(
    store: Store, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "REJECTS_MAX", 1)
    monkeypatch.setattr(recorded, "RECEIPTS_MAX", 2)

    def numbers_and_rejects() -> list[tuple[int, int]]:
        with store.transaction() as writer:
            recorded.forget_old(writer, clock())
        return [(each.number, each.reject_lines) for each in imports_in(store, clock)]

    for _ in range(3):
        of_ann(store, clock).run(str(file))
    assert numbers_and_rejects() == [(3, 1), (2, 0)]
    clock.advance((recorded.REJECT_DAYS + 1) * 86_400)
    assert numbers_and_rejects() == [(3, 0), (2, 0)]
    clock.advance(recorded.RECEIPT_DAYS * 86_400)
    assert numbers_and_rejects() == [(3, 0)]
    of_ann(store, clock).run(str(file))
    assert [number for number, _ in numbers_and_rejects()] == [4]
    with store.snapshot() as reader, pytest.raises(ImportNotFound):
        rejects_of(reader, 3, Moment(clock()))


def test_no_more_refused_lines_are_kept_than_there_is_room_for(
    store: Store, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject_lines, "KEPT_CHARACTERS_MAX", 300)
    file.write_text("iccid,imei\n" + "".join(f"{each},bad\n" for each in ICCIDS[:50]))
    receipt = of_ann(store, clock).run(str(file))
    (record,) = imports_in(store, clock)
    assert receipt.rejected == 50
    assert 1 < record.reject_lines < 10

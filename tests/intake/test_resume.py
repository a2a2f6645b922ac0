"""An import that was killed goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import ChangeSetDecided
from tallystick.core.identifiers import Imei
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment, parse_moment
from tallystick.fleet import ledger
from tallystick.intake import ImportOptions, Listeners, Progress, bulk, import_file
from tests.dying import die, import_and_die
from tests.intake.fleets import fleet, write_file
from tests.intake.undisturbed import Imported, check_same, imported_at_once, load_fleet
from tests.kept import everything_in, rule_of

if TYPE_CHECKING:
    from tallystick.core.ledger import ChangeSet
    from tallystick.intake import KindName, Reject
    from tallystick.store import Store

SLICE_FACTS = 100
ROWS_MIN = 50
LAST = parse_moment("2027-01-01")


def die_importing(
    database: str, kind: KindName, path: Path, *, slices: int = 0, rows: int = 0
) -> None:
    """Import in a process of its own that kills itself.

    It does so when so many slices are committed, or at a row that it prints within a transaction.
    """
    die(import_and_die, database, kind, str(path), SLICE_FACTS, slices, rows)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices as small as those of the process that dies."""
    monkeypatch.setattr(bulk, "SLICE_FACTS", SLICE_FACTS)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", SLICE_FACTS)
    monkeypatch.setattr(bulk, "BATCH_FACTS", 4 * SLICE_FACTS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of SIMs, expectations, and activations with repeats and bad lines."""
    folder, whole = tmp_path_factory.mktemp("files"), fleet(450)
    for kind in ("sims", "expectations"):
        write_file(folder / kind, kind, whole[kind], UTC)
    path = write_file(folder / "activations", "activations", whole["activations"], UTC)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join([*lines[:100], b"bad\n", *lines[100:500], b"bad\n", *lines[500:], b"bad\n"])
    )
    assert len(lines) > 8 * SLICE_FACTS
    return folder


@pytest.fixture
def activations(store: Store, files: Path, tmp_path: Path) -> Path:
    """The file of activations, and a store with the SIMs and expectations of the others."""
    load_fleet(store, files)
    return Path(shutil.copy(files / "activations.csv", tmp_path))


@pytest.fixture(scope="module")
def at_once(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """What one undisturbed import of the same files makes of them."""
    return imported_at_once(files, tmp_path_factory.mktemp("at_once"))


@pytest.mark.parametrize(
    "death",
    [{"slices": 1}, {"slices": 4}, {"slices": 5}, {"slices": 9}, {"rows": 1}, {"rows": 30}],
    ids=str,
)
def test_a_killed_import_goes_on_and_its_receipt_is_the_whole_files(
    store: Store,
    database: str,
    activations: Path,
    at_once: Imported,
    death: dict[str, int],
) -> None:
    die_importing(database, "activations", activations, **death)
    halfway = everything_in(store)
    assert halfway.kept == rule_of(
        halfway
    )  # the kept answer follows from whatever facts were committed
    if "slices" in death:
        assert 0 < len(halfway.activations) <= death["slices"] * SLICE_FACTS
    facts_taken: list[int] = []
    rejects: list[Reject] = []
    receipt = import_file(
        store,
        "activations",
        str(activations),
        listeners=Listeners(
            on_progress=lambda progress: facts_taken.append(progress.facts),
            on_reject=rejects.append,
        ),
    )
    check_same(store, receipt, at_once, ROWS_MIN)
    assert len(rejects) == 3
    assert facts_taken[-1] == receipt.accepted + receipt.duplicate


def test_facts_that_were_committed_are_not_taken_in_again(
    store: Store, database: str, activations: Path, at_once: Imported
) -> None:
    """Otherwise they would be counted as duplicates."""
    die_importing(database, "activations", activations, slices=6)
    receipt = import_file(store, "activations", str(activations))
    assert receipt.duplicate == at_once[0].duplicate


def test_it_may_be_killed_again_and_again(
    store: Store, database: str, activations: Path, at_once: Imported
) -> None:
    die_importing(database, "activations", activations, slices=5)
    die_importing(
        database, "activations", activations, slices=2
    )  # while passing over what is there
    die_importing(database, "activations", activations, rows=20)
    die_importing(
        database, "activations", activations, slices=7
    )  # slices passed over are counted too
    check_same(store, import_file(store, "activations", str(activations)), at_once, ROWS_MIN)


def test_another_size_of_slices_goes_on_at_the_right_fact(
    store: Store,
    database: str,
    activations: Path,
    at_once: Imported,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    die_importing(database, "activations", activations, slices=3)
    monkeypatch.setattr(bulk, "SLICE_FACTS", 70)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", 70)
    check_same(store, import_file(store, "activations", str(activations)), at_once, ROWS_MIN)


def test_an_import_that_was_interrupted_in_this_process_goes_on_too(
    store: Store, activations: Path, at_once: Imported
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.facts:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(
            store, "activations", str(activations), listeners=Listeners(on_progress=interrupt)
        )
    assert 0 < len(everything_in(store).activations) <= SLICE_FACTS
    check_same(store, import_file(store, "activations", str(activations)), at_once, ROWS_MIN)


def test_a_finished_one_run_again_is_harmless(store: Store, activations: Path) -> None:
    first = import_file(store, "activations", str(activations))
    before = everything_in(store)
    again = import_file(store, "activations", str(activations))
    assert everything_in(store) == before
    assert (again.accepted, again.duplicate, again.read) == (
        0,
        first.accepted + first.duplicate,
        first.read,
    )


def test_a_file_that_was_changed_since_begins_anew(
    store: Store, database: str, activations: Path
) -> None:
    die_importing(database, "activations", activations, slices=3)
    lines = activations.read_bytes().splitlines(keepends=True)
    activations.write_bytes(b"".join([lines[0], *lines[:0:-1]]))
    os.utime(activations, ns=(1, 1))
    receipt = import_file(store, "activations", str(activations))
    assert receipt.read == len(lines) - 1
    everything = everything_in(store)
    assert len(everything.activations) == len({line for line in lines[1:] if line != b"bad\n"})
    assert everything.kept == rule_of(everything)


# Expectations: one change set, however often the import was killed


@pytest.fixture
def corrections(store: Store, tmp_path: Path) -> Path:
    """A store with expectations, and a file that corrects half of them and adds others."""
    whole = list(dict.fromkeys(fleet(900)["expectations"]))
    import_file(
        store, "expectations", str(write_file(tmp_path / "first", "expectations", whole, UTC))
    )
    moved = [fact._replace(imei=Imei.parse("990003420535573")) for fact in whole[::2]]
    later = [fact._replace(effective_from=LAST) for fact in whole[::3]]
    path = write_file(tmp_path / "second", "expectations", [*moved, *later], UTC)
    assert len(moved) + len(later) > 5 * SLICE_FACTS
    return path


def change_sets_of(store: Store) -> list[ChangeSet]:
    """The first first."""
    with store.snapshot() as reader:
        return reader.change_sets(1 << 62, 100)[::-1]


def test_a_file_of_expectations_that_was_killed_twice_is_one_change_set_and_is_undone_as_one(
    store: Store, database: str, corrections: Path
) -> None:
    before = everything_in(store)
    die_importing(database, "expectations", corrections, slices=2)
    assert [each.state for each in change_sets_of(store)] == ["applied", "applying"]
    die_importing(database, "expectations", corrections, slices=4)
    receipt = import_file(
        store,
        "expectations",
        str(corrections),
        options=ImportOptions(origin=Origin("ann", Moment(5))),
    )
    first, second = change_sets_of(store)
    assert (second.state, second.source, second.decided_at) == ("applied", "import", 5)
    assert second.added + second.corrected == receipt.accepted == receipt.read
    digest = hashlib.sha256(corrections.read_bytes()).hexdigest()
    assert second.detail == f"{corrections} sha256:{digest}"
    assert everything_in(store) != before
    ledger.undo(store, second.change_set_id, Origin("bob", Moment(6)))
    assert everything_in(store) == before
    assert first.added == len(before.expectations)


def test_what_a_killed_import_brought_can_be_undone_and_the_file_then_begins_anew(
    store: Store, database: str, corrections: Path
) -> None:
    before = everything_in(store)
    die_importing(database, "expectations", corrections, slices=3)
    half = change_sets_of(store)[-1]
    assert (half.state, everything_in(store) != before) == ("applying", True)
    ledger.undo(store, half.change_set_id, Origin("bob", Moment(6)))
    assert everything_in(store) == before
    receipt = import_file(store, "expectations", str(corrections))
    assert receipt.accepted == receipt.read
    assert [each.state for each in change_sets_of(store)] == [
        "applied",
        "undone",
        "applied",
        "applied",
    ]


def test_an_import_that_is_undone_while_it_runs_stops(store: Store, corrections: Path) -> None:
    before = everything_in(store)

    def undo(progress: Progress) -> None:
        last = change_sets_of(store)[-1]
        if progress.facts and last.state == "applying":
            ledger.undo(store, last.change_set_id, Origin("bob", Moment(6)))

    with pytest.raises(ChangeSetDecided, match="was undone while its file"):
        import_file(store, "expectations", str(corrections), listeners=Listeners(on_progress=undo))
    assert everything_in(store) == before


def test_a_file_that_changes_nothing_is_no_change_set(store: Store, corrections: Path) -> None:
    import_file(store, "expectations", str(corrections))
    assert import_file(store, "expectations", str(corrections)).accepted == 0
    assert len(change_sets_of(store)) == 2

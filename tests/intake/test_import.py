"""A file of facts into the store: receipt, formats, and slices that nobody should notice."""

from __future__ import annotations

import io
import sys
from datetime import UTC
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.window import Window
from tallystick.intake import (
    Doubt,
    DoubtName,
    Doubts,
    ImportOptions,
    LinesLimit,
    Listeners,
    Progress,
    Receipt,
    bulk,
    import_file,
)
from tallystick.intake.sources import limits
from tallystick.store import open_store, shortlist
from tallystick.thingspace.rows import wire_row
from tests.intake.fleets import ACCOUNTS, FACTS, FORMATS, fleet, take_all, write_file
from tests.kept import everything_in, report_of, rule_of
from tests.worlds import MOMENTS, facts, rows_by_the_rule

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.intake import KindName
    from tallystick.store import Store
    from tests.engines import Stores
    from tests.worlds import Fact

SIM_HEADER = "iccid,mdn,account,activation_date,generation\n"
SIM = "89148000000800000001,5096300001,0342077109-00001,2026-03-01,4G\n"
HOME, FOREIGN = "352099001761481", "357152091234562"
EVERYTHING = Window(Moment(MOMENTS[0] - 10**15), Moment(MOMENTS[-1] + 10**15))


def take(store: Store, path: Path, kind: KindName, text: str) -> Receipt:
    """Import a text as CSV."""
    path.write_text(text, "utf-8")
    return import_file(store, kind, str(path))


def counts(receipt: Receipt) -> tuple[int, int, int, int]:
    """Read, accepted, duplicate, rejected."""
    return receipt.read, receipt.accepted, receipt.duplicate, receipt.rejected


# Receipts


def test_every_line_is_accepted_a_duplicate_or_rejected(store: Store, tmp_path: Path) -> None:
    receipt = take(
        store,
        tmp_path / "a.csv",
        "sims",
        SIM_HEADER + SIM + "\n" + "bad\n" + SIM + SIM.replace("1,5", "2,5"),
    )
    assert counts(receipt) == (4, 2, 1, 1)
    assert receipt.seconds > 0


def test_repeats_are_counted_and_not_stored_twice(store: Store, tmp_path: Path) -> None:
    line = f"89148000000800000001,{HOME},2026-03-01\n"
    header = "iccid,imei,activated_at\n"
    assert counts(take(store, tmp_path / "a.csv", "activations", header + line * 3)) == (3, 1, 2, 0)
    assert counts(take(store, tmp_path / "b.csv", "activations", header + line * 2)) == (2, 0, 2, 0)
    assert len(everything_in(store).activations) == 1


def test_the_same_moment_written_otherwise_is_a_repeat(store: Store, tmp_path: Path) -> None:
    lines = [
        "2026-03-01T08:00:00Z",
        "2026-03-01T00:00:00-08:00",
        "2026-03-01T00:00:00-08:00Z",
        "2026-03-01 08:00",
    ]
    text = "".join(f"89148000000800000001,{HOME},{line}\n" for line in lines)
    assert counts(
        take(store, tmp_path / "a.csv", "activations", "iccid,imei,activated_at\n" + text)
    ) == (4, 1, 3, 0)


@pytest.mark.parametrize("kind", FACTS.values())
def test_a_file_taken_in_twice_is_all_duplicates(
    store: Store, tmp_path: Path, kind: KindName
) -> None:
    facts = fleet(60)[kind]
    first = import_file(store, kind, str(write_file(tmp_path / "a", kind, facts, UTC)))
    again = import_file(store, kind, str(write_file(tmp_path / "b", kind, facts, UTC)))
    assert counts(first) == (len(facts), len(set(facts)), len(facts) - len(set(facts)), 0)
    assert counts(again) == (len(facts), 0, len(facts), 0)


def test_accounts_that_were_not_known_are_named_once(store: Store, tmp_path: Path) -> None:
    other = SIM.replace("0342077109-00001", "another").replace("1,5", "2,5")
    receipt = take(
        store, tmp_path / "a.csv", "sims", SIM_HEADER + SIM + other + SIM.replace("1,5", "3,5")
    )
    assert receipt.accounts_made == ["0342077109-00001", "another"]
    assert take(store, tmp_path / "b.csv", "sims", SIM_HEADER + SIM).accounts_made == []


def test_accounts_of_groups_are_named_too(store: Store, tmp_path: Path) -> None:
    receipt = take(
        store, tmp_path / "a.csv", "groups", "account,group,iccid\na,g,89148000000800000001\n"
    )
    assert receipt.accounts_made == ["a"]


def test_accounts_of_refused_lines_are_not_made(store: Store, tmp_path: Path) -> None:
    assert (
        take(
            store, tmp_path / "a.csv", "sims", SIM_HEADER + SIM.replace("2026-03-01", "soon")
        ).accounts_made
        == []
    )


def test_receipts_of_several_files_add_up() -> None:
    first, second, whole = (
        Doubts({DoubtName.UNKNOWN_SIMS: Doubt(count, examples)}, {"add": count})
        for count, examples in ((1, ("b",)), (10, ("a", "b")), (11, ("a", "b")))
    )
    both = Receipt(1, 2, 3, 4.0, ["a"], doubts=first)
    both.add(Receipt(10, 20, 30, 40.0, ["b"], doubts=second))
    assert both == Receipt(11, 22, 33, 44.0, ["a", "b"], doubts=whole)
    described = both.described()
    told = described.pop("doubts")["unknown_sims"]
    assert "--check-digit add" in told.pop("advice")
    known_with = {"add": 11, "strip": 0}
    assert told == {"count": 11, "examples": ["a", "b"], "known_with": known_with}
    assert described | {"rejects": 0} == dict.fromkeys(DoubtName, 0) | {
        "read": 66,
        "accepted": 11,
        "duplicate": 22,
        "rejected": 33,
        "unknown_sims": 11,
        "unattributed": 0,
        "seconds": 44.0,
        "accounts_made": ["a", "b"],
        "rejects": 0,
    }


# Of two values for one key the later line counts


def test_the_later_line_of_a_sim_counts(store: Store, tmp_path: Path) -> None:
    moved = SIM.replace("0342077109-00001", "another").replace("5096300001", "5096300002")
    receipt = take(
        store, tmp_path / "a.csv", "sims", SIM_HEADER + SIM + SIM.replace("1,5", "2,5") + moved
    )
    kept = {str(sim.iccid)[-1]: (sim.account, str(sim.mdn)) for sim in everything_in(store).sims}
    assert kept == {"1": ("another", "5096300002"), "2": ("0342077109-00001", "5096300001")}
    assert counts(receipt) == (3, 3, 0, 0)


def test_the_later_line_counts_also_where_only_one_of_them_is_plain(
    store: Store, tmp_path: Path
) -> None:
    """Plain lines are read a block at a time, the others one by one: their order is kept."""
    plain = SIM.replace("2026-03-01", "2026-03-01T00:00:00Z")
    other = plain.replace("0342077109-00001", "Ünïcode")
    take(store, tmp_path / "a.csv", "sims", SIM_HEADER + other + plain)
    assert [sim.account for sim in everything_in(store).sims] == ["0342077109-00001"]
    take(store, tmp_path / "b.csv", "sims", SIM_HEADER + plain + other)
    assert [sim.account for sim in everything_in(store).sims] == ["Ünïcode"]


def test_the_last_of_ten_thousand_lines_of_one_sim_counts(store: Store, tmp_path: Path) -> None:
    lines = [f"8914800000080000000{number % 3},{10**14 + number}\n" for number in range(10_000)]
    take(store, tmp_path / "a.csv", "expectations", "iccid,imei\n" + "".join(lines))
    assert [str(each.imei) for each in everything_in(store).expectations] == [
        "100000000009999",
        "100000000009997",
        "100000000009998",
    ]


def test_the_later_line_of_an_expectation_counts(store: Store, tmp_path: Path) -> None:
    lines = (
        f"89148000000800000001,{FOREIGN}\n"
        f"89148000000800000002,{HOME}\n"
        f"89148000000800000001,{HOME}\n"
    )
    take(store, tmp_path / "a.csv", "expectations", "iccid,imei\n" + lines)
    assert [str(each.imei) for each in everything_in(store).expectations] == [HOME, HOME]


def test_the_later_line_of_a_group_counts(store: Store, tmp_path: Path) -> None:
    lines = "a,one,89148000000800000001\nb,one,89148000000800000001\na,two,89148000000800000001\n"
    take(store, tmp_path / "a.csv", "groups", "account,group,iccid\n" + lines)
    with store.snapshot() as reader:
        account_id = reader.accounts()["a"]
        assert reader.group_id(account_id, "one") != reader.group_id(account_id, "two")
    take(store, tmp_path / "s.csv", "sims", SIM_HEADER + SIM.replace("0342077109-00001", "a"))
    take(store, tmp_path / "e.csv", "expectations", f"iccid,imei\n89148000000800000001,{HOME}\n")
    take(
        store,
        tmp_path / "v.csv",
        "activations",
        f"iccid,imei,activated_at\n89148000000800000001,{FOREIGN},2026-03-01\n",
    )
    assert len(report_of(store, EVERYTHING, "a", group="two")) == 1
    assert report_of(store, EVERYTHING, "a", group="one") == []


def test_the_later_of_two_lines_many_lines_apart_counts_whatever_the_slices(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE_FACTS", 7)
    monkeypatch.setattr(bulk, "BATCH_FACTS", 20)
    numbers = [*range(50), *range(50)]
    lines = [
        f"8914800000080000{number:04d},{HOME[:-2]}{place // 50}0\n"
        for place, number in enumerate(numbers)
    ]
    take(store, tmp_path / "a.csv", "expectations", "iccid,imei\n" + "".join(lines))
    assert {str(each.imei)[-2] for each in everything_in(store).expectations} == {"1"}


# Formats


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_store(store: Store, tmp_path: Path, form: str) -> None:
    whole = fleet(120)
    for kind, of_kind in whole.items():
        path = write_file(tmp_path / kind, kind, of_kind, ZoneInfo("America/Los_Angeles"), form)
        receipt = import_file(store, kind, str(path))
        assert counts(receipt) == (
            len(of_kind),
            len(set(of_kind)),
            len(of_kind) - len(set(of_kind)),
            0,
        )
    everything = everything_in(store)
    assert everything.sims == sorted(set(whole["sims"]))
    assert everything.expectations == sorted(set(whole["expectations"]))
    assert everything.activations == sorted(set(whole["activations"]))
    assert everything.kept == rule_of(everything)
    assert len(everything.kept) > 10
    with open_store(f"sqlite:///{tmp_path}/other.db", wire_row) as other:
        other.init("UTC")
        take_all(other, [fact for of_kind in whole.values() for fact in of_kind])
        assert everything_in(other) == everything
        for account in ACCOUNTS:
            for group in ("group 0", "group 1", "group 2", None):
                rows = report_of(store, EVERYTHING, account, group=group)
                assert rows == report_of(other, EVERYTHING, account, group=group)


def test_standard_input_is_csv(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = []
    for _ in range(2):  # it is never taken for one that was read before
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO((SIM_HEADER + SIM + "bad\n").encode()))
        )
        receipts.append(import_file(store, "sims", "-"))
    assert [counts(receipt) for receipt in receipts] == [(2, 1, 0, 1), (2, 0, 1, 1)]
    assert len(everything_in(store).sims) == 1


# Slices and progress


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(facts, st.integers(1, 20), st.integers(1, 30), st.integers(1, 40))
def test_files_of_any_facts_in_any_slices_give_the_rows_of_the_rule(
    tmp_path_factory: pytest.TempPathFactory,
    stores: Stores,
    world: list[Fact],
    slice_facts: int,
    transaction_facts: int,
    batch_facts: int,
) -> None:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch, stores.fresh() as store:
        patch.setattr(bulk, "SLICE_FACTS", slice_facts)
        patch.setattr(bulk, "STRETCH_FACTS", 2 * slice_facts)
        patch.setattr(bulk, "TRANSACTION_FACTS_MAX", transaction_facts)
        patch.setattr(shortlist, "DENSE_SIMS_MIN", 1)
        patch.setattr(bulk, "BATCH_FACTS", batch_facts)
        for kind, name in FACTS.items():
            of_kind = [fact for fact in world if type(fact) is kind]
            # half seconds do not print: double the counts
            path = write_file(folder / name, name, [_whole_seconds(fact) for fact in of_kind], UTC)
            assert import_file(store, name, str(path)).read == len(of_kind)
        assert everything_in(store).kept == [
            row.wire for row in rows_by_the_rule([_whole_seconds(f) for f in world])
        ]


def _whole_seconds(fact: Fact) -> Fact:
    """The same fact with its moments twice as far apart, so that a printed second tells them."""
    match fact:
        case Sim():
            return fact._replace(activation_date=_doubled(fact.activation_date))
        case SimExpectation():
            return fact._replace(effective_from=_doubled(fact.effective_from))
        case SimActivation():
            return fact._replace(activated_at=_doubled(fact.activated_at))
        case GroupMember():
            return fact


def _doubled(moment: Moment | None) -> Moment:
    assert moment is not None
    return moment if moment == BEGINNING else Moment(MOMENTS[0] + 2 * (moment - MOMENTS[0]))


def test_a_crowd_of_sims_in_one_slice_has_the_rows_of_the_rule(
    store: Store, tmp_path: Path
) -> None:
    """From a thousand touched SIMs on the store asks another question of its facts."""
    whole = fleet(3000)
    for kind in ("activations", "expectations", "sims"):
        import_file(store, kind, str(write_file(tmp_path / kind, kind, whole[kind], UTC)))
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)
    assert len(everything.kept) > 500


@pytest.mark.parametrize("form", ["csv", "csv.gz", "ndjson", "parquet of texts"])
@pytest.mark.parametrize(
    "options",
    [ImportOptions(), ImportOptions(max_rejects=LinesLimit.parse("1%"))],
    ids=["once", "checked first"],
)
def test_progress_grows_while_a_file_is_read_and_while_it_is_applied(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, options: ImportOptions
) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(bulk, "SLICE_FACTS", 50)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", 50)
    path = write_file(tmp_path / "a", "sims", fleet(100)["sims"], UTC, form)
    seen: list[Progress] = []
    columns: list[tuple[str, ...]] = []
    import_file(
        store,
        "sims",
        str(path),
        options=options,
        listeners=Listeners(on_progress=seen.append, on_columns=columns.append),
    )
    shares = [each.share for each in seen if each.share is not None]
    assert len(shares) == len(seen)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1
    passes = 2 if options.max_rejects else 1
    read = pytest.approx(passes / (passes + 1))
    assert read in [each.share for each in seen if each.facts == 0]
    assert list(dict.fromkeys(each.facts for each in seen)) == [0, 50, 100, 110]
    assert set(columns) == {("iccid", "mdn", "account", "activation_date", "generation")}


def test_progress_through_several_batches_never_goes_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second half stands on an estimate of how many facts there are, which even lines keep."""
    monkeypatch.setattr(limits, "BLOCK_BYTES", 4 * len(SIM))
    monkeypatch.setattr(bulk, "BATCH_FACTS", 8)
    monkeypatch.setattr(bulk, "SLICE_FACTS", 2)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", 2)
    path = tmp_path / "a.csv"
    path.write_text(SIM_HEADER + SIM * 100, "utf-8")
    seen: list[float] = []
    import_file(
        store,
        "sims",
        str(path),
        listeners=Listeners(on_progress=lambda progress: seen.append(progress.share or 0.0)),
    )
    assert seen[-1] == 1
    assert all(later > earlier - 0.05 for earlier, later in pairwise(seen))


def test_how_far_standard_input_has_come_is_not_known_unless_it_is_checked_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options, known in (
        (ImportOptions(), False),
        (ImportOptions(max_rejects=LinesLimit.parse("0")), True),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((SIM_HEADER + SIM).encode())))
        seen: list[Progress] = []
        import_file(
            store, "sims", "-", options=options, listeners=Listeners(on_progress=seen.append)
        )
        assert seen.pop() == Progress(1.0, 1)
        assert {each.share is not None for each in seen} == {known}

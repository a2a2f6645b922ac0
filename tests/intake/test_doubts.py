"""Lines that were taken in and look doubtful are counted, however the file is cut."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core import suspicious_values as values
from tallystick.core.allowed import HARDWARE, Allowed, allowed, is_model
from tallystick.core.errors import TooManyDoubts
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Imsi, Msisdn
from tallystick.core.identities import Subscriber
from tallystick.core.moments import Moment, parse_moment
from tallystick.intake import (
    KINDS,
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
from tallystick.intake import suspicious_columns as columns
from tallystick.intake.doubt_kinds import doubt_of
from tallystick.intake.doubts import doubts_of_hardware, doubts_of_sims, doubts_of_values
from tallystick.store import hardware
from tests import worlds
from tests.examples import examples
from tests.kept import everything_in
from tests.store.few import take as take_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.intake import KindName
    from tallystick.store import Store
    from tests.engines import Stores

DIGITS = "0123456789"
NOW = parse_moment("2026-06-01T12:00:00Z")
HEADER = "iccid,imei,activated_at\n"
HOME, FOREIGN = "352099001761481", "357152091234565"
STRIPPED = "13327001234568"  # 013327001234568 without its zero
KNOWN, EXPECTED, UNKNOWN = ("89148000000800000011", "89148000000800000029", "89148000000800000037")

imeis = st.one_of(
    st.text(DIGITS, min_size=14, max_size=16),
    st.builds("1{}".format, st.text(DIGITS, min_size=13, max_size=15)),
    st.sampled_from(["0" * 15, "7" * 14, "123456789012345", "35209900"]),
).map(Allowed.parse)
iccids = st.one_of(
    st.builds("89{}".format, st.text(DIGITS, min_size=16, max_size=18)),
    st.builds("89{:013d}{}".format, st.integers(0, 10**13 - 1), st.sampled_from(["000", "00000"])),
).map(Iccid.parse)


# Numbers with check digits among them: of any digits, one in ten has its own.
whole_numbers = st.sampled_from(
    ["352099001761481", "990003420535573", "295050900000011"]
) | st.text("0123456789", min_size=14, max_size=15)
subscribers = (
    whole_numbers.map(Imsi.parse).map(Subscriber.of_imsi)
    | whole_numbers.map(Msisdn.parse).map(Subscriber.of_msisdn)
    | st.just(0)
)


def column_of(numbers: list[int]) -> pl.Series:
    """A column as a frame of facts has it."""
    return pl.Series(numbers, dtype=pl.Int64)


@pytest.mark.parametrize(
    ("alone", "column", "given_values"),
    [
        (values.lacks_check_digit, columns.lacking_check_digits, iccids),
        (values.ends_in_zeros, columns.ending_in_zeros, iccids),
        (values.has_stripped_zeros, columns.stripped_zeros, imeis),
        (values.is_placeholder_imei, columns.placeholders, imeis),
    ],
)
def test_a_column_at_once_gives_what_the_rule_gives_one_by_one(
    alone: Callable[[int], object],
    column: Callable[[pl.Series], pl.Series],
    given_values: st.SearchStrategy[int],
) -> None:
    @settings(deadline=None, max_examples=50)
    @given(st.lists(given_values, max_size=30))
    def compare(numbers: list[int]) -> None:
        assert column(column_of(numbers)).to_list() == [alone(number) for number in numbers]

    compare()


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            SimActivation,
            iccids,
            st.integers(NOW - 2, NOW + 2).map(Moment),
            st.text(DIGITS, min_size=14, max_size=16).map(Imei.parse),
        ),
        max_size=30,
    )
)
def test_a_frame_and_a_call_of_the_same_facts_have_the_same_doubts(
    facts: list[SimActivation],
) -> None:
    kind = KINDS["activations"]
    frame = pl.DataFrame(facts, schema=kind.fact_columns, orient="row")
    assert doubts_of_values(kind, frame, NOW) == doubts_of_values(kind, facts, NOW)


BY_RIGHT = "891480000000005000"  # the last of its zeros is its check digit


@pytest.mark.parametrize(
    ("iccids", "rounded"),
    [
        ([BY_RIGHT, KNOWN], 0),
        ([BY_RIGHT], 0),
        ([BY_RIGHT] * 3, 3),
        ([*[f"89148{number:013d}" for number in range(1, 301)], BY_RIGHT, BY_RIGHT], 0),
        (["89148000000800000000", KNOWN], 1),
    ],
    ids=["beside others", "alone", "nothing else", "two in 302", "with a wrong check digit"],
)
def test_an_iccid_that_ends_in_zeros_by_right_is_no_doubt(iccids: list[str], rounded: int) -> None:
    facts = [SimActivation(Iccid.parse(each), NOW, Imei.parse(HOME)) for each in iccids]
    doubts = doubts_of_values(KINDS["activations"], facts, NOW)
    assert doubts[DoubtName.ICCID_ROUNDED].count == rounded


@pytest.fixture
def known(store: Store, tmp_path: Path) -> Store:
    """A store that has loaded one SIM, and expects another that it has not."""
    take(store, tmp_path, "sims", f"iccid,account,activation_date\n{KNOWN},A-1,2026-03-01\n")
    take(store, tmp_path, "expectations", f"iccid,imei\n{EXPECTED},{HOME}\n")
    return store


def take(store: Store, folder: Path, kind: KindName, text: str) -> Receipt:
    """Import a text as CSV, at a fixed moment."""
    path = folder / f"{kind}.csv"
    path.write_text(text, "utf-8")
    return import_file(store, kind, str(path), options=ImportOptions(NOW))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(subscribers, imeis), max_size=30))
def test_swapped_columns_are_seen_in_a_column_as_one_by_one(pairs: list[tuple[int, int]]) -> None:
    frame = pl.DataFrame(pairs, schema={"iccid": pl.Int64, "imei": pl.Int64}, orient="row")
    assert columns.swapped(frame).to_list() == [values.are_swapped(*pair) for pair in pairs]


def counts(doubts: Doubts) -> dict[str, int]:
    """The counts of the doubts that have lines."""
    return {name: count for name, count in doubts.counts().items() if count}


def test_each_doubt_counts_its_lines_and_all_of_them_are_taken(
    known: Store, tmp_path: Path
) -> None:
    lines = [
        f"{KNOWN},{HOME},2026-03-01",
        f"{EXPECTED},{HOME},2026-03-01",
        f"{UNKNOWN},{HOME},2026-03-01",
        f"{UNKNOWN},{HOME},2026-03-02",
        f"{KNOWN},{STRIPPED},2026-03-03",
        f"{KNOWN},{HOME},2026-06-01T12:00:00Z",
        f"{KNOWN},{HOME},2026-06-01T12:00:01",
        f"{UNKNOWN},{STRIPPED},2062-06-01",
    ]
    receipt = take(known, tmp_path, "activations", HEADER + "\n".join(lines))
    assert counts(receipt.doubts) == {
        "unknown_sims": 4,
        "stripped_zeros": 2,
        "in_future": 2,
        "without_zone": 1,
    }
    assert receipt.doubts[DoubtName.UNKNOWN_SIMS].examples == (EXPECTED, UNKNOWN)
    assert receipt.doubts[DoubtName.STRIPPED_ZEROS].examples == (STRIPPED,)
    assert (receipt.accepted, receipt.rejected) == (8, 0)
    assert len(everything_in(known).activations) == 8


def test_a_repeated_line_is_as_doubtful_as_the_first(known: Store, tmp_path: Path) -> None:
    text = f"{HEADER}{UNKNOWN},{HOME},2026-03-01\n"
    take(known, tmp_path, "activations", text)
    again = take(known, tmp_path, "activations", text + "bad\n")
    assert (again.duplicate, again.rejected, counts(again.doubts)) == (1, 1, {"unknown_sims": 1})


def test_a_sim_is_no_doubt_once_it_is_loaded(known: Store, tmp_path: Path) -> None:
    text = f"{HEADER}{UNKNOWN},{HOME},2026-03-01\n"
    assert counts(take(known, tmp_path, "activations", text).doubts) == {"unknown_sims": 1}
    take(known, tmp_path, "sims", f"iccid,account,activation_date\n{UNKNOWN},A-1,2026-03-01\n")
    assert counts(take(known, tmp_path, "activations", text).doubts) == {}


def test_hardware_is_shared_by_the_last_expectation_of_each_sim_in_the_file_and_the_store(
    known: Store, tmp_path: Path
) -> None:
    header = "iccid,imei,effective_from\n"
    moved_on = f"{KNOWN},{HOME},2026-01-01\n{KNOWN},{FOREIGN},2026-02-01\n"
    receipt = take(known, tmp_path, "expectations", header + moved_on)
    assert DoubtName.SHARED_HARDWARE not in receipt.doubts.by_name
    receipt = take(known, tmp_path, "expectations", f"{header}{KNOWN},{HOME},2026-03-01\n")
    assert receipt.doubts[DoubtName.SHARED_HARDWARE].count == 1
    ended = f"{header}{EXPECTED},none,2026-03-01\n{KNOWN},{HOME},2026-03-01\n"
    receipt = take(known, tmp_path, "expectations", ended)
    assert DoubtName.SHARED_HARDWARE not in receipt.doubts.by_name


@pytest.mark.parametrize("many_from", [1, 1_000], ids=["as of many", "as of few"])
def test_doubts_that_the_store_shows_are_those_of_a_plain_look_at_all_facts(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, many_from: int
) -> None:
    monkeypatch.setattr(hardware, "DENSE_ROWS_MIN", many_from)
    kind = KINDS["expectations"]

    @examples(50)
    @given(
        st.lists(worlds.sims | worlds.expectations, max_size=12),
        st.lists(worlds.expectations, max_size=12),
    )
    def compare(stored: list[Sim | SimExpectation], brought: list[SimExpectation]) -> None:
        with stores.fresh() as store:
            take_facts(store, *stored)
            with store.snapshot() as reader:
                of_hardware = doubts_of_hardware(reader, kind, brought)
                of_sims = doubts_of_sims(reader, kind, brought)
        shared = imeis_in_shared_hardware(stored, brought)
        assert of_hardware[DoubtName.SHARED_HARDWARE] == doubt_of(len(shared), map(str, shared))
        loaded = {fact.iccid for fact in stored if isinstance(fact, Sim)}
        unknown = [fact.iccid for fact in brought if fact.iccid not in loaded]
        assert of_sims[DoubtName.UNKNOWN_SIMS] == doubt_of(len(unknown), map(str, unknown))

    compare()


def imeis_in_shared_hardware(
    stored: list[Sim | SimExpectation], brought: list[SimExpectation]
) -> list[Allowed]:
    """The IMEI of each line that places a SIM where it is expected last, and another SIM too."""
    expectations = [fact for fact in (*stored, *brought) if isinstance(fact, SimExpectation)]
    by_key = {(fact.iccid, fact.effective_from): fact.imei for fact in expectations}
    last = {iccid: value for (iccid, _), value in sorted(by_key.items(), key=lambda each: each[0])}
    sims_in = defaultdict[int, set[Iccid]](set)
    for iccid, value in last.items():
        if value >= 0 and not is_model(value):
            sims_in[value // HARDWARE].add(iccid)
    several = {number: sims for number, sims in sims_in.items() if len(sims) > 1}
    return [
        allowed(fact.imei)
        for fact in brought
        if fact.imei >= 0
        and not is_model(fact.imei)
        and fact.iccid in several.get(fact.imei // HARDWARE, ())
    ]


MANY = "iccid,imei,effective_from\n" + "".join(
    f"8914800000080000{number:03d},{HOME if number % 3 else FOREIGN},2026-0{1 + number % 2}-01\n"
    f"8914800000080000{number:03d},{'0' * 15},2026-0{1 + number % 3}-01\n"
    for number in range(40)
)


def test_the_doubts_do_not_depend_on_how_a_file_is_cut(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = take(store, tmp_path, "expectations", MANY).doubts
    monkeypatch.setattr(bulk, "STRETCH_FACTS", 7)
    monkeypatch.setattr(bulk, "SLICE_FACTS", 3)
    in_parts = take(store, tmp_path, "expectations", MANY).doubts
    assert in_parts == whole
    assert {"several_values", "shared_hardware", "unknown_sims"} <= counts(whole).keys()


def test_a_file_with_more_doubts_than_allowed_is_refused_whole(
    known: Store, tmp_path: Path
) -> None:
    path = tmp_path / "activations.csv"
    path.write_text(f"{HEADER}{UNKNOWN},{STRIPPED},2026-03-01\n", "utf-8")
    with pytest.raises(TooManyDoubts, match="2 doubts about 1 lines, more than --max-doubts 1"):
        import_file(
            known,
            "activations",
            str(path),
            options=ImportOptions(NOW, max_doubts=LinesLimit.parse("1")),
        )
    assert everything_in(known).activations == []
    options = ImportOptions(NOW, max_doubts=LinesLimit.parse("2"))
    assert import_file(known, "activations", str(path), options=options).accepted == 1


def test_a_file_that_goes_on_has_the_doubts_of_all_of_its_lines(
    known: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE_FACTS", 2)
    monkeypatch.setattr(bulk, "TRANSACTION_FACTS_MAX", 2)
    path = tmp_path / "activations.csv"
    path.write_text(
        HEADER + "".join(f"{UNKNOWN},{HOME},2026-03-0{day}\n" for day in range(1, 6)), "utf-8"
    )

    def interrupt(progress: Progress) -> None:
        if progress.facts:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(known, "activations", str(path), listeners=Listeners(on_progress=interrupt))
    receipt = import_file(known, "activations", str(path))
    assert (receipt.accepted, counts(receipt.doubts)) == (5, {"unknown_sims": 5})

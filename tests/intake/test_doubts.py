"""Accepted lines that look doubtful are counted: unknown SIMs, stripped zeros, the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, parse_moment
from tallystick.core.suspicious_values import has_stripped_zeros
from tallystick.intake import (
    KINDS,
    Doubts,
    ImportOptions,
    Progress,
    Receipt,
    bulk,
    fast_parse,
    import_file,
)
from tallystick.intake.doubts import doubts_of
from tallystick.store import shortlist
from tests.kept import everything_in

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.intake import KindName
    from tallystick.store import Store

DIGITS = "0123456789"
NOW = parse_moment("2026-06-01T12:00:00Z")
HEADER = "iccid,imei,activated_at\n"
HOME = "352099001761481"
STRIPPED = "13327001234568"  # 013327001234568 without its zero
KNOWN, EXPECTED, UNKNOWN = (f"8914800000080000000{number}" for number in (1, 2, 3))

imeis = st.one_of(
    st.text(DIGITS, min_size=14, max_size=16),
    st.builds("1{}".format, st.text(DIGITS, min_size=13, max_size=15)),
).map(Imei.parse)
activations = st.builds(
    SimActivation,
    st.sampled_from([KNOWN, EXPECTED, UNKNOWN]).map(Iccid.parse),
    st.integers(NOW - 2, NOW + 2).map(Moment),
    imeis,
)


@settings(deadline=None)
@given(st.lists(imeis, max_size=30))
def test_a_column_at_once_gives_what_the_rule_gives_one_by_one(column: list[Imei]) -> None:
    suspected = fast_parse.stripped_zeros(pl.Series(column, dtype=pl.Int64))
    assert suspected.to_list() == [int(imei) for imei in column if has_stripped_zeros(imei)]


@settings(deadline=None)
@given(
    st.lists(activations, max_size=30),
    st.sets(st.sampled_from([KNOWN, EXPECTED, UNKNOWN]).map(Iccid.parse)),
)
def test_a_frame_and_a_call_of_the_same_facts_have_the_same_doubts(
    facts: list[SimActivation], unknown: set[Iccid]
) -> None:
    kind = KINDS["activations"]
    frame = pl.DataFrame(facts, schema=kind.fact_columns, orient="row")
    assert doubts_of(kind, frame, unknown, NOW) == doubts_of(kind, facts, unknown, NOW)


@pytest.fixture(params=[1, 1_000], ids=["judged beforehand", "taken as they come"])
def known(
    request: pytest.FixtureRequest, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A store that knows one SIM and expects another; few activations are shortlisted, or none."""
    monkeypatch.setattr(shortlist, "DENSE_SIMS_MIN", request.param)
    take(store, tmp_path, "sims", f"iccid,account,activation_date\n{KNOWN},A-1,2026-03-01\n")
    take(store, tmp_path, "expectations", f"iccid,imei\n{EXPECTED},{HOME}\n")
    return store


def take(store: Store, folder: Path, kind: KindName, text: str) -> Receipt:
    """Import a text as CSV, at a fixed moment."""
    path = folder / f"{kind}.csv"
    path.write_text(text, "utf-8")
    return import_file(store, kind, str(path), options=ImportOptions(NOW))


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
        f"{KNOWN},{HOME},2026-06-01T12:00:01Z",
        f"{UNKNOWN},{STRIPPED},2062-06-01",
    ]
    receipt = take(known, tmp_path, "activations", HEADER + "\n".join(lines))
    assert receipt.doubts == Doubts(unknown_sims=3, stripped_zeros=2, in_future=2)
    assert (receipt.accepted, receipt.rejected) == (8, 0)
    assert len(everything_in(known).activations) == 8


def test_a_repeated_line_is_as_doubtful_as_the_first(known: Store, tmp_path: Path) -> None:
    text = f"{HEADER}{UNKNOWN},{HOME},2026-03-01\n"
    take(known, tmp_path, "activations", text)
    again = take(known, tmp_path, "activations", text + "bad\n")
    assert (again.duplicate, again.rejected, again.doubts) == (1, 1, Doubts(unknown_sims=1))


def test_an_activation_of_an_unknown_sim_waits_and_is_no_doubt_once_it_is_known(
    known: Store, tmp_path: Path
) -> None:
    text = f"{HEADER}{UNKNOWN},{HOME},2026-03-01\n"
    assert take(known, tmp_path, "activations", text).doubts == Doubts(unknown_sims=1)
    take(known, tmp_path, "sims", f"iccid,account,activation_date\n{UNKNOWN},A-1,2026-03-01\n")
    assert take(known, tmp_path, "activations", text).doubts == Doubts()


def test_expectations_are_looked_at_for_stripped_zeros_alone(known: Store, tmp_path: Path) -> None:
    text = (
        f"iccid,imei,effective_from\n{UNKNOWN},{STRIPPED},2062-01-01\n{UNKNOWN},{HOME},2062-01-02\n"
    )
    assert take(known, tmp_path, "expectations", text).doubts == Doubts(stripped_zeros=1)


def test_facts_that_an_earlier_run_applied_are_not_counted_again(
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
        import_file(known, "activations", str(path), on_progress=interrupt)
    receipt = import_file(known, "activations", str(path))
    assert (receipt.accepted, receipt.doubts.unknown_sims) == (5, 3)

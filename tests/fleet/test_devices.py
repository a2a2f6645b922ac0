"""Lists of devices: what fits, in which order, and how many are looked at."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.facts import SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet import devices
from tallystick.fleet.devices import Match, Wanted, page_of
from tallystick.fleet.inventory import page
from tallystick.store.devices import ACCOUNTS_ASKED_EACH_MAX
from tests.contract.conftest import fleet_of
from tests.store.few import FOREIGN, HOME

if TYPE_CHECKING:
    from tallystick.store import Store

NONE_FITS = (Match(Iccid, part="777777777"),)
few_digits = st.text("0189", max_size=3)
iccids = st.from_regex(re.compile(r"89[0189]{16,18}"), fullmatch=True)
mdns = st.from_regex(re.compile(r"[0189]{10,15}"), fullmatch=True)


@given(iccids, st.none() | mdns, few_digits, few_digits, few_digits, st.sampled_from([Iccid, Mdn]))
def test_a_filter_says_of_columns_what_it_says_of_digits(
    iccid: str, mdn: str | None, beginning: str, part: str, end: str, kind: type[Iccid | Mdn]
) -> None:
    digits = iccid if kind is Iccid else mdn
    fits = digits is not None and (
        digits.startswith(beginning) and part in digits and digits.endswith(end)
    )
    row = (int(Iccid.parse(iccid)), -1 if mdn is None else int(Mdn.parse(mdn)))
    frame = pl.DataFrame([row], schema={"iccid": pl.Int64, "mdn": pl.Int64}, orient="row")
    assert len(frame.filter(Match(kind, beginning, part, end).fits())) == fits


@given(iccids, st.text("0189", max_size=21))
def test_the_span_of_a_beginning_holds_what_begins_so(iccid: str, beginning: str) -> None:
    first, last = Iccid.span_of(beginning)
    if iccid.startswith(beginning):
        assert first <= Iccid.parse(iccid) <= last
    if not Iccid.PREFIX.startswith(beginning) and not beginning.startswith(Iccid.PREFIX):
        assert first > last


def test_many_accounts_are_listed_in_order_however_few_sims_each_has(store: Store) -> None:
    names = [f"account {number}" for number in range(ACCOUNTS_ASKED_EACH_MAX + 1)]
    iccids = sorted(fleet_of(store, name, 1)[0] for name in names)
    with store.snapshot() as reader:
        visible = reader.accounts()
        few = dict(list(visible.items())[:-1])
        for seen in (visible, few):
            found = page_of(reader, seen, Wanted(at_most=100))
            assert [device.iccid for device in found.devices] == [
                iccid
                for iccid in iccids
                if reader.accounts_of_sims([iccid])[iccid] in seen.values()
            ]
            assert not found.has_more
        first = page_of(reader, visible, Wanted(at_most=5))
        assert ([device.iccid for device in first.devices], first.has_more) == (iccids[:5], True)
        behind = page(reader, None, iccids[4], Moment(0))
        assert [device.iccid for device in behind.sims] == iccids[5:]


def test_a_search_that_finds_little_ends_and_says_where_to_go_on(store: Store) -> None:
    iccids = fleet_of(store, "searched", 30)
    with store.snapshot() as reader:
        visible = reader.accounts()
        with pytest.raises(InvalidValue, match=f"after the device {int(iccids[5])}"):
            page_of(reader, visible, Wanted(matches=NONE_FITS, at_most=5), looked_at_max=6)
        whole = page_of(reader, visible, Wanted(matches=NONE_FITS, at_most=5))
        assert (whole.devices, whole.has_more) == ([], False)
        one = (Match(Iccid, end=str(iccids[2])[-2:]),)
        short = page_of(reader, visible, Wanted(matches=one, at_most=5), looked_at_max=6)
        assert ([device.iccid for device in short.devices], short.has_more) == ([iccids[2]], True)
        beginning = (Match(Iccid, str(iccids[29])),)
        for group in (None, UNASSIGNED):
            wanted = Wanted("searched", group, matches=beginning, at_most=5)
            found = page_of(reader, visible, wanted, looked_at_max=2)
            assert [device.iccid for device in found.devices] == [iccids[29]]


def test_of_many_devices_those_of_hardware_are_found_by_an_index(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    iccids = fleet_of(store, "many", 6)
    with store.transaction() as writer:
        writer.take_expectations([SimExpectation(each, BEGINNING, HOME) for each in iccids[:3]])
        writer.take_expectations([SimExpectation(iccids[3], BEGINNING, FOREIGN)])
        writer.take_activations([SimActivation(each, Moment(1), HOME) for each in iccids[1:5]])
        writer.take_activations([SimActivation(iccids[2], Moment(2), FOREIGN)])
    wanted = Wanted(account="many", imei=HOME)
    with store.snapshot() as reader:
        every = page_of(reader, reader.accounts(), wanted)
        monkeypatch.setattr(devices, "SEARCHED_MAX", 1)
        indexed = page_of(reader, reader.accounts(), wanted)
        grouped = page_of(reader, reader.accounts(), replace(wanted, group=UNASSIGNED))
    assert [each.iccid for each in every.devices] == [iccids[1], iccids[3], iccids[4]]
    assert [each.iccid for each in indexed.devices] == [iccids[1], iccids[3]]
    assert grouped.devices == indexed.devices
    assert indexed.last_seen[iccids[3]] == Activation(Moment(1), HOME)

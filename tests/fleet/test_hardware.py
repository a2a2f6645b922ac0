"""Hardware: who was seen in it and when, who is expected in it and why, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.core.allowed import Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import HardwareType, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.selection import imei_asked_for
from tallystick.fleet import hardware
from tallystick.fleet.hardware import HardwarePage, names_hardware, page, parse_place, place_text
from tests.store.few import FOREIGN, HOME, ICCIDS, MDN, expected, seen, sim, take

if TYPE_CHECKING:
    from tallystick.store import Store

ONE, TWO, THREE, FOUR, FIVE = ICCIDS[:5]
SAME_HARDWARE = Imei.parse(str(HOME)[:14] + "99")  # as a software version prints it


def says(iccid: Iccid, text: str, since: int = BEGINNING) -> SimExpectation:
    return SimExpectation(iccid, Moment(since), Allowed.parse(text))


def of_home(store: Store, *accounts: str, sims_max: int = 100) -> HardwarePage:
    with store.snapshot() as reader:
        visible = {name: reader.accounts()[name] for name in accounts} if accounts else None
        return page(reader, HOME, visible, sims_max=sims_max)


def told(read: HardwarePage) -> list[tuple[Iccid, tuple[int, int, int] | None, list[str]]]:
    return [(each.iccid, each.times, [claim.by for claim in each.claims]) for each in read.sims]


def test_hardware_tells_who_was_seen_in_it_and_who_is_expected_in_it(store: Store) -> None:
    take(store, *(sim(iccid) for iccid in (ONE, TWO, THREE, FOUR)))
    take(
        store,
        expected(ONE),
        expected(ONE, FOREIGN, since=50),
        expected(TWO, FOREIGN),
        says(THREE, f"{FOREIGN}|{SAME_HARDWARE}", 7),
        says(FOUR, str(HOME)[:8]),
        says(FIVE, "nowhere"),
    )
    take(store, seen(ONE, HOME, 10), seen(ONE, SAME_HARDWARE, 20), seen(ONE, FOREIGN, 60))
    take(store, seen(TWO, HOME, 30), seen(FOUR, HOME, 40), seen(FIVE, FOREIGN, 40))
    with store.transaction() as writer:
        writer.take_types([HardwareType(HOME.tac, "Corvid", "C7")])
    read = of_home(store)
    assert told(read) == [
        (FOUR, (40, 40, 1), ["tac"]),
        (TWO, (30, 30, 1), []),
        (ONE, (10, 20, 2), ["imei"]),
        (THREE, None, ["list"]),
    ]
    assert read.type == HardwareType(HOME.tac, "Corvid", "C7")
    assert read.next_page is None
    (claim,) = read.sims[2].claims
    assert (claim.effective_from, claim.until, claim.imei) == (BEGINNING, 50, str(HOME))


def test_an_asker_learns_nothing_of_sims_of_other_accounts(store: Store) -> None:
    take(store, sim(ONE, "a"), sim(TWO, "b"), expected(ONE), expected(TWO), expected(THREE))
    assert [(each.iccid, each.account) for each in of_home(store, "b").sims] == [(TWO, "b")]
    assert [each.iccid for each in of_home(store).sims] == [ONE, TWO, THREE]
    with store.snapshot() as reader:
        assert page(reader, HOME, {}).sims == []


def test_pages_hold_every_sim_once(store: Store) -> None:
    tac = str(HOME)[:8]
    with store.transaction() as writer:
        writer.take_expectations([expected(iccid) for iccid in ICCIDS[:7:2]])
        writer.take_expectations([says(iccid, tac) for iccid in ICCIDS[1:7:2]])
        writer.take_expectations([says(iccid, f"{tac}|{HOME}") for iccid in ICCIDS[7:10]])
        writer.take_activations([seen(ICCIDS[3], HOME), seen(ICCIDS[8], HOME)])
    with store.snapshot() as reader:
        place: hardware.Place | None = hardware.FIRST
        sims: list[Iccid] = []
        while place is not None:
            read = page(reader, HOME, begin=place, sims_max=2)
            sims += [each.iccid for each in read.sims]
            place = read.next_page and parse_place(place_text(read.next_page))
        assert sorted(sims) == ICCIDS[:10]
        assert [each.iccid for read in hardware.whole(reader, HOME) for each in read.sims]


def test_a_sim_of_which_nothing_was_expected_is_met_where_every_activation_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "LOOKED_AT_ONCE", 2)
    take(store, *(seen(iccid, HOME) for iccid in ICCIDS[1:10:2]), seen(ICCIDS[11], FOREIGN))
    take(store, *(expected(iccid) for iccid in ICCIDS[0:6:2]))
    take(store, says(ICCIDS[1], str(HOME)[:8]))
    assert ICCIDS[3] not in [each.iccid for each in of_home(store).sims]
    with store.snapshot() as reader:
        also = reader.sims_activated_in(HOME.identity)
        pages = list(hardware.whole(reader, HOME, also=also))
    met = [each.iccid for read in pages for each in read.sims]
    assert sorted(met) == sorted([*ICCIDS[1:10:2], *ICCIDS[0:6:2]])


def test_a_crowd_of_others_ends_a_page_and_is_not_told_of(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "LOOKED_AT_MAX", 4)
    monkeypatch.setattr(hardware, "LOOKED_AT_ONCE", 2)
    with store.transaction() as writer:
        writer.take_sims([sim(iccid, "others") for iccid in ICCIDS[:9]])
        writer.take_sims([sim(ICCIDS[9], "mine")])
        writer.take_expectations([expected(iccid) for iccid in ICCIDS[:10]])
    mine = of_home(store, "mine")
    assert (mine.sims, mine.next_page, mine.is_cut) == ([], None, True)
    everyone = of_home(store)
    assert (len(everyone.sims), everyone.next_page, everyone.is_cut) == (4, (0, ICCIDS[3]), False)


def test_a_number_names_hardware_unless_a_sim_has_it_as_its_phone_number(store: Store) -> None:
    number = Imei.parse("352099001761481")
    take(store, sim(ONE, mdn=MDN))
    with store.snapshot() as reader:
        assert names_hardware(reader, str(number))
        assert names_hardware(reader, "35-209900-176148-1")
        assert not names_hardware(reader, str(MDN))
        assert not names_hardware(reader, str(ONE))
    assert imei_asked_for("35-209900-176148-1") == number
    take(store, sim(TWO, mdn=type(MDN).parse(str(number))))
    with store.snapshot() as reader:
        assert not names_hardware(reader, str(number))
    with pytest.raises(InvalidValue, match="`next`"):
        parse_place("3.1")

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import InvalidValue, SimNotFound
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.fleet.histories import SimHistory, history

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.store import Store

ICCID, OTHER = Iccid.parse("89148000000800000001"), Iccid.parse("89148000000800000002")
MDN = Mdn.parse("5096300001")
HOME, AWAY = Imei.parse("352099001761481"), Imei.parse("357152091234562")
TRIES = 5


def march(day: int) -> Moment:
    return parse_moment(f"2026-03-{day:02d}")


def sim(iccid: Iccid = ICCID) -> Sim:
    return Sim(iccid, MDN, "0342077109-00001", march(1), "4G")


def histories(store: Store, text: str) -> list[SimHistory]:
    with store.snapshot() as reader:
        return history(reader, text)


def take(store: Store, *facts: Sim | SimExpectation | SimActivation) -> None:
    with store.transaction() as writer:
        for fact in facts:
            writer.take(type(fact), [fact])


def test_a_history_is_the_sims_facts_and_its_stays_newest_first(store: Store) -> None:
    take(store, sim(), SimExpectation(ICCID, BEGINNING, HOME))
    take(
        store,
        *(
            SimActivation(ICCID, march(day), imei)
            for day, imei in ((5, AWAY), (2, HOME), (6, AWAY))
        ),
    )
    (found,) = histories(store, str(ICCID))
    assert found.sim == sim()
    assert [each.imei for each in found.expectations] == [HOME]
    assert [
        (stay.imei, stay.opened_at, stay.last_seen_at, stay.reported) for stay in found.stays
    ] == [
        (AWAY, march(5), march(6), True),
        (HOME, march(2), march(2), False),
    ]


def test_each_pairing_names_the_expectation_in_force(store: Store) -> None:
    take(store, sim(), SimExpectation(ICCID, march(4), HOME))
    take(store, SimActivation(ICCID, march(3), HOME), SimActivation(ICCID, march(5), HOME))
    (found,) = histories(store, str(ICCID))
    assert [(stay.opened_at, stay.expected) for stay in found.stays] == [
        (march(5), HOME),
        (march(3), None),
    ]


def test_a_number_that_two_sims_have_finds_both(store: Store) -> None:
    take(store, sim(), sim(OTHER))
    assert [found.iccid for found in histories(store, str(MDN))] == [ICCID, OTHER]


@pytest.mark.parametrize(
    "fact", [SimExpectation(ICCID, BEGINNING, HOME), SimActivation(ICCID, march(2), HOME)]
)
def test_facts_of_a_sim_that_is_not_loaded_wait(
    store: Store, fact: SimExpectation | SimActivation
) -> None:
    take(store, fact)
    (found,) = histories(store, str(ICCID))
    assert found.sim is None


@pytest.mark.parametrize("text", [str(ICCID), str(MDN)])
def test_a_sim_of_which_nothing_is_known_is_not_found(store: Store, text: str) -> None:
    with pytest.raises(SimNotFound, match=text):
        histories(store, text)


@pytest.mark.parametrize(
    "text", ["", "meter", "8914800000080078", "891480000008000000011", "509630000x"]
)
def test_what_is_neither_an_iccid_nor_an_mdn_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InvalidValue):
        histories(store, text)


def test_a_sim_of_an_account_that_is_not_visible_is_not_found_and_not_read(store: Store) -> None:
    seen = [SimActivation(ICCID, Moment(second * 1_000_000), HOME) for second in range(20_000)]
    take(store, sim(), sim(OTHER))
    with store.transaction() as writer:
        writer.take(SimActivation, seen)
    with store.snapshot() as reader:
        assert history(reader, str(MDN), {"0342077109-00001"})

        def read() -> None:
            assert history(reader, str(ICCID))

        def refused() -> None:
            for text in (str(ICCID), str(MDN)):
                with pytest.raises(SimNotFound):
                    history(reader, text, {"another account"})

        # On a busy machine either may take longer once.
        assert any(seconds_for(refused) < seconds_for(read) / 4 for _ in range(TRIES))


def seconds_for(work: Callable[[], object]) -> float:
    """The least of three times that it takes."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)

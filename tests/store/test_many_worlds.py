"""Worlds of one SIM each, many in one store: the kept answer is the rule's, whatever is done.

What is counted is worlds: each has its own facts, with every form of a value. All worlds of a round
are shuffled together, repeated, split into transactions, corrected, and a change set is undone.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.allowed import allowed
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING, Moment
from tallystick.fleet import ledger
from tallystick.operations.verify import verify
from tallystick.thingspace.rows import wire_row
from tests.examples import times
from tests.store.test_any_order_same_answer import in_columns, rows_of
from tests.worlds import ACCOUNTS, IMEIS, MDNS, MOMENTS, VALUES, rows_by_the_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.store import Store
    from tests.engines import Stores
    from tests.worlds import Fact, ReportRow

WORLDS_A_ROUND = 100
ROUNDS, SOAK_ROUNDS = times(10), 1_000  # 1,000 and 100,000 worlds on each engine
MANY_MOMENTS = [Moment(MOMENTS[0] + number * 50_000) for number in range(60)]
ANN = Origin("ann", Moment(1), "api")
FORMS = [allowed(value) for value in VALUES]
ICCIDS = [Iccid.parse(f"8914800000080{number:07d}") for number in range(WORLDS_A_ROUND)]


def world_of(random: Random, iccid: Iccid) -> list[Fact]:
    """The facts of one SIM; one in eight is not loaded, one in four has a long history."""
    moments, activations_max = (MANY_MOMENTS, 30) if random.randrange(4) == 0 else (MOMENTS, 9)
    facts: list[Fact] = [
        expectation_of(random, iccid, moments) for _ in range(random.randint(0, 4))
    ]
    facts += [
        SimActivation(iccid, random.choice(moments), random.choice(IMEIS))
        for _ in range(random.randint(0, activations_max))
    ]
    if random.randrange(8):
        mdn, account = random.choice(MDNS), random.choice(ACCOUNTS)
        facts.append(Sim(iccid, mdn, account, random.choice(MOMENTS), "4G"))
    return facts


def expectation_of(
    random: Random, iccid: Iccid, moments: Sequence[Moment] = MOMENTS
) -> SimExpectation:
    return SimExpectation(iccid, random.choice([BEGINNING, *moments]), random.choice(FORMS))


def wire_rows(taken: list[Fact]) -> list[bytes]:
    """The rows of the rule, SIM by SIM, in the report's order."""
    by_sim: dict[int, list[Fact]] = {}
    for fact in taken:
        by_sim.setdefault(fact.iccid, []).append(fact)
    rows: list[ReportRow] = [row for facts in by_sim.values() for row in rows_by_the_rule(facts)]
    return [row.wire for row in sorted(rows)]


def take(store: Store, batch: list[Fact], *, columns: bool) -> None:
    """One transaction, its facts by kind."""
    with store.transaction() as writer:
        for kind in (SimExpectation, Sim, SimActivation):
            of_kind: list[Any] = [fact for fact in batch if type(fact) is kind]
            if of_kind:
                facts = in_columns(of_kind) if columns else of_kind
                if kind is SimExpectation:
                    writer.take(kind, facts, origin=ANN)
                else:
                    writer.take(kind, facts)


def play(store: Store, random: Random) -> list[Fact]:
    """Take a round of worlds in; give its facts in the order in which they count."""
    taken = [fact for iccid in ICCIDS for fact in world_of(random, iccid)]
    taken += random.sample(taken, len(taken) // 5)
    random.shuffle(taken)
    ends = sorted(random.sample(range(len(taken)), 3))
    for start, end in zip([0, *ends], [*ends, len(taken)], strict=True):
        take(store, taken[start:end], columns=bool(random.randrange(2)))
    return taken


def corrections(random: Random) -> list[Fact]:
    """Expectations of every second SIM."""
    return [expectation_of(random, iccid) for iccid in ICCIDS[::2]]


def check_round(stores: Stores, seed: int) -> None:
    random = Random(seed)
    with stores.fresh() as store:
        taken = play(store, random)
        assert rows_of(store) == wire_rows(taken), f"seed {seed}"
        first, second = corrections(random), corrections(random)
        take(store, first, columns=False)
        taken += first
        assert rows_of(store) == wire_rows(taken), f"seed {seed}, corrected"
        take(store, second, columns=True)
        with store.snapshot() as reader:
            (last,) = reader.change_sets(1 << 62, 1)
        ledger.undo(store, last.change_set_id, ANN)
        assert rows_of(store) == wire_rows(taken), f"seed {seed}, undone"
        assert not any(verified.differences for verified in verify(store, wire_row))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_thousand_worlds_have_the_rows_of_the_rule(stores: Stores, seed: int) -> None:
    check_round(stores, seed)


@pytest.mark.soak
def test_a_hundred_thousand_worlds_have_the_rows_of_the_rule(stores: Stores) -> None:
    for seed in range(ROUNDS, ROUNDS + SOAK_ROUNDS):
        check_round(stores, seed)


def test_worlds_have_rows_of_every_form_of_value() -> None:
    random = Random(0)
    taken = [fact for iccid in ICCIDS for fact in world_of(random, iccid)]
    values = {str(fact.imei) for fact in taken if isinstance(fact, SimExpectation)}
    assert values == {str(value) for value in VALUES}
    assert len(wire_rows(taken)) > WORLDS_A_ROUND // 2

"""Random small worlds of facts, and what the rule says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tallystick.core.allowed import Allowed
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import (
    Activation,
    Expectation,
    FirstUse,
    Pairing,
    Run,
    mismatches,
    stays,
    with_first_use,
)
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Fact = Sim | SimExpectation | SimActivation | GroupMember

# Few of everything, so that facts meet: forms of one hardware, ICCIDs of each length, one MDN.
ICCIDS = [
    Iccid.parse(text)
    for text in ("89148000000800000001", "8914800000080000000", "891480000008000000")
]
IMEIS = [
    Imei.parse(text)
    for text in (
        "35209900176148",
        "352099001761481",
        "3520990017614899",
        "357152091234562",
        "010203040506070",
        "000000000000000",
    )
]
MDNS = [None, Mdn.parse("5096300001"), Mdn.parse("0012345678901")]
ACCOUNTS = ["0342077109-00001", 'Ünïcode "quoted" \\ account']
MOMENTS = [Moment(1_770_000_000_000_000 + seconds * 500_000) for seconds in range(8)]

sims = st.builds(
    Sim,
    st.sampled_from(ICCIDS),
    st.sampled_from(MDNS),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(MOMENTS),
    st.sampled_from(["4G", "5G"]),
)
# Every form of a value: an IMEI, a model, several of both in two orders, nowhere and none.
VALUES = [
    *IMEIS,
    *map(
        Allowed.parse,
        (
            "35209900",
            "352099001761481|357152091234562",
            "357152091234562|35209900176148",
            "35715209|010203040506070",
            "nowhere",
            "none",
        ),
    ),
]
expectations = st.builds(
    SimExpectation,
    st.sampled_from(ICCIDS),
    st.sampled_from([BEGINNING, *MOMENTS]),
    st.sampled_from(VALUES),
)
activations = st.builds(
    SimActivation, st.sampled_from(ICCIDS), st.sampled_from(MOMENTS), st.sampled_from(IMEIS)
)
facts = st.lists(st.one_of(sims, expectations, activations, activations, activations), max_size=40)


@dataclass(frozen=True, order=True)
class ReportRow:
    """One row in the report's order, and how it reads."""

    activated_at: int
    iccid: int
    post_imei: int
    account: str
    generation: str
    wire: bytes


def stays_of(
    activations: Iterable[Activation], expectations: Iterable[Expectation]
) -> list[Pairing]:
    """The stays of a whole history, from runs of one activation each."""
    runs = [
        Run(each.imei, each.activated_at, each.activated_at, 1) for each in sorted(set(activations))
    ]
    return stays(runs, expectations)


def rows_by_the_rule(
    taken: Iterable[Fact], zone: str = "UTC", first_uses: Mapping[str, FirstUse] | None = None
) -> list[ReportRow]:
    """Every row that follows from the facts in this order, by the rule in `core/pairing.py`."""
    kept = list(taken)
    known = {fact.iccid: fact for fact in kept if isinstance(fact, Sim)}
    expected = {
        (fact.iccid, fact.effective_from): fact.imei
        for fact in kept
        if isinstance(fact, SimExpectation)
    }
    rows = []
    for sim in known.values():
        of_sim = [
            Expectation(moment, imei)
            for (iccid, moment), imei in expected.items()
            if iccid == sim.iccid
        ]
        seen = [
            Activation(fact.activated_at, fact.imei)
            for fact in kept
            if isinstance(fact, SimActivation) and fact.iccid == sim.iccid
        ]
        first_use = (first_uses or {}).get(sim.account, FirstUse.OFF)
        for row in mismatches(seen, with_first_use(seen, of_sim, first_use)):
            wire = wire_row(
                sim.account,
                sim.mdn,
                sim.activation_date,
                sim.iccid,
                row.pre_imei,
                row.post_imei,
                row.activated_at,
                zone,
            )
            rows.append(
                ReportRow(
                    row.activated_at, sim.iccid, row.post_imei, sim.account, sim.generation, wire
                ),
            )
    return sorted(rows)

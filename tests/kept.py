"""What a store holds, read whole, to be compared with another store or with the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid
from tallystick.store import Scope
from tests.worlds import rows_by_the_rule

if TYPE_CHECKING:
    from tallystick.core.window import Window
    from tallystick.store import Reader, Store
    from tests.worlds import Fact

BEFORE_ALL, AFTER_ALL = -1, 2**62


class Everything(NamedTuple):
    """The facts in order, and the kept answer in order."""

    sims: list[Sim]
    expectations: list[SimExpectation]
    activations: list[SimActivation]
    kept: list[bytes]


def everything_in(store: Store) -> Everything:
    """Every fact and every kept row, in one snapshot."""
    with store.snapshot() as reader:
        found = Everything(_sims(reader), _expectations(reader), _activations(reader), [])
        rows = sorted(
            reader.kept_between(BEFORE_ALL, AFTER_ALL),
            key=lambda row: (row.activated_at, row.iccid, row.post_imei),
        )
        return found._replace(kept=[row.wire for row in rows])


def _sims(reader: Reader) -> list[Sim]:
    return sorted(reader.whole_sims_between(BEFORE_ALL, AFTER_ALL), key=lambda sim: sim.iccid)


def _expectations(reader: Reader) -> list[SimExpectation]:
    iccids = map(Iccid, reader.expected_between(BEFORE_ALL, AFTER_ALL)["iccid"].sort())
    return [
        SimExpectation(iccid, each.effective_from, each.imei)
        for iccid in iccids
        for each in reader.expectations_of(iccid)
    ]


def _activations(reader: Reader) -> list[SimActivation]:
    iccids = map(Iccid, reader.activations_between(BEFORE_ALL, AFTER_ALL)["iccid"].sort())
    return [
        SimActivation(iccid, each.activated_at, each.imei)
        for iccid in iccids
        for each in reader.activations_of(iccid)
    ]


def rule_of(everything: Everything) -> list[bytes]:
    """The rows that the rule derives from the facts."""
    by_sim: dict[int, list[Fact]] = {}
    facts: list[Fact] = [*everything.sims, *everything.expectations, *everything.activations]
    for fact in facts:
        by_sim.setdefault(fact.iccid, []).append(fact)
    return [
        row.wire
        for row in sorted(row for facts in by_sim.values() for row in rows_by_the_rule(facts))
    ]


def report_of(
    store: Store,
    window: Window,
    *accounts: str,
    generations: tuple[str, ...] = ("4G",),
    **scope: object,
) -> list[bytes]:
    """The report of some accounts, or of all; `group` picks one by name, None those in no group."""
    with store.snapshot() as reader:
        known = reader.accounts()
        account_ids = tuple(known[account] for account in accounts) or tuple(sorted(known.values()))
        grouped = "group" in scope
        group = scope.get("group")
        group_id = (
            reader.group_id(account_ids[0], str(group)) if grouped and group is not None else None
        )
        iccids = scope.get("iccids")
        assert iccids is None or isinstance(iccids, tuple)
        return list(
            reader.report(Scope(account_ids, generations, iccids, grouped, group_id), window)
        )

"""Which SIMs facts change anything of, so that a cluster needs no other machines than theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.facts import GroupMember, Identity, Sim, SimActivation, SimExpectation
from tallystick.core.identities import statements_in
from tallystick.core.selection import UNASSIGNED
from tallystick.store import by_iccid, by_subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.store import Facts, Reader, Store

SIMS_NAMED_MAX = 2_000
"""Of more SIMs than these, some lie on each machine of a cluster anyway."""


def sims_changed_by(store: Store, kind: Kind, facts: Facts) -> frozenset[int] | None:
    """The SIMs that facts change anything of, of a store that is spread; None where it may be any.

    A new account or group changes what every machine has a copy of. Whose the IMSIs and MSISDNs are
    is asked before the transaction, which asks again.
    """
    find = SIMS_OF.get(kind.fact)
    if find is None or len(facts) > SIMS_NAMED_MAX or not store.is_spread():
        return None
    if isinstance(facts, pl.DataFrame):
        facts = facts.select(kind.fact._fields).rows()  # type: ignore[attr-defined] # of a named tuple
    with store.glance() as reader:
        return find(reader, [kind.fact(*fact) for fact in facts])


def _of_sims(reader: Reader, sims: Sequence[Sim]) -> frozenset[int] | None:
    """None where one is of an account that has yet to be made."""
    if not reader.accounts().keys() >= {sim.account for sim in sims}:
        return None
    return frozenset(sim.iccid for sim in sims)


def _of_expectations(
    reader: Reader,  # noqa: ARG001 - others ask it
    expectations: Sequence[SimExpectation],
) -> frozenset[int]:
    return frozenset(expectation.iccid for expectation in expectations)


def _of_activations(reader: Reader, activations: Sequence[SimActivation]) -> frozenset[int]:
    """Those that are named by ICCID, and those that have the numbers of the others."""
    owners = set(reader.owners(by_subscriber(activations)))
    direct = {iccid for iccid, *_ in by_iccid(activations)}
    return frozenset(iccid for iccid in owners | direct if iccid is not None)


def _of_identities(reader: Reader, identities: Sequence[Identity]) -> frozenset[int]:
    """Those that have numbers from now on, and those whose activations name them so far."""
    keys = sorted({each[:2] for identity in identities for each in statements_in(identity)})
    return frozenset(reader.sims_named_since(keys)) | {identity.iccid for identity in identities}


def _of_members(reader: Reader, members: Sequence[GroupMember]) -> frozenset[int] | None:
    """None where one is of an account or a group that has yet to be made."""
    accounts = reader.accounts()
    if not accounts.keys() >= {member.account for member in members}:
        return None
    wanted = {
        (accounts[member.account], member.group) for member in members if member.group != UNASSIGNED
    }
    if not reader.group_names({account_id for account_id, _ in wanted}) >= wanted:
        return None
    return frozenset(member.iccid for member in members)


SIMS_OF: dict[type, Callable[[Reader, Sequence[Any]], frozenset[int] | None]] = {
    Sim: _of_sims,
    SimExpectation: _of_expectations,
    SimActivation: _of_activations,
    Identity: _of_identities,
    GroupMember: _of_members,
}
"""How each kind of facts tells of which SIMs it changes anything."""

"""Verify: is the kept answer what the rule in `core/pairing.py` says of the facts?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import HARDWARE
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.identities import NamedActivation, Statement, Subscriber, attributed
from tallystick.core.moments import Moment, zone_named
from tallystick.core.pairing import FirstUse, mismatches
from tallystick.core.reason_json import encode
from tallystick.core.reasons import for_the_rule, own_reasons, row_facts
from tallystick.store.verifying import KeptRow
from tallystick.store.walking import SimRange, sim_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from tallystick.core.facts import Sim
    from tallystick.core.pairing import Mismatch
    from tallystick.core.reasons import Pair, Put, RowFacts
    from tallystick.store import Reader, Store

SIMS_A_RANGE = 50_000
SUBSCRIBERS_A_RANGE = 10_000


class Deviation(StrEnum):
    """How the kept answer differs."""

    MISSING = "missing"
    SURPLUS = "surplus"
    DIFFERING = "differing"


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not as it should be.

    `kept` is None where it is missing, `right` where surplus.
    """

    kept: KeptRow | None
    right: KeptRow | None

    @property
    def deviation(self) -> Deviation:
        """What is wrong with it."""
        if self.kept is None:
            return Deviation.MISSING
        return Deviation.SURPLUS if self.right is None else Deviation.DIFFERING


@dataclass(frozen=True, slots=True)
class Verified:
    """A range of SIMs.

    How many of them are loaded, how many rows they have kept, and what differs.
    """

    sims: int
    rows: int
    differences: tuple[Difference, ...]


class Attributions(NamedTuple):
    """Activations that name their SIM by IMSI or MSISDN.

    How many there are, and how many of them are not, or not among the activations of, the SIM that
    had the number then.
    """

    activations: int
    wrong: int


def verify_attributions(store: Store) -> Iterator[Attributions]:
    """Find out anew whose named activations are, range of numbers by range, and compare."""
    for part in sim_ranges(partial(_next_subscriber, store)):
        with store.snapshot() as reader:
            yield _attributions_of(reader, part)


def _next_subscriber(store: Store, after: int) -> int | None:
    with store.snapshot() as reader:
        return reader.subscriber_bound(after, SUBSCRIBERS_A_RANGE)


def _attributions_of(reader: Reader, part: SimRange) -> Attributions:
    statements: defaultdict[int, list[Statement]] = defaultdict(list)
    for subscriber, valid_from, iccid in reader.statements_between(*part):
        statement = Statement(Subscriber(subscriber), Moment(valid_from), Iccid(iccid))
        statements[subscriber].append(statement)
    kept: defaultdict[int, dict[NamedActivation, int | None]] = defaultdict(dict)
    of_sims = list[tuple[int, int, int]]()
    for subscriber, activated_at, imei, owner in reader.attributions_between(*part):
        activation = NamedActivation(Subscriber(subscriber), Moment(activated_at), Imei(imei))
        kept[subscriber][activation] = owner
        if owner is not None:
            of_sims.append((owner, activated_at, imei))
    there = reader.activations_there(of_sims)
    wrong = sum(activation not in there for activation in of_sims)
    for subscriber, owners in kept.items():
        right = attributed(owners, statements[subscriber])
        wrong += sum(iccid != right[activation] for activation, iccid in owners.items())
    return Attributions(sum(map(len, kept.values())), wrong)


def verify(store: Store, wire_row: Callable[..., bytes]) -> Iterator[Verified]:
    """Recompute the answer, range of SIMs by range, and compare it with the one that is kept.

    Each range is read in a snapshot of its own: facts and rows of a SIM change together, so every
    range is consistent in itself, and a long run holds up no checkpoint.
    """
    for part in sim_ranges(partial(_next_bound, store)):
        with store.snapshot() as reader:
            verified = _verify_range(reader, wire_row, part)
        yield verified


def _next_bound(store: Store, after: int) -> int | None:
    with store.snapshot() as reader:
        return reader.verify_bound(after, SIMS_A_RANGE)


def _verify_range(reader: Reader, wire_row: Callable[..., bytes], part: SimRange) -> Verified:
    loaded = reader.loaded_between(*part)
    kept: dict[int, list[KeptRow]] = {}
    for row in reader.kept_between(*part):
        kept.setdefault(row.iccid, []).append(row)
    first_uses = reader.first_uses()
    is_held = any(policy is not FirstUse.OFF for policy in first_uses.values())
    suspects = _suspects(
        loaded, reader.expected_between(*part), reader.activations_between(*part), is_held=is_held
    )
    concerned = sorted({*suspects, *kept})
    sims, facts = reader.sims_among(concerned), reader.facts_of_each(concerned)
    rule = _Rule(wire_row, reader.wire_zone(), first_uses)
    differences: list[Difference] = []
    for iccid in concerned:
        right = rule.rows(sims.get(iccid), *facts[iccid])
        differences.extend(_compare(kept.get(iccid, []), right))
    return Verified(len(loaded), sum(map(len, kept.values())), tuple(differences))


def _suspects(
    loaded: pl.Series, expected: pl.DataFrame, seen: pl.DataFrame, *, is_held: bool
) -> pl.Series:
    """The loaded SIMs that may have rows: those seen, and not always in the one hardware expected.

    The rest, nearly all, need no closer look: a SIM that was seen only where it is expected has no
    row at any time. `expected` and `seen` have the least and the largest of each SIM. `is_held` is
    whether any account holds SIMs to their first use, so that one without an expectation may have
    rows too where it was seen in several hardwares.
    """
    least, largest = pl.col("least") // HARDWARE, pl.col("largest") // HARDWARE
    hardware = ("iccid", least.alias("least"), largest.alias("largest"))
    both = seen.select(hardware).join(
        expected.select(hardware), on="iccid", how="left", suffix="_expected"
    )
    is_elsewhere = pl.max_horizontal("largest", "largest_expected") != pl.min_horizontal(
        "least", "least_expected"
    )
    is_judged = pl.lit(is_held) | pl.col("least_expected").is_not_null()
    suspects = both.filter(is_elsewhere & is_judged)
    return suspects.join(loaded.to_frame(), on="iccid", how="semi")["iccid"]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the rule says of one SIM after the other, printed as a store keeps it."""

    wire_row: Callable[..., bytes]
    zone_name: str
    first_uses: Mapping[str, FirstUse]

    def rows(
        self, sim: Sim | None, seen: Collection[Pair], put: Collection[Put]
    ) -> Iterator[KeptRow]:
        """The rows that a SIM should have kept; none while it is not loaded."""
        if sim is None:
            return
        first_use = self.first_uses[sim.account]
        rows = mismatches(*for_the_rule(seen, put, first_use))
        keys = {(row.activated_at, row.post_imei) for row in rows}
        for row, facts in zip(rows, row_facts(keys, seen, put, first_use), strict=True):
            yield self._kept_row(sim, row, facts)

    def _kept_row(self, sim: Sim, row: Mismatch, facts: RowFacts) -> KeptRow:
        wire = self.wire_row(
            sim.account,
            sim.mdn,
            sim.activation_date,
            sim.iccid,
            row.pre_imei,
            row.post_imei,
            row.activated_at,
            self.zone_name,
        )
        return KeptRow(
            sim.iccid,
            sim.account,
            sim.generation,
            row.activated_at,
            row.pre_imei,
            row.post_imei,
            wire,
            encode(own_reasons(facts), zone_named(self.zone_name)),
        )


def _compare(kept: Iterable[KeptRow], right: Iterable[KeptRow]) -> Iterator[Difference]:
    kept, right = set(kept), set(right)
    lacking = {(row.activated_at, row.post_imei): row for row in right - kept}
    for row in sorted(kept - right, key=lambda row: (*row[:-1], row.reasons or b"")):
        yield Difference(row, lacking.pop((row.activated_at, row.post_imei), None))
    for row in lacking.values():
        yield Difference(None, row)

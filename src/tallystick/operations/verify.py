"""Verify: is the kept answer what the rule in `core/pairing.py` says of the facts?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tallystick.core.identifiers import Imei
from tallystick.core.moments import Moment, zone_named
from tallystick.core.pairing import Activation, Expectation, FirstUse, mismatches, with_first_use
from tallystick.core.reason_json import encode
from tallystick.core.reasons import own_reasons, stays
from tallystick.store.verifying import KeptRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

    from tallystick.core.facts import Sim
    from tallystick.core.reasons import Pair, Put
    from tallystick.store import Reader, Store

SIMS_A_RANGE = 50_000


class Deviation(StrEnum):
    """How the kept answer differs."""

    MISSING = "missing"
    SURPLUS = "surplus"
    DIFFERING = "differing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it should be: `kept` is None where it is missing, `right` where it is surplus."""

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
    """A range of SIMs: how many of them are loaded, how many rows they have kept, and what differs."""

    sims: int
    rows: int
    differences: tuple[Difference, ...]


def verify(store: Store, wire_row: Callable[..., bytes]) -> Iterator[Verified]:
    """Recompute the answer, range of SIMs by range, and compare it with the one that is kept.

    Each range is read in a snapshot of its own: facts and rows of a SIM change together, so every range is
    consistent in itself, and a long run holds up no checkpoint.
    """
    after = -1
    while True:
        with store.snapshot() as reader:
            up_to = reader.verify_bound(after, SIMS_A_RANGE)
            if up_to is None:
                return
            verified = _verify_range(reader, wire_row, after, up_to)
        yield verified
        after = up_to


def _verify_range(
    reader: Reader, wire_row: Callable[..., bytes], after: int, up_to: int
) -> Verified:
    sims: dict[int, Sim] = {sim.iccid: sim for sim in reader.whole_sims_between(after, up_to)}
    kept: dict[int, list[KeptRow]] = {}
    for row in reader.kept_between(after, up_to):
        kept.setdefault(row.iccid, []).append(row)
    concerned = sorted(_suspects(reader, sims, after, up_to) | kept.keys())
    facts, rule = (
        reader.facts_of_each(concerned),
        _Rule(wire_row, reader.wire_zone(), reader.first_uses()),
    )
    differences = [
        difference
        for iccid in concerned
        for difference in _compare(kept.get(iccid, []), rule.rows(sims.get(iccid), *facts[iccid]))
    ]
    return Verified(len(sims), sum(map(len, kept.values())), tuple(differences))


def _suspects(reader: Reader, loaded: Container[int], after: int, up_to: int) -> set[int]:
    """The SIMs that may have rows: expected in several hardwares, or seen in other hardware than the one.

    The rest, nearly all, need no closer look: a SIM seen only where it is expected has no row at any time.
    """
    hardware, expected, several = Imei.IDENTITY_DIVISOR, dict[int, int](), set[int]()
    for iccid, imei in reader.expected_between(after, up_to):
        if iccid in loaded and expected.setdefault(iccid, imei // hardware) != imei // hardware:
            several.add(iccid)
    held = any(each is not FirstUse.OFF for each in reader.first_uses().values())
    for iccid, imei in reader.activations_between(after, up_to):
        # Where accounts hold SIMs to their first use, one without an expectation is held to what is seen here first.
        home = expected.setdefault(iccid, imei // hardware) if held else expected.get(iccid)
        if home is not None and home != imei // hardware:
            several.add(iccid)
    return several


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
        activations = [Activation(Moment(moment), Imei(imei)) for moment, imei in seen]
        expectations = [Expectation(Moment(since), Imei(imei)) for since, imei, _ in put]
        first_use = self.first_uses[sim.account]
        rows = mismatches(activations, with_first_use(activations, expectations, first_use))
        around = stays({(row.activated_at, row.post_imei) for row in rows}, seen, put, first_use)
        for row, stay in zip(rows, around, strict=True):
            imeis = (row.pre_imei, row.post_imei)
            told_of = (
                sim.account,
                sim.mdn,
                sim.activation_date,
                sim.iccid,
                *imeis,
                row.activated_at,
                self.zone_name,
            )
            wire, reasons = (
                self.wire_row(*told_of),
                encode(own_reasons(stay), zone_named(self.zone_name)),
            )
            yield KeptRow(
                sim.iccid, sim.account, sim.generation, row.activated_at, *imeis, wire, reasons
            )


def _compare(kept: Iterable[KeptRow], right: Iterable[KeptRow]) -> Iterator[Difference]:
    kept, right = set(kept), set(right)
    lacking = {(row.activated_at, row.post_imei): row for row in right - kept}
    for row in sorted(kept - right, key=lambda row: (*row[:-1], row.reasons or b"")):
        yield Difference(row, lacking.pop((row.activated_at, row.post_imei), None))
    for row in lacking.values():
        yield Difference(None, row)

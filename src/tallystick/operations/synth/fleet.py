"""What a synthetic fleet is made of: how many SIMs, seen for how long, and what befalls them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Literal

from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment, in_zone, moment_of
from tallystick.core.window import months_later

FleetKind = Literal["sims", "expectations", "activations", "groups", "types"]
FLEET_KINDS: tuple[FleetKind, ...] = ("sims", "expectations", "activations", "groups", "types")
"""The kinds of facts that a synthetic fleet has, in the order in which they are best imported."""
SIMS_MAX = 30_000_000  # beyond it the models below run out of serial numbers
MONTHS_MAX = 120
SEED_MAX = (1 << 63) - 1


class FleetFormat(StrEnum):
    """How the files are written."""

    CSV = "csv"
    PARQUET = "parquet"


class Scenario(StrEnum):
    """What befalls SIMs of a scenario; the values but the first are the labels."""

    ALL = "all"
    THEFT = "theft"
    REPLACEMENT = "replacement"
    SWAP_PAIR = "swap-pair"
    PAPERWORK = "paperwork"
    CLONE = "clone"
    SOFTWARE = "software-version"
    DUAL_IMEI = "dual-imei"
    POOL = "pool"
    STOCK = "stock"


LABELS = tuple(label for label in Scenario if label is not Scenario.ALL)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What to make: so many SIMs, seen over so many months up to a moment."""

    sims: int
    months: int
    seed: int
    until: Moment
    scenario: Scenario | None = None

    @property
    def since(self) -> Moment:
        """The moment at which the network log begins."""
        return moment_of(months_later(in_zone(self.until, UTC), -self.months))

    @property
    def span_s(self) -> int:
        """How long the network log is."""
        return (self.until - self.since) // MICROSECONDS_A_SECOND

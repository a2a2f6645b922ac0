"""A synthetic fleet as import files: plausible identifiers, a network log, and mismatches in it.

Every value is a function of the SIM's index and the seed. So a seed and an end date always give the
same fleet, and the files are written as streams, whatever their size. What befalls a SIM in the
window:

    kept         stays in its hardware, as the great majority do
    stolen       moves to foreign hardware and stays there
    borrowed     moves to foreign hardware and comes back
    swapped      changes places with its neighbour
    re-homed     moves to a replacement, with a dated expectation; some of them before that date

A fleet of a scenario is made for checking what is found out of it. What befalls a SIM is told in
`labels.csv`; every SIM is 4G and has an expectation, and all that are in use are seen where they
were delivered before something befalls them. Each labelled SIM has one row of the report, but for
those that are seen as expected all the same, and the others have none:

    software-version    shows other software versions of one unit
    dual-imei           shows one and the other IMEI of a unit with two, both of which are expected
    pool                changes units within a pool, of which the model is expected

Those labelled `stock` are expected nowhere and in use; the others of their lot are in stock. Other
lots, too, have units with two IMEIs, and lots without a label or of thefts have pools.
"""

from __future__ import annotations

from tallystick.operations.synth.files import write_fleet
from tallystick.operations.synth.fleet import (
    FLEET_KINDS,
    LABELS,
    MONTHS_MAX,
    SEED_MAX,
    SIMS_MAX,
    Fleet,
    FleetFormat,
    FleetKind,
    Scenario,
)
from tallystick.operations.synth.identifiers import ACCOUNTS
from tallystick.operations.synth.scenarios import SCENARIO_SIMS_MAX

__all__ = [
    "ACCOUNTS",
    "FLEET_KINDS",
    "LABELS",
    "MONTHS_MAX",
    "SCENARIO_SIMS_MAX",
    "SEED_MAX",
    "SIMS_MAX",
    "Fleet",
    "FleetFormat",
    "FleetKind",
    "Scenario",
    "write_fleet",
]

"""`tallystick synth`."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from tallystick.cli.output import progress, say
from tallystick.clock import system_clock
from tallystick.core.moments import Moment, in_zone, moment_of
from tallystick.operations.synth import (
    MONTHS_MAX,
    SCENARIO_SIMS_MAX,
    SEED_MAX,
    SIMS_MAX,
    Fleet,
    FleetFormat,
    Scenario,
    write_fleet,
)

UNTIL_YEAR_MIN = 2000


def synth(
    sims: Annotated[int, typer.Option(min=1, max=SIMS_MAX, help="How many SIMs.")],
    months: Annotated[
        int, typer.Option(min=1, max=MONTHS_MAX, help="How many months of activations.")
    ],
    seed: Annotated[
        int, typer.Option(min=0, max=SEED_MAX, help="The same seed and end give the same fleet.")
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder to write to.")],
    format_: Annotated[
        FleetFormat, typer.Option("--format", help="How to write the files.")
    ] = FleetFormat.CSV,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Where the activations end; today."),
    ] = None,
    scenario: Annotated[
        Scenario | None,
        typer.Option(help="What befalls SIMs, told in labels.csv beside the files."),
    ] = None,
) -> None:
    """Write the files of a synthetic fleet, with mismatches in it, for import."""
    if until and until.year < UNTIL_YEAR_MIN:
        message = f"--until must not lie before the year {UNTIL_YEAR_MIN}"
        raise typer.BadParameter(message)
    if scenario and sims > SCENARIO_SIMS_MAX:
        message = f"--sims must be at most {SCENARIO_SIMS_MAX} with --scenario"
        raise typer.BadParameter(message)
    end = moment_of(until.replace(tzinfo=UTC)) if until else today()
    with progress("Writing") as advance:
        paths = write_fleet(Fleet(sims, months, seed, end, scenario), out, format_, advance)
    for path in paths.values():
        say(str(path))


def today() -> Moment:
    """The midnight, in UTC, with which this day began."""
    return moment_of(datetime.combine(in_zone(system_clock(), UTC), time(), UTC))

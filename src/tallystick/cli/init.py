"""`tallystick init`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.shared import counted, current_settings, say, store_of
from tallystick.store.acting import act_under_way, acting

if TYPE_CHECKING:
    from tallystick.settings import Settings

Distribute = Annotated[
    bool, typer.Option("--distribute", help="Spread the store over the cluster, which is Citus.")
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan", help="Say what would be done to the store and about how long; change nothing."
    ),
]


def init(distribute: Distribute = False, plan: PlanOnly = False) -> None:
    """Create the store, or bring it to this program's schema and the setting of the time zone."""
    settings = current_settings()
    if plan:
        _print_plan(settings)
        return
    with store_of(settings) as store:
        if distribute:
            store.require_cluster()  # before anything is made that would not be wanted elsewhere
        is_new = store.is_empty()
        steps = store.init(settings.time_zone)
        # A new store's audit begins with what is done in it, or with what is copied there.
        act = None if is_new else act_under_way()
        with acting(act), store.transaction() as writer:
            is_moved = writer.set_wire_zone(settings.time_zone)
        if is_new:
            say(f"{store.name}: made a new store")
        elif steps:
            say(f"{store.name}: upgraded the store in {steps} steps")
        else:
            say(f"{store.name}: the store is up to date")
        if is_moved:
            say(f"{store.name}: the kept rows now print their times in {settings.time_zone}")
        if distribute:
            is_spread_now = store.distribute() > 0
            outcome = (
                "spread the store over the cluster"
                if is_spread_now
                else "the store is spread over the cluster"
            )
            say(f"{store.name}: {outcome}")


def _print_plan(settings: Settings) -> None:
    """What `init` would do."""
    with store_of(settings) as store:
        if store.is_empty():
            say(f"{store.name}: a new store would be made")
            return
        plan = store.plan()
    for step in plan.steps:
        through = f", which goes through {step.rows:,} rows" if step.rows else ""
        say(f"  {step.number:04} {step.title}{through}")
    if not plan.steps:
        say(f"{store.name}: has schema {plan.have}, which is this program's; no step is needed")
        return
    if plan.rows_explained:
        say(f"  then the reasons of {counted(plan.rows_explained, 'row', 'rows')} are filled in")
    say(
        f"{store.name}: {counted(len(plan.steps), 'step', 'steps')} from schema {plan.have} to"
        f" {plan.want}, about {max(1, round(plan.seconds)):,} s. This is an estimate from the"
        " numbers of rows; `tallystick restore BACKUP --drill` upgrades a copy and says how long"
        " it took."
    )

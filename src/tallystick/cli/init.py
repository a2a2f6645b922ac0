"""`tallystick init`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.output import print_json, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.counted import counted
from tallystick.store.acting import act_under_way, acting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.settings import Settings
    from tallystick.store import Store
    from tallystick.store.planning import Plan

Distribute = Annotated[
    bool, typer.Option("--distribute", help="Spread the store over the cluster, which is Citus.")
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan", help="Say what would be done to the store and about how long; change nothing."
    ),
]


PlanAsJson = Annotated[bool, typer.Option("--json", help="Print the plan as JSON, for programs.")]


def init(
    distribute: Distribute = False, plan: PlanOnly = False, as_json: PlanAsJson = False
) -> None:
    """Create the store, or bring it to this program's schema and the setting of the time zone."""
    settings = current_settings()
    if as_json and not plan:
        message = "--json goes with --plan"
        raise typer.BadParameter(message)
    if plan:
        _print_plan(settings, as_json=as_json)
        return
    with store_of(settings) as store:
        if distribute:
            store.require_cluster()  # before anything is made that would not be wanted elsewhere
        _make_or_upgrade(store, settings.time_zone)
        if distribute:
            is_spread_now = store.distribute() > 0
            done = "spread the store" if is_spread_now else "the store is spread"
            say(f"{store.name}: {done} over the cluster")


def _make_or_upgrade(store: Store, zone: str) -> None:
    """Have a store of this program's schema that prints times in a zone, and say what was done."""
    is_new = store.is_empty()
    steps = store.init(zone)
    # A new store's audit begins with what is done in it, or with what is copied there.
    act = None if is_new else act_under_way()
    with acting(act), store.transaction() as writer:
        is_moved = writer.set_wire_zone(zone)
    if is_new:
        say(f"{store.name}: made a new store")
    elif steps:
        say(f"{store.name}: upgraded the store in {counted(steps, 'step', 'steps')}")
    else:
        say(f"{store.name}: the store is up to date")
    if is_moved:
        say(f"{store.name}: the kept rows now print their times in {zone}")


def _print_plan(settings: Settings, *, as_json: bool) -> None:
    """What `init` would do."""
    with store_of(settings) as store:
        name = store.name
        plan = None if store.is_empty() else store.plan(settings.time_zone)
    if as_json:
        print_json({"store": name, "plan": plan and _described(plan)})
    elif plan is None:
        say(f"{name}: a new store would be made")
    elif not plan.steps and not plan.rows_reprinted:
        say(f"{name}: has schema {plan.have}, which is this program's; nothing is to be done")
    else:
        for line in _lines(name, plan, settings.time_zone):
            say(line)


def _described(plan: Plan) -> dict[str, Any]:
    """A plan for programs."""
    steps = [step._asdict() for step in plan.steps]
    return {**plan._asdict(), "steps": steps, "seconds_estimated": round(plan.seconds, 1)}


def _lines(name: str, plan: Plan, zone: str) -> Iterator[str]:
    """A plan for people, line by line."""
    for step in plan.steps:
        through = f", which goes through {step.rows:,} rows" if step.rows else ""
        yield f"  {step.number:04} {step.title}{through}"
    if plan.rows_explained:
        yield f"  the reasons of {counted(plan.rows_explained, 'row', 'rows')} are filled in"
    if plan.rows_reprinted:
        yield f"  {counted(plan.rows_reprinted, 'row is', 'rows are')} printed anew in {zone}"
    yield (
        f"{name}: {counted(len(plan.steps), 'step', 'steps')} from schema {plan.have} to"
        f" {plan.want}, about {max(1, round(plan.seconds)):,} s in all. This is an estimate from"
        " the numbers of rows; `tallystick restore BACKUP --drill` upgrades a copy and says how"
        " long it took."
    )

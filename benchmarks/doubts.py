"""What looking for doubts costs an import: the same import with and without it, in turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import Figure, figure
from benchmarks.fleets import activations_in_all, expectations_csv, first_activations
from benchmarks.processes import command, environment, run, undoubted
from benchmarks.stores import Given, loaded_store, waiting_store
from tallystick.operations.synth import FleetFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.processes import Run
    from tallystick.intake.kinds import KindName

ROUNDS = 5
WAYS: tuple[Callable[..., list[str]], ...] = (command, undoubted)


class Case(NamedTuple):
    """An import: the store that it begins with, the kind of facts, and their file."""

    what: str
    store: str
    kind: KindName
    file: Path


def doubts(given: Given) -> list[Figure]:
    """Activations, expectations for the first time, and the same expectations once more."""
    rows = min(given.rows, activations_in_all(given.folder, given.sims))
    activations = first_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    expectations = expectations_csv(given.folder, given.sims)
    loaded, waiting = loaded_store(given, given.sims), waiting_store(given, given.sims)
    cases = (
        Case(f"import of {rows:,} activations", waiting, "activations", activations),
        Case(
            f"import of the expectations of {given.sims:,} SIMs",
            loaded,
            "expectations",
            expectations,
        ),
        Case("the same into a store that has them", waiting, "expectations", expectations),
    )
    return [each for case in cases for each in _figures(given, case)]


def _figures(given: Given, case: Case) -> list[Figure]:
    """Seconds with doubts and without, of the processor and of the clock."""
    rounds = [[_import(given, case, way) for way in WAYS] for _ in range(ROUNDS + 1)][1:]
    looking, leaving_out = zip(*rounds, strict=True)
    return [
        *_beside(
            f"{case.what}, processor",
            [[each.cpu_s for each in runs] for runs in (looking, leaving_out)],
        ),
        *_beside(
            f"{case.what}, clock",
            [[each.seconds for each in runs] for runs in (looking, leaving_out)],
        ),
    ]


def _import(given: Given, case: Case, way: Callable[..., list[str]]) -> Run:
    with given.stores.copied(case.store) as address:
        words = way("import", case.kind, str(case.file), "--json")
        done = run(words, environment(address))
    receipt = json.loads(done.printed)
    assert receipt["read"] == receipt["accepted"] + receipt["duplicate"], receipt
    return done


def _beside(what: str, seconds: list[list[float]]) -> list[Figure]:
    """The figures of both ways, that with doubts with its ratio."""
    looking, leaving_out = (figure(what, "s", runs) for runs in seconds)
    ratio = f"{looking.median / leaving_out.median:.3f} x without doubts"
    return [
        looking._replace(ratio=ratio),
        leaving_out._replace(what=f"{what}, without doubts"),
    ]

"""The route table of our own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.api import errors
from tallystick.api.change_sets import ChangeSets, Decision, OneChangeSet
from tallystick.api.intake import ExpectationsIntake, Intake
from tallystick.intake import KINDS

if TYPE_CHECKING:
    from falcon import App, Request, Response

    from tallystick.access import Access
    from tallystick.intake import LiveIntake
    from tallystick.settings import Settings
    from tallystick.store import Store

ROOT = "/api/v1"


def owns(path: str) -> bool:
    """Whether a path is this room's, known to it or not."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def add_routes(app: App[Request, Response], settings: Settings, store: Store, access: Access, live: LiveIntake) -> None:
    """Put this room's resources on the app; errors under its root are answered by `errors.answer_error`."""
    for kind in KINDS.values():
        if kind.name == "expectations":
            app.add_route(f"{ROOT}/expectations", ExpectationsIntake(access, live, store, settings.generations))
        else:
            app.add_route(f"{ROOT}/{kind.name}", Intake(kind, access, live))
    decision = Decision(store, access)
    app.add_route(f"{ROOT}/change-sets", ChangeSets(store, access))
    app.add_route(f"{ROOT}/change-sets/{{number}}", OneChangeSet(store, access))
    for suffix in ("approve", "reject", "undo"):
        app.add_route(f"{ROOT}/change-sets/{{number}}/{suffix}", decision, suffix=suffix)
    app.add_sink(errors.no_such_resource, f"{ROOT}/")

"""The route table of our own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.api import errors
from tallystick.api.corrections import Corrections
from tallystick.api.coverage import CoverageCounts
from tallystick.api.intake import Intake
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
        app.add_route(f"{ROOT}/{kind.name}", Intake(kind, access, live))
    app.add_route(f"{ROOT}/coverage", CoverageCounts(store, access, settings))
    app.add_route(f"{ROOT}/corrections", Corrections(store, access, settings))
    app.add_sink(errors.no_such_resource, f"{ROOT}/")

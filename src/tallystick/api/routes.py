"""The route table of our own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.api import errors
from tallystick.api.history import History
from tallystick.api.intake import Intake
from tallystick.api.mismatches import Mismatches
from tallystick.intake import KINDS

if TYPE_CHECKING:
    from falcon import App, Request, Response

    from tallystick.access import Access
    from tallystick.api.mismatches import ReadRows
    from tallystick.intake import LiveIntake
    from tallystick.settings import Settings
    from tallystick.store import Store

ROOT = "/api/v1"


def owns(path: str) -> bool:
    """Whether a path is this room's, known to it or not."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def add_routes(
    app: App[Request, Response], settings: Settings, store: Store, access: Access, live: LiveIntake, columns: ReadRows
) -> None:
    """Put this room's resources on the app; errors under its root are answered by `errors.answer_error`.

    `columns` reads rows of the report, which another room prints.
    """
    app.add_route(f"{ROOT}/mismatches", Mismatches(store, access, settings, columns))
    app.add_route(f"{ROOT}/sims/{{iccid}}/history", History(store, access, settings))
    for kind in KINDS.values():
        app.add_route(f"{ROOT}/{kind.name}", Intake(kind, access, live))
    app.add_sink(errors.no_such_resource, f"{ROOT}/")

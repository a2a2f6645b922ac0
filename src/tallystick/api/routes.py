"""The route table of our own API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tallystick.api import accounts, apps, errors, openapi, sims, users
from tallystick.api.audit import Audit
from tallystick.api.calls import ROOT
from tallystick.api.change_sets import Approval, ChangeSets, OneChangeSet, Rejection, Undoing
from tallystick.api.corrections import Corrections
from tallystick.api.coverage import (
    CoverageCounts,
    SharedHardwareList,
    UnattributedList,
    UnloadedList,
)
from tallystick.api.explanations import Explanations, ExplanationsEnded, ExplanationsOfSim
from tallystick.api.hardware import Hardware
from tallystick.api.history import History
from tallystick.api.imports import ImportRejects, Imports, OneImport
from tallystick.api.intake import ExpectationsIntake, IdentitiesIntake, Intake
from tallystick.api.mismatches import Mismatches
from tallystick.api.readiness import Ready
from tallystick.http.openapi import OpenApi
from tallystick.intake import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import App, Request, Response

    from tallystick.access import Access
    from tallystick.http.row_forms import ReadRows
    from tallystick.intake import LiveIntake
    from tallystick.operations.readiness import Readiness
    from tallystick.settings import Settings
    from tallystick.store import Store


def owns(path: str) -> bool:
    """Whether a path is this room's, known to it or not."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def resources(
    settings: Settings,
    store: Store,
    access: Access,
    live: LiveIntake,
    columns: ReadRows,
    readiness: Readiness,
) -> dict[str, object]:
    """Every resource by its path; each of its calls is described by `@operation`.

    `columns` reads rows of the report, which another room prints.
    """
    return {
        **{f"{ROOT}/{kind.name}": Intake(kind, live) for kind in KINDS.values()},
        f"{ROOT}/expectations": ExpectationsIntake(live, store, settings),
        f"{ROOT}/identities": IdentitiesIntake(live, store, settings),
        f"{ROOT}/change-sets": ChangeSets(store, settings.zone),
        f"{ROOT}/change-sets/{{number}}": OneChangeSet(store, settings.zone),
        f"{ROOT}/change-sets/{{number}}/approve": Approval(store, settings.zone),
        f"{ROOT}/change-sets/{{number}}/reject": Rejection(store, settings.zone),
        f"{ROOT}/change-sets/{{number}}/undo": Undoing(store, settings.zone),
        f"{ROOT}/sims": sims.Sims(live, store, settings.zone),
        f"{ROOT}/sims/{{iccid}}": sims.Sim(store, settings.zone),
        f"{ROOT}/sims/{{iccid}}/history": History(store, settings),
        f"{ROOT}/sims/{{iccid}}/explanations": ExplanationsOfSim(store, settings.zone),
        f"{ROOT}/explanations": Explanations(store),
        f"{ROOT}/explanations/end": ExplanationsEnded(store),
        f"{ROOT}/hardware/{{imei}}": Hardware(store, settings),
        f"{ROOT}/mismatches": Mismatches(store, settings, columns),
        f"{ROOT}/coverage": CoverageCounts(store, settings),
        f"{ROOT}/coverage/unattributed": UnattributedList(store, settings),
        f"{ROOT}/coverage/unloaded": UnloadedList(store, settings),
        f"{ROOT}/coverage/shared-hardware": SharedHardwareList(store, settings),
        f"{ROOT}/corrections": Corrections(store, settings),
        f"{ROOT}/imports": Imports(store, settings.zone),
        f"{ROOT}/imports/{{number}}": OneImport(store, settings.zone),
        f"{ROOT}/imports/{{number}}/rejects": ImportRejects(store),
        f"{ROOT}/readiness": Ready(readiness),
        f"{ROOT}/accounts": accounts.Accounts(store),
        f"{ROOT}/accounts/{{account}}": accounts.Account(store),
        f"{ROOT}/accounts/{{account}}/groups": accounts.Groups(store),
        f"{ROOT}/accounts/{{account}}/groups/{{group}}": accounts.Group(store),
        **_resources_of_access(access, settings),
    }


def _resources_of_access(access: Access, settings: Settings) -> dict[str, object]:
    """Users, apps and what was done by whom."""
    return {
        f"{ROOT}/users": users.Users(access),
        f"{ROOT}/users/{{user}}": users.User(access),
        f"{ROOT}/users/{{user}}/unlock": users.Unlock(access),
        f"{ROOT}/users/{{user}}/sessions": users.Sessions(access),
        f"{ROOT}/users/{{user}}/sessions/{{session}}": users.OneSession(access),
        f"{ROOT}/users/{{user}}/tokens": users.PersonalTokens(access),
        f"{ROOT}/users/{{user}}/tokens/{{token}}": users.OnePersonalToken(access),
        f"{ROOT}/audit": Audit(access, settings.zone),
        f"{ROOT}/apps": apps.Apps(access),
        f"{ROOT}/apps/{{app}}": apps.App(access),
        f"{ROOT}/apps/{{app}}/secret": apps.Secret(access),
        f"{ROOT}/apps/{{app}}/tokens": apps.Tokens(access),
        f"{ROOT}/apps/{{app}}/tokens/{{token}}": apps.Token(access),
    }


def add_routes(
    app: App[Request, Response],
    settings: Settings,
    store: Store,
    access: Access,
    live: LiveIntake,
    columns: ReadRows,
    readiness: Readiness,
) -> Callable[[], dict[str, Any]]:
    """Put this room's resources on the app, and give what describes them.

    Errors under its root are answered by `errors.answer_error`.
    """
    table = resources(settings, store, access, live, columns, readiness)
    for path, resource in table.items():
        app.add_route(path, resource)
    describe = partial(openapi.document_of, table)
    app.add_route(openapi.PATH, OpenApi(describe))
    app.add_sink(errors.no_such_resource, f"{ROOT}/")
    return describe

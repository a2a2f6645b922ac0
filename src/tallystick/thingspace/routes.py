"""The route table of Verizon's contract."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tallystick.http.openapi import OpenApi
from tallystick.thingspace import (
    accounts,
    callbacks,
    devices,
    gateway,
    groups,
    openapi,
    session,
)
from tallystick.thingspace.report import MismatchReport
from tallystick.thingspace.uploads import RequestStatus, Upload

if TYPE_CHECKING:
    from falcon import App, Request, Response

    from tallystick.access import Access
    from tallystick.outbox.uploads import Uploads
    from tallystick.settings import Settings
    from tallystick.store import Store

ROOTS = ("/api/ts/", "/api/m2m/")
OAUTH2 = "/api/ts/v1/oauth2"
M2M = "/api/m2m/v1"
REPORT = f"{M2M}/devices/actions/list/imeiiccidmismatch"


def owns(path: str) -> bool:
    """Whether a path is this room's, known to it or not."""
    return path.startswith(ROOTS)


def resources(
    settings: Settings, store: Store, access: Access, uploads: Uploads
) -> dict[str, object]:
    """Every resource by its path; each of its calls is described by `@described`."""
    return {
        f"{OAUTH2}/token": gateway.Token(access),
        f"{OAUTH2}/revoke": gateway.Revoke(access),
        f"{M2M}/session/login": session.Login(access),
        f"{M2M}/session/logout": session.Logout(access),
        f"{M2M}/session/password/actions/reset": session.PasswordReset(access),
        REPORT: MismatchReport(store, settings),
        f"{M2M}/groups": groups.Groups(store),
        f"{M2M}/groups/{{account}}": groups.AccountGroups(store),
        f"{M2M}/groups/{{account}}/name/{{group}}": groups.NamedGroup(store),
        f"{M2M}/accounts/{{account}}": accounts.Account(store),
        f"{M2M}/devices/actions/list": devices.DeviceList(store, settings),
        f"{M2M}/devices/actions/upload": Upload(store, uploads),
        f"{M2M}/accounts/{{account}}/requests/{{request}}/status": RequestStatus(store),
        f"{M2M}/callbacks/{{account}}": callbacks.Listeners(store, settings),
        f"{M2M}/callbacks/{{account}}/name/{{service}}": callbacks.NamedListener(store),
    }


def add_routes(
    app: App[Request, Response], settings: Settings, store: Store, access: Access, uploads: Uploads
) -> None:
    """Put this room's resources on the app, and their description.

    Errors under its roots are answered by `errors.answer_error`.
    """
    table = resources(settings, store, access, uploads)
    for path, resource in table.items():
        app.add_route(path, resource)
    app.add_route(openapi.PATH, OpenApi(partial(openapi.document_of, table)))
    for root in ROOTS:
        app.add_sink(gateway.no_such_resource, root)

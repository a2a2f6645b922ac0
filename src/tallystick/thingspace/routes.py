"""The route table of Verizon's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.thingspace import accounts, callbacks, devices, gateway, groups, session
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


def add_routes(
    app: App[Request, Response], settings: Settings, store: Store, access: Access, uploads: Uploads
) -> None:
    """Put this room's resources on the app.

    Errors under its roots are answered by `errors.answer_error`.
    """
    app.add_route(f"{OAUTH2}/token", gateway.Token(access))
    app.add_route(f"{OAUTH2}/revoke", gateway.Revoke(access))
    app.add_route(f"{M2M}/session/login", session.Login(access))
    app.add_route(f"{M2M}/session/logout", session.Logout(access))
    app.add_route(f"{M2M}/session/password/actions/reset", session.PasswordReset(access))
    app.add_route(REPORT, MismatchReport(store, settings))
    app.add_route(f"{M2M}/groups", groups.Groups(store))
    app.add_route(f"{M2M}/groups/{{account}}", groups.AccountGroups(store))
    app.add_route(f"{M2M}/groups/{{account}}/name/{{group}}", groups.NamedGroup(store))
    app.add_route(f"{M2M}/accounts/{{account}}", accounts.Account(store))
    app.add_route(f"{M2M}/devices/actions/list", devices.DeviceList(store, settings))
    app.add_route(f"{M2M}/devices/actions/upload", Upload(store, uploads))
    app.add_route(f"{M2M}/accounts/{{account}}/requests/{{request}}/status", RequestStatus(store))
    app.add_route(f"{M2M}/callbacks/{{account}}", callbacks.Listeners(store, settings))
    app.add_route(f"{M2M}/callbacks/{{account}}/name/{{service}}", callbacks.NamedListener(store))
    for root in ROOTS:
        app.add_sink(gateway.no_such_resource, root)

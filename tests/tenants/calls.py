"""Every call of the server, with who may make it: written by hand, apart from the code.

A text in braces stands for what `World.values` has under that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tallystick.core.roles import Role
from tests.tenants.world import ALL, MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tenants.world import Caller

TS, API = "/api/m2m/v1", "/api/v1"
WINDOW = {"earliest": "2026-05-01T00:00:00Z", "latest": "2026-06-01T00:00:00Z"}
EDITORS = frozenset({Role.EDITOR, Role.APPROVER, Role.OPERATOR})
APPROVERS = frozenset({Role.APPROVER, Role.OPERATOR})
OPERATORS = frozenset({Role.OPERATOR})
ANY_ROLE = frozenset(Role)
USING_UP = {"end", "remove", "rename", "change", "forget", "scopes"}
CONSOLE_OF_NOBODY = {400, 403, 404}
"""How pages refuse a user without accounts."""


@dataclass(frozen=True)
class Call:
    """One call: `who` gives the status that refuses a caller at the door, or None.

    `hidden` is the status that answers who may not see the tenant it is about; None: it is about
    none. `for_whole` is whether it takes somebody who sees every account. `ends_session` is whether
    it ends the caller's own session.
    """

    method: str
    route: str
    who: Callable[[Caller], int | None]
    done: int = 200
    hidden: int | None = None
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    form: dict[str, str] | None = None
    for_whole: bool = False
    ends_session: bool = False

    @property
    def uses_up(self) -> bool:
        """Whether what it is about is another thing afterwards, or no more there."""
        deed = (self.form or {}).get("do", "")
        decided = self.route.endswith(("/approve", "/reject", "/undo"))
        return self.method in {"DELETE", "PATCH", "PUT"} or decided or deed in USING_UP

    @property
    def name(self) -> str:
        """What tells it from others."""
        deed = (self.form or {}).get("do", "")
        return f"{self.method} {self.route} {deed}".strip()


def expected(call: Call, caller: Caller, tenant: str) -> set[int]:
    """The statuses with which a call about a tenant may be answered."""
    refusal = call.who(caller)
    if refusal is not None:
        return {refusal}
    is_by_user = caller.role is not None
    if is_by_user and not caller.sees and caller.door == "console":
        shows_nothing = call.hidden is None or call.method == "GET"
        return CONSOLE_OF_NOBODY | ({call.done} if shows_nothing else set())
    if call.for_whole and is_by_user and caller.sees != ALL:
        return {403}
    if call.hidden is not None and (tenant == MISSING or not caller.may_see(tenant)):
        return {call.hidden}
    if is_by_user and not caller.sees and call.route.startswith("/api/"):
        return {400 if call.route.startswith(TS) else 404, call.done}
    return {call.done}


def anybody(_: Caller) -> None:
    """Who may call is everybody."""


def only_by_secret(_: Caller) -> int:
    """The call takes an app's key and secret, and none of the callers sends those."""
    return 401


def app(scope: str) -> Callable[[Caller], int | None]:
    """A token with this scope, whatever session there is."""

    def refusal(caller: Caller) -> int | None:
        has_no_token = caller.door in {"nobody", "console"}
        if has_no_token or (caller.has_ended and caller.door != "session"):
            return 401
        if caller.door == "token" and scope == "m2m":
            return 401
        return None if scope in caller.scopes else 403

    return refusal


def user(caller: Caller) -> int | None:
    """A user of ThingSpace: a session, through an app of the scope m2m."""
    refusal = app("m2m")(caller)
    if refusal is not None:
        return refusal
    return 400 if caller.door == "app" or caller.has_ended else None


def user_or_admin(roles: frozenset[Role] = ANY_ROLE) -> Callable[[Caller], int | None]:
    """An app of the scope admin, or a user with one of these roles by session or token."""

    def refusal(caller: Caller) -> int | None:
        if caller.door in {"nobody", "console"} or caller.has_ended:
            return 401
        wanted = {"app": {"admin"}, "session": {"m2m"}, "token": {"admin", "m2m"}}[caller.door]
        if not wanted & set(caller.scopes):
            return 403
        return 403 if caller.role is not None and caller.role not in roles else None

    return refusal


def console(roles: frozenset[Role] = ANY_ROLE) -> Callable[[Caller], int | None]:
    """A browser with a session of a user with one of these roles; others are sent to sign in."""

    def refusal(caller: Caller) -> int | None:
        if caller.door != "console" or caller.has_ended:
            return 303
        return None if caller.role in roles else 403

    return refusal


def calls() -> Iterator[Call]:
    """All of them."""
    yield from calls_of_everybody()
    yield from calls_of_thingspace()
    yield from facts_in()
    yield from calls_of_our_own()
    yield from administration()
    yield from pages()
    yield from pages_of_operators()


def calls_of_everybody() -> Iterator[Call]:
    """Those that need nobody's name, or find out themselves who calls."""
    for path in (
        "/openapi.json",
        "/thingspace/openapi.json",
        "/docs",
        "/login",
        "/static/{name}",
        "/healthz",
        "/readyz",
    ):
        yield Call("GET", path, anybody)
    yield Call("HEAD", "/healthz", anybody)
    yield Call("HEAD", "/readyz", anybody)
    yield Call(
        "POST",
        "/login",
        anybody,
        303,
        form={"name": "{user}", "password": "{password}"},
        ends_session=True,
    )
    yield Call("POST", "/api/ts/v1/oauth2/token", only_by_secret)
    yield Call("POST", "/api/ts/v1/oauth2/revoke", only_by_secret)
    yield Call("GET", "/metrics", app("admin"))


def calls_of_thingspace() -> Iterator[Call]:
    """Verizon's contract: what is hidden is 400 AccountNotFound."""
    account, device = "{account}", [{"kind": "ICCID", "id": "{iccid}"}]
    login = {"username": "{user}", "password": "{password}"}
    yield Call("POST", f"{TS}/session/login", app("m2m"), body=login)
    yield Call("POST", f"{TS}/session/logout", user, ends_session=True)
    yield Call(
        "PUT",
        f"{TS}/session/password/actions/reset",
        user,
        body={"oldPassword": "{password}"},
        ends_session=True,
    )
    devices = f"{TS}/devices/actions"
    report = f"{devices}/list/imeiiccidmismatch"
    yield Call("POST", report, user, body={"filter": WINDOW})
    yield Call("POST", report, user, 200, 400, body={"filter": WINDOW, "accountName": account})
    yield Call("POST", report, user, body={"filter": WINDOW, "devices": [{"deviceIds": device}]})
    yield Call("POST", f"{devices}/list", user, body={})
    yield Call("POST", f"{devices}/list", user, body={"deviceId": {"kind": "IMEI", "id": "{seen}"}})
    yield Call("POST", f"{devices}/list", user, 200, 400, body={"accountName": account})
    pair = [{"kind": "ICCID", "id": "{iccid}"}, {"kind": "IMEI", "id": "{imei}"}]
    upload = {"accountName": account, "uploadType": "IMEI ICCID Pair"}
    yield Call(
        "POST",
        f"{devices}/upload",
        user,
        200,
        400,
        body=upload | {"devices": [{"deviceIds": pair}]},
    )
    yield Call("GET", f"{TS}/accounts/{{account}}", user, 200, 400)
    yield Call("GET", f"{TS}/accounts/{{account}}/requests/{{request}}/status", user, 200, 400)
    group = {"accountName": account, "groupName": "{fresh}", "devicesToAdd": device}
    yield Call("POST", f"{TS}/groups", user, 200, 400, body=group)
    yield Call("GET", f"{TS}/groups/{{account}}", user, 200, 400)
    named = f"{TS}/groups/{{account}}/name/{{group}}"
    yield Call("GET", named, user, 200, 400)
    yield Call("PUT", named, user, 200, 400, body={"newGroupName": "{fresh}"})
    yield Call("DELETE", named, user, 200, 400)
    listener = {"name": "{service}", "url": "https://listener.example/"}
    yield Call("GET", f"{TS}/callbacks/{{account}}", user, 200, 400)
    yield Call("POST", f"{TS}/callbacks/{{account}}", user, 200, 400, body=listener)
    yield Call("DELETE", f"{TS}/callbacks/{{account}}/name/{{service}}", user, 200, 400)


def facts_in() -> Iterator[Call]:
    """What an app of the scope intake brings, whoever's it is; the answer tells nothing of it."""
    intake = app("intake")
    place = {"iccid": "{proposed}", "imei": "{imei}"}
    seen_at = {"activated_at": "2026-05-05T10:00:00Z"}
    yield Call("POST", f"{API}/sims", intake, body=[{"iccid": "{iccid}", "account": "{account}"}])
    yield Call("POST", f"{API}/expectations", intake, body=[place])
    yield Call("POST", f"{API}/expectations", intake, query={"mode": "propose"}, body=[place])
    yield Call("POST", f"{API}/activations", intake, body=[place | seen_at])
    member = {"account": "{account}", "group": "{group}", "iccid": "{iccid}"}
    yield Call("POST", f"{API}/groups", intake, body=[member])
    yield Call(
        "POST",
        f"{API}/types",
        intake,
        body=[{"tac": "35209900", "manufacturer": "A", "model": "B"}],
    )
    yield Call("POST", f"{API}/identities", intake, body=[{"iccid": "{iccid}", "imsi": "{imsi}"}])


def calls_of_our_own() -> Iterator[Call]:
    """Calls of users and of apps of the scope admin: what is hidden is not found."""
    yield Call("GET", f"{API}/sims/{{iccid}}/history", user_or_admin(), 200, 404)
    yield Call("GET", f"{API}/sims/{{iccid}}/explanations", user_or_admin(), 200, 404)
    yield Call("GET", f"{API}/hardware/{{imei}}", user_or_admin())
    yield Call("GET", f"{API}/mismatches", user_or_admin(), query=WINDOW)
    yield Call("GET", f"{API}/mismatches", user_or_admin(), query=WINDOW | {"iccid": "{iccid}"})
    yield Call("GET", f"{API}/mismatches", user_or_admin(), query=WINDOW | {"imei": "{seen}"})
    yield Call(
        "GET",
        f"{API}/mismatches",
        user_or_admin(),
        200,
        404,
        query=WINDOW | {"account": "{account}", "reasons": "true"},
    )
    row = {"iccid": "{iccid}", "imei": "{seen}", "activated_at": "2026-05-05T10:00:00Z"}
    yield Call(
        "POST",
        f"{API}/explanations",
        user_or_admin(EDITORS),
        200,
        404,
        body={"rows": [row], "note": "known"},
    )
    yield Call(
        "POST", f"{API}/explanations/end", user_or_admin(EDITORS), 200, 404, body={"rows": [row]}
    )


def administration() -> Iterator[Call]:
    """Calls of apps of the scope admin, and of operators' own tokens."""
    admin = app("admin")
    for place in (
        "sims",
        "change-sets",
        "coverage",
        "coverage/unattributed",
        "coverage/unloaded",
        "coverage/shared-hardware",
        "readiness",
        "accounts",
        "users",
        "audit",
        "apps",
        "imports",
        "imports/{import}",
        "imports/{import}/rejects",
    ):
        yield Call("GET", f"{API}/{place}", admin)
    yield Call("GET", f"{API}/sims", admin, 200, 404, query={"account": "{account}"})
    yield Call("GET", f"{API}/coverage", admin, 200, 404, query={"account": "{account}"})
    yield Call("GET", f"{API}/corrections", admin, query={"manufacturer": "Corvid"})
    sim = f"{API}/sims/{{iccid}}"
    yield Call("GET", sim, admin, 200, 404)
    yield Call("PATCH", sim, admin, 200, 404, body={"account": "{account}"})
    yield Call("DELETE", sim, admin, 204, 404)
    yield from change_sets()
    account = f"{API}/accounts/{{account}}"
    yield Call("POST", f"{API}/accounts", admin, 201, body={"name": "{fresh}"})
    yield Call("GET", account, admin, 200, 404)
    yield Call("PATCH", account, admin, 200, 404, body={"name": "{account}-renamed"})
    yield Call("DELETE", account, admin, 409, 404)
    yield Call("GET", f"{account}/groups", admin, 200, 404)
    yield Call("POST", f"{account}/groups", admin, 201, 404, body={"name": "{fresh}"})
    yield Call("GET", f"{account}/groups/{{group}}", admin, 200, 404)
    yield Call("PATCH", f"{account}/groups/{{group}}", admin, 200, 404, body={"name": "{fresh}"})
    yield Call("DELETE", f"{account}/groups/{{group}}", admin, 204, 404)
    yield from users_and_apps()


def change_sets() -> Iterator[Call]:
    """What changed expectations, and decisions about it."""
    admin, one = app("admin"), f"{API}/change-sets/{{proposal}}"
    yield Call("GET", one, admin, 200, 404)
    yield Call("POST", f"{one}/approve", admin, 200, 404)
    yield Call("POST", f"{one}/reject", admin, 200, 404)
    yield Call("POST", f"{API}/change-sets/{{applied}}/undo", admin, 200, 404)


def users_and_apps() -> Iterator[Call]:
    """Who may log in, and the apps."""
    admin, one = app("admin"), f"{API}/users/{{user}}"
    new = {"name": "{fresh}", "password": "{password}", "accounts": ["{account}"]}
    yield Call("POST", f"{API}/users", admin, 201, body=new)
    yield Call("GET", one, admin, 200, 404)
    yield Call("PATCH", one, admin, 200, 404, body={"role": "viewer"})
    yield Call("DELETE", one, admin, 204, 404)
    yield Call("POST", f"{one}/unlock", admin, 200, 404)
    yield Call("GET", f"{one}/sessions", admin, 200, 404)
    yield Call("DELETE", f"{one}/sessions", admin, 204, 404)
    yield Call("DELETE", f"{one}/sessions/{{session}}", admin, 204, 404)
    yield Call("GET", f"{one}/tokens", admin, 200, 404)
    own = {"name": "own", "scopes": ["m2m"], "valid_days": 1}
    yield Call("POST", f"{one}/tokens", admin, 403, 403, body=own)  # only that user makes one
    yield Call("DELETE", f"{one}/tokens/{{token}}", admin, 204, 404)
    app_path = f"{API}/apps/{{app}}"
    yield Call("POST", f"{API}/apps", admin, 201, body={"name": "{fresh}"})
    yield Call("GET", app_path, admin, 200, 404)
    yield Call("PATCH", app_path, admin, 200, 404, body={"scopes": ["m2m"]})
    yield Call("DELETE", app_path, admin, 204, 404)
    yield Call("POST", f"{app_path}/secret", admin, 200, 404)
    yield Call("DELETE", f"{app_path}/tokens", admin, 204, 404)
    yield Call("DELETE", f"{app_path}/tokens/{{token}}", admin, 204, 404)


def pages() -> Iterator[Call]:
    """What people see in a browser: what is hidden is not found."""
    anyone, editors = console(), console(EDITORS)
    yield Call("GET", "/", anyone, query=WINDOW)
    yield Call("GET", "/mismatches", anyone, query=WINDOW)
    yield Call("GET", "/mismatches", anyone, 200, 400, query=WINDOW | {"account": "{account}"})
    yield Call("GET", "/mismatches/export", anyone, query=WINDOW)
    yield Call("GET", "/coverage", anyone, 200, 400, query=WINDOW | {"account": "{account}"})
    yield Call("GET", "/corrections", anyone, 200, 400, query=WINDOW | {"account": "{account}"})
    corvid = {"manufacturer": "Corvid", "account": "{account}"}
    yield Call("GET", "/corrections/export", anyone, 200, 404, query=WINDOW | corvid)
    yield Call("POST", "/mismatches/views", anyone, 303, form={"do": "save", "name": "{fresh}"})
    for path in ("/mismatches/correct", "/mismatches/explain"):
        yield Call("GET", path, editors, 200, 400, query={"row": "{row}"})
    seen = {"row": "{row}", "counted": "{counted}", "note": "known", "ticket": "1"}
    yield Call("POST", "/mismatches/correct", editors, 200, 400, form=seen | {"do": "try"})
    yield Call("POST", "/mismatches/explain", editors, 303, 400, form=seen | {"do": "explain"})
    yield Call("POST", "/mismatches/explain", editors, 303, 400, form=seen | {"do": "end"})
    yield Call("GET", "/sims/{iccid}", anyone, 200, 404, query=WINDOW)
    row = {"at": "2026-05-05T10:00:00Z", "imei": "{seen}"}
    yield Call("GET", "/sims/{iccid}/correct", editors, 200, 404, query=row)
    yield Call("POST", "/sims/{iccid}/correct", editors, 200, 404, query=row, form={"do": "try"})
    yield Call("GET", "/hardware/{imei}", anyone)
    yield Call("GET", "/changes", anyone)
    yield Call("GET", "/changes/{proposal}", anyone, 200, 404)
    for form in ("withdraw", "try"):
        yield Call("GET", f"/changes/{{proposal}}/{form}", anyone, 303, 404)
    yield Call("POST", "/changes/{proposal}/withdraw", editors, 409, 404, form={})
    approvers = console(APPROVERS)
    for deed, number in (
        ("try", "proposal"),
        ("approve", "proposal"),
        ("reject", "proposal"),
        ("undo", "applied"),
    ):
        done = 200 if deed == "try" else 303
        yield Call("POST", f"/changes/{{{number}}}/{deed}", approvers, done, 404, form={})
    yield Call("GET", "/imports", editors)
    for page in ("/imports/{import}", "/imports/{import}/rejects"):
        yield Call("GET", page, editors, for_whole=True)
    # The form lacks a file, before which its token would stand.
    yield Call("POST", "/imports", editors, 403, form={}, for_whole=True)
    yield Call("POST", "/logout", anyone, 303, form={}, ends_session=True)
    yield Call("GET", "/sessions", anyone)
    yield Call("POST", "/sessions/password", anyone, 400, form={})
    yield Call("POST", "/sessions/end", anyone, 303, form={"session": "{session}"})
    yield Call("POST", "/sessions/end-others", anyone, 303, form={})


def pages_of_operators() -> Iterator[Call]:
    """Administration in a browser."""
    operators = console(OPERATORS)
    yield Call("GET", "/admin", operators, 303)
    for name in ("user", "app"):
        yield Call("GET", f"/admin/{name}s", operators, for_whole=True)
        yield Call(
            "GET",
            f"/admin/{name}",
            operators,
            200,
            404,
            query={"name": f"{{{name}}}"},
            for_whole=True,
        )
    new = {"name": "{fresh}", "password": "{password}", "accounts": "{account}", "role": "viewer"}
    yield Call("POST", "/admin/users", operators, 303, form=new, for_whole=True)
    for deed, done in (("change", 303), ("unlock", 303), ("remove", 303)):
        yield Call(
            "POST",
            "/admin/user",
            operators,
            done,
            404,
            query={"name": "{user}"},
            form={"do": deed},
            for_whole=True,
        )
    yield Call(
        "POST",
        "/admin/apps",
        operators,
        200,
        form={"name": "{fresh}", "scope_m2m": "yes"},
        for_whole=True,
    )
    for deed, done in (("scopes", 303), ("rotate", 200), ("remove", 303)):
        yield Call(
            "POST",
            "/admin/app",
            operators,
            done,
            404,
            query={"name": "{app}"},
            form={"do": deed, "scope_m2m": "yes"},
            for_whole=True,
        )
    yield Call("GET", "/admin/accounts", operators)
    yield Call("POST", "/admin/accounts", operators, 303, form={"name": "{fresh}"}, for_whole=True)
    account = {"name": "{account}"}
    yield Call("GET", "/admin/account", operators, 200, 404, query=account)
    deeds_on_account: tuple[tuple[int, bool, dict[str, str]], ...] = (
        (303, False, {"do": "first_use", "first_use": "off"}),
        (303, False, {"do": "group", "group": "{fresh}", "sims": "{iccid}"}),
        (303, True, {"do": "rename", "new_name": "{account}-renamed"}),
        (409, True, {"do": "remove"}),
    )
    for done, for_whole, form in deeds_on_account:
        yield Call(
            "POST",
            "/admin/account",
            operators,
            done,
            404,
            query=account,
            form=form,
            for_whole=for_whole,
        )
    group = {"account": "{account}", "name": "{group}"}
    yield Call("GET", "/admin/group", operators, 200, 404, query=group)
    for deed_on_group in ({"do": "change", "new_name": "{fresh}"}, {"do": "remove"}):
        yield Call("POST", "/admin/group", operators, 303, 404, query=group, form=deed_on_group)
    yield Call("GET", "/admin/callbacks", operators)
    yield Call(
        "POST",
        "/admin/callbacks",
        operators,
        303,
        404,
        form={"do": "forget", "account": "{account}", "service": "{service}"},
    )
    yield Call("POST", "/admin/callbacks", operators, 404, form={"do": "retry", "delivery": "1"})

"""Calls over HTTP in the audit: which are acts, who did them, and what was refused to whom."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from falcon import testing

from tallystick.access import Credentials, UserChange
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.core.roles import Role
from tallystick.http.acts import recorded_of
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.wiring import build_app
from tests.quick_access import quick_access
from tests.serving import LOGIN, PASSWORD, REPORT, TOKEN, basic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store

REMOTE = "198.51.100.7"
NO_ACTS = {
    "POST /api/m2m/v1/devices/actions/list": "reads",
    f"POST {REPORT}": "reads",
    "POST /api/m2m/v1/devices/actions/upload": "intake, which the ledger tells of",
    "POST /api/v1/activations": "intake of facts, not recorded one by one",
    "POST /api/v1/expectations": "intake, which the ledger tells of",
    "POST /api/v1/groups": "intake of facts",
    "POST /api/v1/identities": "intake, which the ledger tells of",
    "POST /api/v1/sims": "intake of facts",
    "POST /api/v1/types": "intake of facts",
}
"""Calls with a method that may change something, and why the audit has no record of them."""


class World:
    """The whole app on a store, an app with every scope, and what the audit has of its calls."""

    def __init__(self, store: Store) -> None:
        self.access = quick_access(store, system_clock, secrets.token_bytes)
        self.admin = self.access.add_app("admin", ["admin", "m2m"])
        self.access.add_user("ann", PASSWORD, [], all_accounts=True)
        self.access.add_user("bob", PASSWORD, [], all_accounts=True, role=Role.APPROVER)
        live = LiveIntake(store, system_clock, lambda: 0.0, Loops())
        uploads = Uploads(store, system_clock, secrets.token_bytes, Loops(), lambda *_: {})
        self.app = build_app(Settings(), store, self.access, live, uploads)
        self.client = testing.TestClient(self.app)

    def bearer(self, app: Credentials) -> dict[str, str]:
        """The header of an app's calls."""
        token = self.access.issue_token(app.key, app.secret).access_token
        return {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: object, **headers: str) -> testing.Result:
        """One call of the app with every scope."""
        return self.client.simulate_request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json"} | self.bearer(self.admin) | headers,
            remote_addr=REMOTE,
        )

    def records(self) -> list[dict[str, Any]]:
        """What is recorded, once what was noted is written."""
        self.access.audit.close()
        return [
            entry._asdict() | {"details": json.loads(entry.details)}
            for _, entry, _ in self.access.audit.records()
        ]

    def last(self) -> dict[str, Any]:
        """The last record."""
        return self.records()[-1]


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    made = World(store)
    yield made
    made.access.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_every_call_that_may_change_something_is_an_act_or_said_to_be_none(world: World) -> None:
    roots = world.app._router._roots  # noqa: SLF001 - the framework tells routes to nobody
    calls = {
        f"{method} {node.uri_template}": recorded_of(node.resource, method)
        for node in nodes_below(roots)
        for method in ("POST", "PUT", "PATCH", "DELETE")
        if hasattr(node.resource, f"on_{method.lower()}")
    }
    assert len(calls) > 40
    assert {call for call, recorded in calls.items() if recorded is None} == set(NO_ACTS)


def nodes_below(nodes: list[Any]) -> Iterator[Any]:
    """The nodes of the framework's table of routes."""
    for node in nodes:
        yield node
        yield from nodes_below(node.children)


def test_a_call_that_changes_something_is_recorded_with_it(world: World) -> None:
    body = {"name": "eve", "password": PASSWORD, "role": "editor", "accounts": ["0342"]}
    reply = world.call("POST", "/api/v1/users", body, **{"X-Request-Id": "r-1"})
    assert reply.status_code == 201
    last = world.last()
    assert last.pop("at") > 0
    assert last == {
        "via": "http",
        "actor": "admin",
        "action": "user.add",
        "subject": "eve",
        "address": REMOTE,
        "outcome": "done",
        "request_id": "r-1",
        "details": {"name": "eve", "password": "…", "role": "editor", "accounts": ["0342"]},
    }


def test_an_act_that_is_refused_is_recorded_once_and_changes_nothing(world: World) -> None:
    assert world.call("DELETE", "/api/v1/users/nobody", None).status_code == 404
    assert [(each["action"], each["subject"], each["outcome"]) for each in world.records()] == [
        ("user.remove", "nobody", "refused: user-not-found")
    ]


def test_who_is_refused_a_right_is_named_by_the_app_that_lacks_it(world: World) -> None:
    reader = world.access.add_app("reader", ["m2m"])
    path = "/api/v1/users"
    assert world.client.simulate_get(path, headers=world.bearer(reader)).status_code == 403
    assert world.client.simulate_get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert world.client.simulate_get(path).status_code == 401
    records = [(each["actor"], each["subject"], each["outcome"]) for each in world.records()]
    assert records == [
        ("reader", "GET /api/v1/users", "refused: scope-refused"),
        ("", "GET /api/v1/users", "refused: token-refused"),
    ]


def test_logins_of_both_doors_and_tokens_are_recorded_and_failed_ones_too(world: World) -> None:
    for password in (PASSWORD, "wrong"):
        world.call("POST", LOGIN, {"username": "ann", "password": password})
    for name, password in (("bob", PASSWORD), ("bob", "wrong"), ("correct horse", "x")):
        form = f"name={name}&password={password}&next=/".replace(" ", "+")
        world.client.simulate_post(
            "/login",
            body=form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    fresh = world.access.add_app("fresh", ["m2m"])
    for app in (fresh, fresh, fresh._replace(secret="wrong")):
        headers = basic(app) | {"Content-Type": "application/x-www-form-urlencoded"}
        world.client.simulate_post(TOKEN, body="grant_type=client_credentials", headers=headers)
    records = world.records()
    assert sorted((each["action"], each["actor"], each["outcome"]) for each in records) == [
        ("session.login", "admin/ann", "done"),
        ("session.login", "admin/ann", "refused: password-refused"),
        ("session.login", "console/?", "refused: password-refused"),
        ("session.login", "console/bob", "done"),
        ("session.login", "console/bob", "refused: password-refused"),
        ("token.issue", "fresh", "done"),
        ("token.issue", "fresh", "refused: app-refused"),
    ]
    text = str(records)
    for secret in (PASSWORD, "wrong", fresh.secret, fresh.key):
        assert secret not in text


def test_a_call_that_reads_or_brings_facts_leaves_no_record(world: World) -> None:
    assert world.call("GET", "/api/v1/users", None).status_code == 200
    assert world.call("GET", "/api/v1/audit", None).json == {"records": []}
    assert world.records() == []


def test_a_token_of_a_users_own_calls_for_the_user_and_not_at_thingspaces_doors(
    world: World,
) -> None:
    token = world.access.add_personal_token("ann", "laptop", ["m2m"], 30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    rows = "/api/v1/mismatches?earliest=2026-01-01&latest=2026-02-01"
    for path, status in ((rows, 404), ("/api/v1/users", 403)):
        assert world.client.simulate_get(path, headers=headers).status_code == status, path
    for path in (REPORT, LOGIN):
        assert world.client.simulate_post(path, headers=headers, body="{}").status_code == 401, path
    assert world.call("GET", "/api/v1/users/ann/tokens", None).json["tokens"][0]["name"] == "laptop"
    assert world.call("DELETE", "/api/v1/users/ann/tokens/laptop", None).status_code == 204
    assert world.client.simulate_get(rows, headers=headers).status_code == 401
    assert token not in str(world.records())
    assert "console/ann" in {each["actor"] for each in world.records()}


def test_nobody_is_shown_the_token_of_another_user(world: World) -> None:
    world.access.change_user("bob", UserChange(role=Role.OPERATOR))
    token = world.access.add_personal_token("bob", "first", ["admin"], 1)
    own = {"Authorization": f"Bearer {token}"}
    body = {"name": "next", "scopes": ["m2m"], "valid_days": 30}
    for name, headers, status in (("bob", own, 201), ("ann", own, 403), ("bob", {}, 403)):
        reply = world.call("POST", f"/api/v1/users/{name}/tokens", body, **headers)
        assert reply.status_code == status, (name, reply.text)
    assert [each.name for each in world.access.personal_tokens_of("bob")] == ["first", "next"]
    assert world.access.personal_tokens_of("ann") == []
    assert "refused: role-refused" in {each["outcome"] for each in world.records()}


def test_secrets_tokens_and_sessions_are_listed_and_ended_over_http(world: World) -> None:
    world.access.add_app("loader", ["m2m", "intake"])
    rotated = world.call("POST", "/api/v1/apps/loader/secret?overlap_s=3600&valid_days=90", None)
    assert rotated.status_code == 200
    secrets_kept = world.call("GET", "/api/v1/apps/loader", None).json["secrets"]
    assert [each["expires_at"] is None for each in secrets_kept] == [False, False]
    pair = Credentials(rotated.json["key"], rotated.json["secret"])
    for scope, status in (("intake", 200), ("", 200), ("admin", 400)):
        form = f"grant_type=client_credentials&scope={scope}"
        reply = world.client.simulate_post(TOKEN, body=form, headers=basic(pair))
        assert reply.status_code == status
        told = {key: reply.json[key] for key in ("scope", "error") if key in reply.json}
        assert told == (
            {"scope": scope or "m2m intake"} if status == 200 else {"error": "invalid_scope"}
        )
    tokens = world.call("GET", "/api/v1/apps/loader", None).json["tokens"]
    assert len(tokens) == 2
    for token in tokens:
        path = f"/api/v1/apps/loader/tokens/{token['id']}"
        assert world.call("DELETE", path, None).status_code == 204
    assert world.call("GET", "/api/v1/apps/loader", None).json["tokens"] == []
    world.access.login("ann", PASSWORD)
    sessions = world.call("GET", "/api/v1/users/ann/sessions", None).json["sessions"]
    assert [each["of"] for each in sessions] == ["calls"]
    path = f"/api/v1/users/ann/sessions/{sessions[0]['id']}"
    assert world.call("DELETE", path, None).status_code == 204
    assert world.call("DELETE", "/api/v1/users/ann/sessions", None).status_code == 204
    assert world.call("GET", "/api/v1/users/ann/sessions", None).json["sessions"] == []


def test_operators_read_the_audit_page_by_page(world: World) -> None:
    for name in ("a", "b", "c"):
        assert world.call("POST", "/api/v1/accounts", {"name": name}).status_code == 201
    first = world.call("GET", "/api/v1/audit?at_most=2", None).json["records"]
    assert [(each["number"], each["subject"]) for each in first] == [(3, "c"), (2, "b")]
    rest = world.call("GET", "/api/v1/audit?before=2&action=account.add", None).json["records"]
    assert [each["subject"] for each in rest] == ["a"]
    assert world.call("GET", "/api/v1/audit?before=0", None).status_code == 400

"""Every call says who may make it, and the gate finds out who calls in one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import pytest
from falcon import testing

from tallystick.clock import system_clock
from tallystick.http.gate import Gate, Session, caller_of, needs, needs_of, open_to_all
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.wiring import build_app
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.store import Store

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def bytes_of_zero(count: int) -> bytes:
    """Random bytes that are not."""
    return bytes(range(count))


class Counted:
    """Resources that say who calls."""

    @needs("intake")
    def on_post(self, req: Request, resp: Response) -> None:
        resp.media = caller_of(req).name

    @needs("m2m", Session.REQUIRED)
    def on_put(self, req: Request, resp: Response) -> None:
        resp.media = caller_of(req).name

    @needs("admin", Session.ALLOWED)
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = caller_of(req).name

    @open_to_all
    def on_delete(self, _req: Request, resp: Response) -> None:
        resp.media = "anybody"


@pytest.fixture
def access(store: Store) -> Iterator[Access]:
    access = quick_access(store, system_clock, bytes_of_zero)
    access.add_app("all", ["m2m", "intake", "admin"])
    access.add_user("ann", "correct horse", [], all_accounts=True)
    yield access
    access.close()


@pytest.fixture
def client(access: Access) -> testing.TestClient:
    app = falcon.App(middleware=[Gate(access)])
    app.add_route("/", Counted())
    app.add_error_handler(Exception, _named)
    return testing.TestClient(app)


def _named(_req: Request, resp: Response, error: Exception, _params: dict[str, Any]) -> None:
    resp.media = type(error).__name__


def test_the_app_and_the_user_are_handed_on_by_name(
    client: testing.TestClient, access: Access
) -> None:
    app = access.apps()[0]
    token = access.issue_token(app.key, bytes_of_zero(32).hex()).access_token
    bearer = {"Authorization": f"Bearer {token}"}
    in_session = {**bearer, "VZ-M2M-Token": access.login("ann", "correct horse")}
    assert client.simulate_post("/", headers=bearer).json == "all"
    assert client.simulate_put("/", headers=in_session).json == "all/ann"
    assert client.simulate_get("/", headers=bearer).json == "all"
    assert client.simulate_get("/", headers=in_session).json == "all/ann"
    assert client.simulate_delete("/").json == "anybody"


def test_the_app_is_checked_before_the_session(client: testing.TestClient) -> None:
    assert client.simulate_put("/").json == "BearerMissing"
    wrong = {"Authorization": "Bearer wrong"}
    assert client.simulate_put("/", headers=wrong).json == "TokenRefused"
    assert client.simulate_put("/", headers={**wrong, "VZ-M2M-Token": "x"}).json == "TokenRefused"


def test_a_call_without_a_session_is_told_that_it_needs_one(
    client: testing.TestClient, access: Access
) -> None:
    app = access.apps()[0]
    token = access.issue_token(app.key, bytes_of_zero(32).hex()).access_token
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.simulate_put("/", headers=bearer).json == "SessionMissing"
    assert client.simulate_put("/", headers={**bearer, "VZ-M2M-Token": "no GUID"}).json == (
        "SessionRefused"
    )


def test_a_responder_that_does_not_say_who_may_call_it_is_an_error() -> None:
    class Silent:
        def on_get(self, req: Request, resp: Response) -> None: ...

    with pytest.raises(TypeError, match="does not say who may call it"):
        needs_of(Silent(), "GET")


OPEN_TO_ANYBODY = {
    *("Token", "Revoke", "SignIn"),  # what their bodies have to prove
    *("Health", "Ready", "Static", "OpenApi", "ApiDocs"),
}


def test_every_call_of_the_program_says_who_may_make_it(store: Store, access: Access) -> None:
    live = LiveIntake(store, system_clock, lambda: 0.0)
    uploads = Uploads(store, system_clock, bytes_of_zero)
    app = build_app(Settings(), store, access, live, uploads)
    roots = app._router._roots  # noqa: SLF001 - the framework tells routes to nobody
    resources = [node.resource for node in _nodes(roots) if node.resource is not None]
    assert len(resources) > 30
    calls = [
        (type(resource).__name__, needs_of(resource, method))
        for resource in resources
        for method in METHODS
        if hasattr(resource, f"on_{method.lower()}")
    ]
    assert len(calls) > 40
    assert {name for name, stated in calls if stated is None} == OPEN_TO_ANYBODY


def _nodes(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        yield node
        yield from _nodes(node.children)

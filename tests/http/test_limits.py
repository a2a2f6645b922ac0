"""Limits at the gate: who is slowed down, by what, and how each room says it."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING

import pytest
from falcon import testing

from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.http.observed import Observed
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.wiring import build_app
from tests.quick_access import quick_access
from tests.serving import LOGIN, PASSWORD, TOKEN, basic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.store import Store

    Make = Callable[..., "World"]

HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"
OPEN = {
    "address_calls_a_s": 0,
    "app_calls_a_s": 0,
    "user_calls_a_s": 0,
    "login_tries_a_min": 0,
}
pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


class World:
    """The whole app with few limits, and an app and a user who call it."""

    def __init__(self, store: Store, **limits: int) -> None:
        self.access = quick_access(store, system_clock, secrets.token_bytes)
        self.app = self.access.add_app("app", ["admin", "m2m"])
        self.access.add_user("ann", PASSWORD, [], all_accounts=True)
        live = LiveIntake(store, system_clock, lambda: 0.0, Loops())
        uploads = Uploads(store, system_clock, secrets.token_bytes, Loops(), lambda *_: {})
        settings = Settings(**(OPEN | limits))  # type: ignore[arg-type] # numbers only
        self.client = testing.TestClient(build_app(settings, store, self.access, live, uploads))
        token = self.access.issue_token(self.app.key, self.app.secret).access_token
        self.bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, path: str, address: str = HERE, **headers: str) -> testing.Result:
        """One call of the app."""
        return self.client.simulate_get(path, headers=self.bearer | headers, remote_addr=address)

    def login(self, password: str, address: str, user: str = "ann") -> testing.Result:
        """One login."""
        body = json.dumps({"username": user, "password": password})
        return self.client.simulate_post(LOGIN, body=body, headers=self.bearer, remote_addr=address)

    def token(self, secret: str, address: str = HERE) -> testing.Result:
        """One call for a token."""
        app = self.app._replace(secret=secret)
        form = "grant_type=client_credentials"
        return self.client.simulate_post(TOKEN, body=form, headers=basic(app), remote_addr=address)


@pytest.fixture
def make(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the world, which ends with the test. In it no time passes, however long calls take."""
    monkeypatch.setattr("tallystick.wiring.Observed", partial(Observed, timer=lambda: 0.0))
    made = list[World]()

    def made_with(**limits: int) -> World:
        made.append(World(store, **limits))
        return made[0]

    yield made_with
    made[0].access.close()


def test_an_address_that_calls_too_often_is_refused_in_each_rooms_shape(make: Make) -> None:
    world = make(address_calls_a_s=1)
    assert [world.get("/api/v1/accounts").status_code for _ in range(3)] == [200, 200, 429]
    refused = world.get("/api/v1/accounts")
    assert refused.json["error"]["code"] == "throttled"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Policy"] == '"address";q=2;w=2'
    assert refused.headers["RateLimit"] == '"address";r=0;t=1'
    in_thingspace = world.get("/api/m2m/v1/groups/x")
    assert (in_thingspace.status_code, in_thingspace.json["fault"]["code"]) == (429, "900800")
    assert in_thingspace.headers["Retry-After"] == "1"
    in_console = world.get("/mismatches")
    assert (in_console.status_code, in_console.headers["Retry-After"]) == (429, "1")
    assert world.get("/healthz").status_code == 200
    assert world.get("/api/v1/accounts", ELSEWHERE).status_code == 200
    page = world.get("/metrics", "192.0.2.1").text
    assert 'tallystick_throttled_calls_total{limit="address"} 4' in page


def test_an_app_is_limited_wherever_it_calls_from(make: Make) -> None:
    world = make(app_calls_a_s=1)
    addresses = (HERE, ELSEWHERE, "192.0.2.1")
    assert [world.get("/api/v1/apps", each).status_code for each in addresses] == [200, 200, 429]
    assert world.get("/api/v1/apps").headers["RateLimit-Policy"] == '"app";q=2;w=2'
    assert world.get("/healthz").status_code == 200


def test_a_user_is_limited_by_their_sessions_and_apps_by_themselves_are_not(make: Make) -> None:
    world = make(user_calls_a_s=1)
    session = {"VZ-M2M-Token": world.access.login("ann", PASSWORD)}
    path = "/api/m2m/v1/accounts/nobodys"
    assert [world.get(path, **session).status_code for _ in range(3)] == [400, 400, 429]
    assert world.get("/api/v1/apps").status_code == 200


def test_wrong_passwords_slow_down_the_name_at_that_address_only(make: Make) -> None:
    world = make(login_tries_a_min=4)
    answers = [world.login("wrong", HERE).status_code for _ in range(5)]
    assert answers == [400, 400, 400, 400, 429]
    refused = world.login(PASSWORD, HERE)
    assert refused.json["fault"]["code"] == "900800"
    assert 1 <= int(refused.headers["Retry-After"]) <= 15
    assert refused.headers["RateLimit-Policy"] == '"login";q=4;w=60'
    assert world.login("wrong", HERE, "bob").status_code == 400
    for _ in range(6):  # logins that succeed are no tries
        assert world.login(PASSWORD, ELSEWHERE).status_code == 200


def test_five_wrong_passwords_lock_a_user_before_the_usual_limit_slows_anybody(
    make: Make,
) -> None:
    world = make(login_tries_a_min=Settings().login_tries_a_min)
    for password in ["wrong"] * 5 + [PASSWORD]:
        refused = world.login(password, HERE)
        assert (refused.status_code, refused.json["errorCode"]) == (
            400,
            "UnifiedWebService.INPUT_INVALID.Password.Invalid",
        )


def test_wrong_secrets_of_an_app_are_slowed_down_and_right_ones_are_not(make: Make) -> None:
    world = make(login_tries_a_min=2)
    for _ in range(5):
        assert world.token(world.app.secret).status_code == 200
    assert [world.token("wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert world.token(world.app.secret).status_code == 429
    assert world.token(world.app.secret, ELSEWHERE).status_code == 200


def test_a_limit_of_0_is_none(make: Make) -> None:
    world = make()
    for _ in range(30):
        assert world.get("/api/v1/apps").status_code == 200
        assert world.token("wrong").status_code == 401


def test_each_worker_gives_out_its_share(make: Make) -> None:
    world = make(app_calls_a_s=4, workers=4)
    assert [world.get("/api/v1/apps").status_code for _ in range(3)] == [200, 200, 429]

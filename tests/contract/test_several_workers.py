"""Several processes serve one store: what one is told, all know."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tallystick.access import FAILED_LOGINS_MAX, Credentials
from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access
from tests.serving import (
    LOGIN,
    LOGOUT,
    PASSWORD,
    REPORT,
    TOKEN,
    basic,
    bearer,
    call,
    serving,
    signed_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTION = json.dumps({"filter": {"earliest": "2026-03-01", "latest": "2026-04-01"}})


@pytest.fixture(scope="module")
def app_and_ports(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Credentials, tuple[int, int]]]:
    """Two servers on one store, one of them with two workers."""
    database = f"sqlite:///{tmp_path_factory.mktemp('workers')}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        for user in ("user", "guessed"):
            access.add_user(user, PASSWORD, ["0342077109-00001"], all_accounts=False)
        app = access.add_app("app", ["m2m"])
    with serving(database) as one, serving(database, WORKERS="2") as two:
        yield app, (one, two)


def test_every_worker_issues_the_same_token(
    app_and_ports: tuple[Credentials, tuple[int, int]],
) -> None:
    app, ports = app_and_ports
    with ThreadPoolExecutor(8) as pool:
        ask = lambda port: call(port, "POST", TOKEN, "grant_type=client_credentials", basic(app))  # noqa: E731
        replies = list(pool.map(ask, ports * 8))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["access_token"] for reply in replies}) == 1


def test_a_session_is_good_at_every_worker_and_ends_at_all(
    app_and_ports: tuple[Credentials, tuple[int, int]],
) -> None:
    app, (one, two) = app_and_ports
    headers = signed_in(one, app, "user")
    for port in (one, two, two, two, two):
        assert call(port, "POST", REPORT, QUESTION, headers).status == 200
    assert call(two, "POST", LOGOUT, "", headers).status == 200
    for port in (one, two, two, two, two):
        reply = call(port, "POST", REPORT, QUESTION, headers)
        assert reply.json["errorCode"] == "UnifiedWebService.INPUT_INVALID.SessionToken.Invalid"


def test_failed_logins_count_at_all_workers_together(
    app_and_ports: tuple[Credentials, tuple[int, int]],
) -> None:
    app, ports = app_and_ports
    headers = bearer(ports[0], app)
    for number in range(FAILED_LOGINS_MAX):
        wrong = json.dumps({"username": "guessed", "password": "wrong"})
        assert call(ports[number % 2], "POST", LOGIN, wrong, headers).status == 400
    for port in ports:
        right = json.dumps({"username": "guessed", "password": PASSWORD})
        assert call(port, "POST", LOGIN, right, headers).status == 400

"""Callback listeners, over HTTP: they get the outcomes of uploads, whatever befalls the server."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.clock import system_clock
from tallystick.store.callbacks import ListenerRow
from tallystick.thingspace.callbacks import SERVICES
from tests.contract.conftest import Served, account_with, fleet_of
from tests.contract.test_groups import CATCH_ALL, check_refused
from tests.contract.test_uploads import NEW, UPLOAD, body_of, device, finished
from tests.engines import SQLITE, change
from tests.listening import AUTHORITY, listening, wait_until
from tests.quick_access import quick_access
from tests.serving import (
    PASSWORD,
    Session,
    server_of,
    serving,
    signed_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Credentials
    from tallystick.core.identifiers import Iccid
    from tallystick.store import Store
    from tallystick.store.callbacks import DeliveryRow

CALLBACKS = "/callbacks"
URL = "https://listener.example/callbacks"
DEVICE_SERVICE = "DeviceService"


def listener_at(url: str, name: str = DEVICE_SERVICE) -> dict[str, Any]:
    """What registers a listener."""
    return {"name": name, "url": url, "username": "ann", "password": "hush"}


def register(session: Session, account: str, url: str) -> None:
    """Register a listener for uploads."""
    reply = session.call("POST", f"{CALLBACKS}/{account}", listener_at(url))
    assert reply.json == {"accountName": account, "serviceName": DEVICE_SERVICE}


def upload(session: Session, account: str, iccid: Iccid) -> str:
    """Upload a pair; give the request's id."""
    reply = session.call("POST", UPLOAD, body_of(account, [device(iccid, NEW)]))
    return str(reply.json["requestId"])


def kept(store: Store) -> list[DeliveryRow]:
    """What waits or was given up."""
    with store.snapshot() as reader:
        return reader.deliveries(reader.accounts().values())


@pytest.fixture
def app(store: Store) -> Credentials:
    """An app, beside a user who sees everything."""
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("user", PASSWORD, [], all_accounts=True)
    made = access.add_app("app", ["m2m"])
    access.close()
    return made


@contextmanager
def served_with(database: str, app: Credentials, **settings: str) -> Iterator[Session]:
    """A session on a server with these settings."""
    with serving(database, **settings) as port:
        yield Session(port, signed_in(port, app, "user"))


def test_a_listener_is_registered_listed_without_its_password_replaced_and_deregistered(
    served: Served,
) -> None:
    served.fleet("listens", 1)
    session = served.session()
    assert session.call("GET", f"{CALLBACKS}/listens").json == []
    register(session, "listens", URL)
    reply = session.call(
        "POST", f"{CALLBACKS}/listens", {"name": "carrierservice", "url": f"{URL}/carrier?a=b"}
    )
    assert reply.json == {"accountName": "listens", "serviceName": "CarrierService"}
    reply = session.call("GET", f"{CALLBACKS}/listens")
    assert reply.json == [
        {
            "accountName": "listens",
            "serviceName": "CarrierService",
            "url": f"{URL}/carrier?a=b",
            "username": "",
        },
        {"accountName": "listens", "serviceName": DEVICE_SERVICE, "url": URL, "username": "ann"},
    ]
    register(session, "listens", f"{URL}/moved")
    reply = session.call("DELETE", f"{CALLBACKS}/listens/name/{DEVICE_SERVICE}")
    assert reply.json == {"accountName": "listens", "serviceName": DEVICE_SERVICE}
    assert [each["serviceName"] for each in session.call("GET", f"{CALLBACKS}/listens").json] == [
        "CarrierService"
    ]
    check_refused(
        session.call("DELETE", f"{CALLBACKS}/listens/name/{DEVICE_SERVICE}"),
        CATCH_ALL,
        DEVICE_SERVICE,
    )


def test_every_documented_service_can_be_registered(served: Served) -> None:
    served.fleet("all of them", 1)
    session = served.session()
    for name in SERVICES:  # the SDKs of four languages write a blank as a plus
        reply = session.call("POST", f"{CALLBACKS}/all+of+them", listener_at(URL, name))
        assert (reply.status, reply.json["accountName"]) == (200, "all of them")
    assert len(session.call("GET", f"{CALLBACKS}/all%20of%20them").json) == len(SERVICES)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "name"),
    "no url": ({"url": ""}, "url"),
    "another service": ({"name": "Location"}, "'Location'"),
    "http": ({"url": "http://listener.example/"}, "https://"),
    "a private address": ({"url": "https://10.1.2.3/"}, "10.1.2.3"),
    "a loopback address": ({"url": "https://[::1]:9001/"}, "::1"),
    "a link-local address": ({"url": "https://169.254.169.254/latest"}, "169.254.169.254"),
    "localhost": ({"url": "https://localhost:9001/"}, "localhost"),
    "a name below localhost": ({"url": "https://api.LOCALHOST./"}, "api.localhost."),
    "a private name": ({"url": "https://metadata.google.internal/"}, "metadata.google.internal"),
    "a name without a dot": ({"url": "https://intranet/"}, "intranet"),
    "a decimal address": ({"url": "https://2130706433/"}, "2130706433"),
    "a short address": ({"url": "https://127.1/"}, "127.1"),
    "a password in the url": (
        {"url": "https://ann:hush@listener.example/"},
        "username and password",
    ),
    "a long password": ({"password": "x" * 300}, "password"),
    "a number": ({"url": 7}, "url"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_no_listener_is_refused(served: Served, wrong: str) -> None:
    served.fleet("refused", 1)
    body, at_fault = REFUSED[wrong]
    reply = served.session().call("POST", f"{CALLBACKS}/refused", listener_at(URL) | body)
    check_refused(reply, CATCH_ALL, at_fault)
    assert b"hush" not in reply.body


def test_who_may_not_see_the_account_neither_sees_nor_changes_its_listeners(served: Served) -> None:
    served.fleet("hidden", 1)
    register(served.session(), "hidden", URL)
    other = served.session("other")
    for account in ("hidden", "none"):
        for method, path, body in (
            ("GET", f"{CALLBACKS}/{account}", None),
            ("POST", f"{CALLBACKS}/{account}", listener_at(URL)),
            ("DELETE", f"{CALLBACKS}/{account}/name/{DEVICE_SERVICE}", None),
        ):
            check_refused(other.call(method, path, body), "REQUEST_FAILED.AccountNotFound", account)


@pytest.mark.parametrize("engine", [SQLITE])
def test_an_uploads_outcome_arrives_at_a_listener_that_fails_at_first(
    store: Store, database: str, app: Credentials
) -> None:
    (iccid,) = fleet_of(store, "told", 1)
    with (
        listening(500, 200) as listener,
        served_with(database, app, CALLBACK_PRIVATE_ADDRESSES="yes") as session,
    ):
        register(session, "told", f"http://127.0.0.1:{listener.port}/")
        request_id = upload(session, "told", iccid)
        listener.arrived(2)
        wait_until(lambda: not kept(store))
    assert [message.pop("callbackCount") for message in listener.messages] == [1, 2]
    assert listener.messages[0] == listener.messages[1]
    assert listener.messages[0] == {
        "username": "ann",
        "password": "hush",
        "requestId": request_id,
        "deviceIds": [],
        "status": "Success",
        "outcome": {"accepted": 1, "rejected": []},
    }


@pytest.mark.parametrize("engine", [SQLITE])
def test_a_name_that_leads_to_a_private_address_is_not_called(
    store: Store, database: str, app: Credentials
) -> None:
    """A program that did not refuse it registered it, or its name moved since."""
    account_id, (iccid,) = account_with(store, "told", 1)
    with listening(tls=True) as listener, served_with(database, app) as session:
        url = f"https://localhost:{listener.port}/"
        with store.transaction() as writer:
            writer.put_listener(ListenerRow(account_id, DEVICE_SERVICE, url, "", ""))
        upload(session, "told", iccid)
        wait_until(lambda: [each for each in kept(store) if each.attempts])
        assert "no public address" in str(kept(store)[0].last_error)
        assert listener.messages == []


@pytest.mark.parametrize("engine", [SQLITE])
def test_over_tls_the_authority_and_the_name_have_to_be_right(
    store: Store, database: str, app: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    (right,), (wrong,) = fleet_of(store, "right", 1), fleet_of(store, "wrong", 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    with (
        listening(tls=True) as listener,
        served_with(database, app, CALLBACK_PRIVATE_ADDRESSES="yes") as session,
    ):
        register(session, "wrong", f"https://127.0.0.1:{listener.port}/")
        register(session, "right", f"https://localhost:{listener.port}/")
        upload(session, "wrong", wrong)
        request_id = upload(session, "right", right)
        assert listener.arrived(1)[0]["requestId"] == request_id
        wait_until(lambda: [bool(each.attempts) for each in kept(store)] == [True])
        (failed,) = kept(store)
        assert "certificate verify failed" in str(failed.last_error)
        assert len(listener.messages) == 1


def killed_while_a_listener_is_called(
    database: str, app: Credentials, account: str, iccid: Iccid, url: str
) -> str:
    """Serve, upload, and kill the server while the outcome is being delivered; give the request."""
    with server_of(database, CALLBACK_PRIVATE_ADDRESSES="yes") as (port, process):
        session = Session(port, signed_in(port, app, "user"))
        register(session, account, url)
        request_id = upload(session, account, iccid)
        finished(session, account, request_id)
        process.kill()
    return request_id


def test_what_a_killed_server_had_not_delivered_is_delivered_by_the_next(
    store: Store, database: str, app: Credentials
) -> None:
    (iccid,) = fleet_of(store, "killed", 1)
    with listening() as listener:
        listener.holding.set()
        url = f"http://127.0.0.1:{listener.port}/"
        request_id = killed_while_a_listener_is_called(database, app, "killed", iccid, url)
        assert [(each.request_id, each.attempts) for each in kept(store)] == [(request_id, 0)]
        change(database, "UPDATE deliveries SET leased_until = 0")  # as if a minute had gone
        listener.holding.clear()
        before = len(listener.messages)
        with served_with(database, app, CALLBACK_PRIVATE_ADDRESSES="yes"):
            assert listener.arrived(before + 1)[-1]["requestId"] == request_id
            wait_until(lambda: not kept(store))

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tallystick.store.callbacks import ListenerRow

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.cli.conftest import Run

SECOND = 1_000_000


@pytest.fixture
def delivery_id(store: Store) -> int:
    """A delivery that was given up, among two listeners of two accounts and one that waits."""
    with store.transaction() as writer:
        account_ids, _ = writer.account_ids_made({"A-1", "A-2"})
        for account_id in account_ids.values():
            writer.put_listener(
                ListenerRow(account_id, "DeviceService", "https://listener.example/", "ann", "hush")
            )
        writer.add_deliveries(
            account_ids["A-1"], "DeviceService", "failed", b'{"accepted":1,"rejected":[]}', 0
        )
        writer.add_deliveries(
            account_ids["A-2"],
            "DeviceService",
            "waits",
            b'{"accepted":1,"rejected":[]}',
            5 * SECOND,
        )
        (due,) = [
            each for each in writer.deliveries(account_ids.values()) if each.request_id == "failed"
        ]
        writer.fail_delivery(due.delivery_id, 3, 50 * SECOND, 60 * SECOND, "answered 503")
        (leased,) = writer.lease_deliveries([due.delivery_id], 0)
        assert writer.give_up_deliveries(leased.listener_id, 0, 70 * SECOND, "answered 503") == 1
    return due.delivery_id


def test_listeners_and_what_waits_or_was_given_up_are_listed(run: Run, delivery_id: int) -> None:
    listed = json.loads(run("callbacks", "list", "--json").stdout)
    listener = {"service": "DeviceService", "url": "https://listener.example/", "username": "ann"}
    assert listed["listeners"] == [{"account": "A-1"} | listener, {"account": "A-2"} | listener]
    failed, waits = listed["deliveries"]
    assert failed == {
        "id": delivery_id,
        "account": "A-1",
        "service": "DeviceService",
        "request": "failed",
        "attempts": 3,
        "since": "1970-01-01T00:00:00Z",
        "next_try": None,
        "given_up": "1970-01-01T00:01:10Z",
        "last_error": "answered 503",
    }
    assert (waits["next_try"], waits["given_up"]) == ("1970-01-01T00:00:05Z", None)


def test_people_see_tables_of_them_without_passwords(run: Run, delivery_id: int) -> None:
    table = run("callbacks", "list").stdout
    assert f"{delivery_id}" in table
    assert "answered 503" in table
    assert table.count("https://listener.example/") == 2
    assert "hush" not in table


@pytest.mark.usefixtures("delivery_id")
def test_an_account_is_listed_alone_and_an_unknown_one_is_refused(run: Run) -> None:
    listed = json.loads(run("callbacks", "list", "--account", "A-2", "--json").stdout)
    assert {each["account"] for kind in listed.values() for each in kind} == {"A-2"}
    refused = run("callbacks", "list", "--account", "A-3", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"]["code"] == "account-not-found"


@pytest.mark.usefixtures("store")
def test_where_nobody_listens_an_empty_list_is_told(run: Run) -> None:
    assert json.loads(run("callbacks", "list", "--json").stdout) == {
        "listeners": [],
        "deliveries": [],
    }


def test_a_delivery_that_was_given_up_waits_again(run: Run, delivery_id: int) -> None:
    assert (
        run("callbacks", "retry", str(delivery_id)).stdout == f"delivery {delivery_id} is due now\n"
    )
    assert json.loads(run("callbacks", "retry", str(delivery_id), "--json").stdout) == {
        "id": delivery_id
    }
    failed = json.loads(run("callbacks", "list", "--account", "A-1", "--json").stdout)[
        "deliveries"
    ][0]
    assert failed["given_up"] is None
    assert failed["next_try"] == failed["since"] != "1970-01-01T00:00:00Z"


def test_a_delivery_that_is_not_there_is_refused(run: Run, delivery_id: int) -> None:
    refused = run("callbacks", "retry", str(delivery_id + 7), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"]["code"] == "delivery-not-found"
    assert run("callbacks", "retry", "seven").exit_code == 2

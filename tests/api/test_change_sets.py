"""The ledger over HTTP, from a real server."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.access import Credentials
from tallystick.clock import system_clock
from tallystick.outbox.uploads import Uploads
from tests.answering import answering
from tests.kept import everything_in
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Session, bearer, call, signed_in
from tests.store.few import FOREIGN, HOME, ICCIDS, ONE, TWO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store
    from tests.serving import Reply

FACTS = [{"iccid": str(ONE), "imei": str(FOREIGN)}, {"iccid": str(TWO), "imei": str(HOME)}]


@pytest.fixture
def apps(mismatched: Store) -> dict[str, Credentials]:
    """Apps that bring facts, two that may decide, and one that may neither."""
    access = quick_access(mismatched, system_clock, secrets.token_bytes)
    scopes = {
        "sender": ["intake"],
        "desk": ["intake", "admin"],
        "chief": ["admin"],
        "asker": ["m2m"],
    }
    made = {name: access.add_app(name, granted) for name, granted in scopes.items()}
    access.close()
    return made


class Api:
    """Calls as one of the apps."""

    def __init__(self, port: int, apps: dict[str, Credentials]) -> None:
        self.port = port
        self._headers = {name: bearer(port, app) for name, app in apps.items()}

    def make(self, maker: str, name: str) -> None:
        """One app makes another one, which may call from then on."""
        reply = self.ask(maker, "POST", "apps", {"name": name, "scopes": ["admin", "intake"]})
        assert reply.status == 201, reply
        self.let_in(name, Credentials(**reply.json))

    def let_in(self, name: str, app: Credentials) -> None:
        """An app may call from now on."""
        self._headers[name] = bearer(self.port, app)

    def renew(self, renewer: str, name: str) -> None:
        """One app gives another one a new secret."""
        made = self.told(renewer, "POST", f"apps/{name}/secret")
        self.let_in(name, Credentials(**made))

    def ask(self, app: str, method: str, path: str, body: Any = None, **headers: str) -> Reply:  # noqa: ANN401 - any JSON
        """One call."""
        text = b"" if body is None else json.dumps(body)
        return call(self.port, method, f"/api/v1/{path}", text, self._headers[app] | headers)

    def told(self, app: str, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 - any JSON
        """What one that is not refused answers."""
        reply = self.ask(app, method, path, body)
        assert reply.status == 200, reply
        return reply.json


@pytest.fixture
def api(apps: dict[str, Credentials], database: str) -> Iterator[Api]:
    """A server on a store with one mismatch."""
    with answering(database) as port:
        yield Api(port, apps)


def error_of(reply: Reply) -> tuple[int, str]:
    """Status and code of a refusal, in the shape that all have."""
    assert set(reply.json["error"]) == {"code", "message"}
    return reply.status, reply.json["error"]["code"]


def test_a_call_is_a_change_set_with_who_and_why_and_is_undone_as_one(
    api: Api, mismatched: Store
) -> None:
    before = everything_in(mismatched)
    api.told("sender", "POST", "expectations?ticket=OPS-1&reason=bench%20swap", FACTS)
    (last, *_) = api.told("desk", "GET", "change-sets")["change_sets"]
    assert (last["actor"], last["source"], last["state"]) == ("sender", "api", "applied")
    assert (last["ticket"], last["reason"], last["added"], last["corrected"]) == (
        "OPS-1",
        "bench swap",
        1,
        1,
    )
    number = last["change_set_id"]
    shown = api.told("desk", "GET", f"change-sets/{number}")
    assert [(each["old_imei"], each["new_imei"]) for each in shown["changes"]] == [
        (str(HOME), str(FOREIGN)),
        (None, str(HOME)),
    ]
    undone_in = api.told("chief", "POST", f"change-sets/{number}/undo?ticket=OPS-2")
    assert (undone_in["undoes"], undone_in["actor"], undone_in["ticket"]) == (
        number,
        "chief",
        "OPS-2",
    )
    assert everything_in(mismatched) == before
    assert error_of(api.ask("chief", "POST", f"change-sets/{number}/undo")) == (
        409,
        "change-set-decided",
    )


def test_a_dry_run_tells_what_would_come_and_go_and_changes_nothing(
    api: Api, mismatched: Store
) -> None:
    before = everything_in(mismatched)
    receipt = api.told("sender", "POST", "expectations?mode=dry-run", [*FACTS, {"iccid": "no"}])
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (3, 2, 1)
    assert (receipt["added"], receipt["corrected"], receipt["opens"]) == (1, 1, [])
    assert [row["iccid"] for row in receipt["closes"]] == [str(ONE)]
    assert [reject["index"] for reject in receipt["rejects"]] == [2]
    assert everything_in(mismatched) == before
    many = [{"iccid": str(iccid), "imei": str(HOME)} for iccid in ICCIDS[:200]]
    assert api.told("sender", "POST", "expectations?mode=dry-run", many)["added"] == 199
    assert everything_in(mismatched) == before


def test_a_proposal_is_approved_by_another_app(api: Api, mismatched: Store) -> None:
    proposed = api.told("desk", "POST", "expectations?mode=propose", FACTS)
    path = f"change-sets/{proposed['change_set_id']}"
    assert (proposed["accepted"], api.told("chief", "GET", path)["state"]) == (2, "proposed")
    assert error_of(api.ask("desk", "POST", f"{path}/approve")) == (409, "own-proposal")
    assert len(everything_in(mismatched).kept) == 1
    receipt = api.told("chief", "POST", f"{path}/approve")
    assert (receipt["read"], receipt["accepted"]) == (2, 2)
    assert everything_in(mismatched).kept == []
    told = api.told("chief", "GET", path)
    assert (told["state"], told["actor"], told["decided_by"]) == ("applied", "desk", "chief")
    later = api.told("sender", "POST", "expectations?mode=propose", FACTS)["change_set_id"]
    assert api.told("desk", "POST", f"change-sets/{later}/reject")["state"] == "rejected"
    rejected = api.told("desk", "GET", "change-sets?state=rejected")["change_sets"]
    assert [each["change_set_id"] for each in rejected] == [later]


def test_an_app_withdraws_what_it_has_proposed(api: Api, mismatched: Store) -> None:
    before = everything_in(mismatched)
    proposed = api.told("desk", "POST", "expectations?mode=propose", FACTS)
    path = f"change-sets/{proposed['change_set_id']}"
    withdrawn = api.told("desk", "POST", f"{path}/reject")
    assert (withdrawn["state"], withdrawn["decided_by"]) == ("rejected", "desk")
    assert error_of(api.ask("chief", "POST", f"{path}/approve")) == (409, "change-set-decided")
    assert everything_in(mismatched) == before


def test_an_app_withdraws_nothing_of_one_whose_name_only_begins_like_its_own(api: Api) -> None:
    proposals = {}
    for name in ("sync", "sync-a"):
        api.make("chief", name)
        receipt = api.told(name, "POST", "expectations?mode=propose", FACTS)
        proposals[name] = f"change-sets/{receipt['change_set_id']}/reject"
    for name, other in (("sync", "sync-a"), ("sync-a", "sync")):
        assert error_of(api.ask(name, "POST", proposals[other])) == (409, "own-proposal")
    for name, address in proposals.items():
        assert api.told(name, "POST", address)["decided_by"] == name


def test_a_call_of_one_app_alone_changes_nothing_of_an_account_that_asks_for_approval(
    api: Api, mismatched: Store
) -> None:
    assert api.told("chief", "PATCH", "accounts/a", {"approval": "required"})["approval"] == (
        "required"
    )
    before = everything_in(mismatched)
    for body in (FACTS, FACTS[:1]):
        refused = api.ask("desk", "POST", "expectations", body)
        assert error_of(refused) == (409, "approval-required")
        assert f"account 'a' of SIM {ONE}" in refused.json["error"]["message"]
    keyed = api.ask("desk", "POST", "expectations", FACTS, **{"Idempotency-Key": "k"})
    assert error_of(keyed) == (409, "approval-required")
    assert everything_in(mismatched) == before
    assert api.told("desk", "POST", "expectations", FACTS[1:])["accepted"] == 1
    proposed = api.told("desk", "POST", "expectations?mode=propose", FACTS)
    path = f"change-sets/{proposed['change_set_id']}"
    assert error_of(api.ask("desk", "POST", f"{path}/approve")) == (409, "own-proposal")
    assert api.told("chief", "POST", f"{path}/approve")["accepted"] == 1
    undoing = api.told("chief", "POST", f"{path}/undo")
    assert (undoing["state"], undoing["undoes"]) == ("proposed", proposed["change_set_id"])
    path = f"change-sets/{undoing['change_set_id']}/approve"
    assert error_of(api.ask("chief", "POST", path)) == (409, "own-proposal")
    assert api.told("desk", "POST", path)["accepted"] == 1
    assert len(everything_in(mismatched).kept) == 1


def test_what_later_change_sets_stand_on_is_not_undone_and_lists_go_on(api: Api) -> None:
    for imei in (FOREIGN, HOME):
        api.told("sender", "POST", "expectations", [{"iccid": str(ONE), "imei": str(imei)}])
    second, first, *_ = api.told("desk", "GET", "change-sets?at_most=2")["change_sets"]
    refused = api.ask("desk", "POST", f"change-sets/{first['change_set_id']}/undo")
    assert error_of(refused) == (409, "changed-since")
    assert str(ONE) in refused.json["error"]["message"]
    assert str(second["change_set_id"]) in refused.json["error"]["message"]
    numbers = [
        each["change_set_id"] for each in api.told("desk", "GET", "change-sets")["change_sets"]
    ]
    assert numbers == sorted(numbers, reverse=True)
    rest = api.told("desk", "GET", f"change-sets?before={numbers[1]}")["change_sets"]
    assert [each["change_set_id"] for each in rest] == numbers[2:]


REFUSALS = [
    ("sender", "GET", "change-sets", (403, "scope-refused")),
    ("sender", "GET", "change-sets/1", (403, "scope-refused")),
    ("sender", "POST", "change-sets/1/approve", (403, "scope-refused")),
    ("sender", "POST", "change-sets/1/reject", (403, "scope-refused")),
    ("asker", "POST", "change-sets/1/undo", (403, "scope-refused")),
    ("chief", "POST", "expectations?mode=propose", (403, "scope-refused")),
    ("desk", "GET", "change-sets/99", (404, "change-set-not-found")),
    ("desk", "GET", "change-sets/x", (404, "change-set-not-found")),
    ("desk", "POST", f"change-sets/{'9' * 40}/undo", (404, "change-set-not-found")),
    ("desk", "GET", "change-sets?state=odd", (400, "invalid-value")),
    ("desk", "GET", "change-sets?at_most=0", (400, "invalid-value")),
    ("desk", "GET", "change-sets?before=x", (400, "invalid-value")),
    ("desk", "GET", f"change-sets?before={'9' * 5000}", (400, "invalid-value")),
    ("desk", "GET", f"change-sets?at_most={'1'.zfill(20)}{'9' * 8}", (400, "invalid-value")),
    ("desk", "POST", "expectations?mode=odd", (400, "invalid-value")),
    ("desk", "POST", f"expectations?ticket={'x' * 501}", (400, "invalid-value")),
    ("desk", "POST", "sims?mode=dry-run", (400, "invalid-value")),
    ("desk", "GET", "change-sets?stat=proposed", (400, "invalid-value")),
    ("desk", "GET", "change-sets?state=proposed&state=applied", (400, "invalid-value")),
    ("desk", "POST", "change-sets/1/approve?mode=dry-run", (400, "invalid-value")),
    ("desk", "PUT", "change-sets", (405, "method-not-allowed")),
]


def test_what_cannot_be_is_refused_in_one_shape(api: Api) -> None:
    for app, method, path, refusal in REFUSALS:
        body = None if path.startswith("change-sets/") else FACTS
        assert error_of(api.ask(app, method, path, body)) == refusal, (app, method, path)
    for mode in ("dry-run", "propose"):
        reply = api.ask(
            "desk", "POST", f"expectations?mode={mode}", FACTS, **{"Idempotency-Key": "k"}
        )
        assert error_of(reply) == (400, "invalid-value")
    for _ in range(2):
        reply = api.ask(
            "sender", "POST", "expectations?mode=apply", FACTS, **{"Idempotency-Key": "k"}
        )
        assert (reply.status, reply.json["accepted"]) == (200, 2)


def test_an_app_that_the_proposer_made_or_whose_secret_it_renewed_is_no_second_person(
    api: Api, mismatched: Store
) -> None:
    api.make("desk", "puppet")
    api.renew("puppet", "puppet")
    proposed = api.told("desk", "POST", "expectations?mode=propose", FACTS)
    path = f"change-sets/{proposed['change_set_id']}"
    for decision in ("approve", "reject"):
        refused = api.ask("puppet", "POST", f"{path}/{decision}")
        assert error_of(refused) == (409, "own-proposal")
    api.renew("desk", "chief")
    assert error_of(api.ask("chief", "POST", f"{path}/approve")) == (409, "own-proposal")
    assert len(everything_in(mismatched).kept) == 1


def test_an_app_decides_about_no_upload_of_a_user_behind_it(api: Api, mismatched: Store) -> None:
    access = quick_access(mismatched, system_clock, secrets.token_bytes)
    access.add_user("up", PASSWORD, ["a"], all_accounts=False)
    both = access.add_app("both", ["m2m", "admin"])
    access.close()
    api.let_in("both", both)
    api.told("chief", "PATCH", "accounts/a", {"approval": "required"})
    pair = [{"kind": "imei", "id": str(FOREIGN)}, {"kind": "iccid", "id": str(ONE)}]
    body = {
        "accountName": "a",
        "emailAddress": "desk@example.com",
        "deviceSku": "SKU1",
        "uploadType": "IMEI ICCID Pair",
        "devices": [{"deviceIds": pair}],
    }
    session = Session(api.port, signed_in(api.port, both, "up"))
    assert session.call("POST", "/devices/actions/upload", body).status == 200
    assert Uploads(mismatched, system_clock, secrets.token_bytes).take_next()
    (proposed,) = api.told("chief", "GET", "change-sets?state=proposed")["change_sets"]
    assert proposed["actor"] == "both/up"
    path = f"change-sets/{proposed['change_set_id']}/approve"
    assert error_of(api.ask("both", "POST", path)) == (409, "own-proposal")
    assert api.told("chief", "POST", path)["accepted"] == 1


def test_who_made_an_app_is_remembered_when_it_is_gone(api: Api) -> None:
    for name in ("puppet", "other"):
        api.make("desk", name)
    proposed = api.told("puppet", "POST", "expectations?mode=propose", FACTS)
    path = f"change-sets/{proposed['change_set_id']}"
    assert api.ask("desk", "DELETE", "apps/puppet").status == 204
    for approver in ("other", "desk"):
        assert error_of(api.ask(approver, "POST", f"{path}/approve")) == (409, "own-proposal")
    assert api.told("chief", "POST", f"{path}/approve")["accepted"] == 2

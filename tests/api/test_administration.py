"""Accounts, users, apps, groups and SIMs over HTTP, from a real server."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pytest

from tallystick.access import Access, Credentials
from tallystick.api.operation import NO_BODY_BYTES_MAX
from tallystick.clock import system_clock
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet.groups import MEMBERS_A_PAGE_MAX
from tallystick.store import Store, open_store
from tallystick.thingspace.rows import wire_row
from tests.answering import answering
from tests.engines import ENGINES, database_on, made
from tests.quick_access import quick_access
from tests.serving import LOGIN, LOGOUT, PASSWORD, REPORT, basic, bearer, call, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Reply

ODD = 'a/b %2F 100% é "x" ?#'
"""A name with everything in it that a path could trip over."""
ROOT = "/api/v1"
HOME, AWAY = Imei.parse("352099001761481"), Imei.parse("357152091234562")
WINDOW = {"filter": {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}}


class Served(NamedTuple):
    """A server, and an app with the scope admin."""

    port: int
    store: Store
    access: Access
    headers: dict[str, str]

    def call(self, method: str, path: str, body: object = None) -> Reply:
        """A call of the admin app."""
        return call(
            self.port,
            method,
            f"{ROOT}{path}",
            b"" if body is None else json.dumps(body),
            self.headers,
        )

    def done(self, method: str, path: str, body: object = None, status: int = 200) -> Any:  # noqa: ANN401 - any JSON
        """A call that succeeds; gives its answer."""
        reply = self.call(method, path, body)
        assert reply.status == status, reply
        return reply.json if reply.body else None

    def refused(self, method: str, path: str, body: object, status: int, code: str) -> str:
        """A call that is refused; gives the message."""
        reply = self.call(method, path, body)
        assert (reply.status, reply.json["error"]["code"]) == (status, code), reply
        return str(reply.json["error"]["message"])

    def fleet(self, account: str, count: int, first: int) -> list[Iccid]:
        """Mismatched SIMs of an account."""
        iccids = [Iccid.parse(f"8914800000{number:08d}") for number in range(first, first + count)]
        date, seen = parse_moment("2024-02-03T04:05:06Z"), parse_moment("2026-03-05T10:00:00Z")
        with self.store.transaction() as writer:
            writer.take(Sim, [Sim(iccid, None, account, date, "4G") for iccid in iccids])
            writer.take(
                SimExpectation, [SimExpectation(iccid, BEGINNING, HOME) for iccid in iccids]
            )
            writer.take(SimActivation, [SimActivation(iccid, seen, AWAY) for iccid in iccids])
        return iccids


@pytest.fixture(scope="module", params=ENGINES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One for all tests; each names its own things."""
    with (
        database_on(request.param, tmp_path_factory.mktemp("served")) as database,
        open_store(database, wire_row) as store,
    ):
        access = quick_access(made(store, request.param), system_clock, secrets.token_bytes)
        app = access.add_app("admin", ["admin"])
        with answering(database, "America/Los_Angeles") as port:
            yield Served(port, store, access, bearer(port, app))
        access.close()


def segment(name: str) -> str:
    """A name as a segment of a path, with slashes, and percent signs before them, encoded twice."""
    return quote(name.replace("%2F", "%252F").replace("/", "%2F"), safe="")


# Accounts


def test_an_account_is_made_shown_renamed_and_removed_whatever_its_name(served: Served) -> None:
    reply = served.call("POST", "/accounts", {"name": ODD})
    assert (reply.status, reply.json) == (
        201,
        {"name": ODD, "first_use": "off", "approval": "off", "sims": 0, "groups": 0, "users": []},
    )
    assert reply.headers["location"] == f"{ROOT}/accounts/{segment(ODD)}"
    assert (
        call(served.port, "GET", reply.headers["location"], headers=served.headers).json
        == reply.json
    )
    assert {"name": ODD, "approval": "off"} in served.done("GET", "/accounts")["accounts"]
    assert served.done("PATCH", f"/accounts/{segment(ODD)}", {"name": "%252F"})["name"] == "%252F"
    assert served.done("PATCH", f"/accounts/{quote('%25252F')}", {})["name"] == "%252F"
    served.done("DELETE", f"/accounts/{quote('%25252F')}", status=204)
    served.refused("GET", f"/accounts/{segment(ODD)}", None, 404, "account-not-found")


def test_a_renamed_account_reads_so_in_the_report(served: Served) -> None:
    served.fleet("before", 2, 100)
    served.access.add_user("reader", PASSWORD, ["before"], all_accounts=False)
    headers = signed_in(served.port, served.access.add_app("reader", ["m2m"]), "reader")
    assert served.done("PATCH", "/accounts/before", {"name": "after"})["users"] == ["reader"]
    rows = call(served.port, "POST", REPORT, json.dumps(WINDOW), headers).json["devices"]
    assert [row["accountName"] for row in rows] == ["after", "after"]


def test_an_account_holds_its_sims_to_where_they_were_first_seen(served: Served) -> None:
    (sim,) = served.fleet("held", 1, 250)
    shown = served.done("PATCH", "/accounts/held", {"first_use": "model"})
    assert (shown["first_use"], shown["sims"]) == ("model", 1)
    assert served.done("GET", "/accounts/held") == shown
    message = served.refused(
        "PATCH", "/accounts/held", {"first_use": "always"}, 400, "invalid-value"
    )
    assert message == "first_use must be one of imei, model, off, not 'always'"
    assert served.done("GET", f"/sims/{sim}")["account"] == "held"


def test_change_sets_tell_their_times_in_the_zone_that_every_answer_has(served: Served) -> None:
    (sim,) = served.fleet("zoned", 1, 260)
    served.done("DELETE", f"/sims/{sim}", status=204)
    (removal,) = served.done("GET", "/change-sets?at_most=1")["change_sets"]
    assert removal["brought_at"].endswith(("-07:00", "-08:00"))
    shown = served.done("GET", f"/change-sets/{removal['change_set_id']}")
    assert (shown["brought_at"], shown["changes"][0]["iccid"]) == (removal["brought_at"], str(sim))


def test_an_account_with_sims_is_not_removed(served: Served) -> None:
    served.fleet("full", 1, 200)
    message = served.refused("DELETE", "/accounts/full", None, 409, "account-not-empty")
    assert message == "account 'full' is not empty (SIMs: 1); move or remove what it has first"
    assert "'full'" in served.refused("POST", "/accounts", {"name": "full"}, 409, "name-taken")


# Groups


def test_a_group_lives_in_its_account(served: Served) -> None:
    one, two = served.fleet("grouped", 2, 300)
    body = {"name": ODD, "description": "far", "add": [str(one), "5096300001"]}
    reply = served.call("POST", "/accounts/grouped/groups", body)
    assert (reply.status, reply.json) == (
        201,
        {"name": ODD, "description": "far", "is_default": False, "passed_over": ["5096300001"]},
    )
    path = reply.headers["location"].removeprefix(ROOT)
    changed = served.done(
        "PATCH", path, {"add": [str(two)], "remove": [str(one)], "description": ""}
    )
    assert changed == {"name": ODD, "description": "", "is_default": False, "passed_over": []}
    page = served.done("GET", path)
    assert (page["sims"], page["next"]) == ([{"iccid": str(two), "mdn": None}], None)
    assert [
        group["name"] for group in served.done("GET", "/accounts/grouped/groups")["groups"]
    ] == [UNASSIGNED, ODD]
    served.done("PATCH", path, {"name": "plain"})
    served.done("DELETE", "/accounts/grouped/groups/plain", status=204)
    served.refused("DELETE", "/accounts/grouped/groups/plain", None, 404, "group-not-found")
    served.refused(
        "DELETE", f"/accounts/grouped/groups/{quote(UNASSIGNED)}", None, 409, "default-group-kept"
    )
    served.refused("GET", "/accounts/nobody's/groups", None, 404, "account-not-found")


def test_a_large_group_comes_in_pages(served: Served) -> None:
    served.fleet("small", 1, 9_999)
    iccids = [str(iccid) for iccid in served.fleet("large", MEMBERS_A_PAGE_MAX + 1, 10_000)]
    path = f"/accounts/large/groups/{quote(UNASSIGNED)}"
    first = served.done("GET", path)
    assert first["next"] == iccids[-2]
    second = served.done("GET", f"{path}?after={first['next']}")
    assert [sim["iccid"] for sim in (*first["sims"], *second["sims"])] == iccids
    assert second["next"] is None
    listed = served.done("GET", "/sims?account=large")
    assert [sim["iccid"] for sim in listed["sims"]] == iccids[:-1]
    (last,) = served.done("GET", f"/sims?account=large&after={listed['next']}")["sims"]
    assert last == {
        "iccid": iccids[-1],
        "account": "large",
        "group": UNASSIGNED,
        "mdn": None,
        "activation_date": "2024-02-02T20:05:06-08:00",
        "generation": "4G",
        "last_seen_at": "2026-03-05T02:00:00-08:00",
        "last_imei": "357152091234562",
        "expected_imei": "352099001761481",
    }
    assert len({sim["account"] for sim in served.done("GET", "/sims")["sims"]}) > 1
    served.refused("GET", "/sims?account=lost", None, 404, "account-not-found")
    assert "'x'" in served.refused("GET", f"{path}?after=x", None, 400, "invalid-value")


# Users


def test_a_user_is_made_changed_unlocked_and_removed(served: Served) -> None:
    body = {"name": "dora", "password": PASSWORD, "accounts": ["seen"]}
    user = {
        "name": "dora",
        "accounts": ["seen"],
        "all_accounts": False,
        "role": "viewer",
        "locked": False,
    }
    reply = served.call("POST", "/users", body)
    assert (reply.status, reply.json, reply.headers["location"]) == (
        201,
        user,
        f"{ROOT}/users/dora",
    )
    assert user in served.done("GET", "/users")["users"]
    wanted = {
        "grant": ["other"],
        "revoke": ["seen"],
        "all_accounts": True,
        "password": "battery staple",
        "role": "editor",
    }
    assert served.done("PATCH", "/users/dora", wanted) == user | {
        "accounts": ["other"],
        "all_accounts": True,
        "role": "editor",
    }
    headers = bearer(served.port, served.access.add_app("doras", ["m2m"]))
    login = json.dumps({"username": "dora", "password": "battery staple"})
    for _ in range(5):
        call(
            served.port,
            "POST",
            LOGIN,
            json.dumps({"username": "dora", "password": "wrong"}),
            headers,
        )
    assert served.done("GET", "/users/dora")["locked"]
    assert not served.done("POST", "/users/dora/unlock")["locked"]
    session = headers | {
        "VZ-M2M-Token": call(served.port, "POST", LOGIN, login, headers).json["sessionToken"]
    }
    assert call(served.port, "POST", REPORT, json.dumps(WINDOW), session).status == 200
    served.done("DELETE", "/users/dora", status=204)
    for path in (REPORT, LOGOUT):
        ended = call(served.port, "POST", path, json.dumps(WINDOW), session)
        assert ended.json["errorCode"] == "UnifiedWebService.INPUT_INVALID.SessionToken.Invalid"
    served.refused("GET", "/users/dora", None, 404, "user-not-found")


def test_an_app_that_chooses_a_password_is_kept_as_who_may_act_as_that_user(
    served: Served,
) -> None:
    served.done("POST", "/users", {"name": "finn", "password": PASSWORD}, status=201)
    served.access.add_user("gwen", PASSWORD, [], all_accounts=True)
    served.done("PATCH", "/users/gwen", {"role": "approver"})
    assert keepers_in(served) == {"console/finn": "admin"}
    served.done("PATCH", "/users/gwen", {"password": "battery staple"})
    assert keepers_in(served)["console/gwen"] == "admin"


def keepers_in(served: Served) -> dict[str, str]:
    """Who may act as one of the two users."""
    names = ("console/finn", "console/gwen")
    with served.store.snapshot() as reader:
        return {name: by for name, by in reader.app_keepers().items() if name in names}


# Apps


def test_an_app_is_made_changed_given_another_secret_and_removed(served: Served) -> None:
    reply = served.call("POST", "/apps", {"name": "robot"})
    assert (reply.status, set(reply.json)) == (201, {"key", "secret"})
    app = {"name": "robot", "key": reply.json["key"], "scopes": ["m2m"], "token_expires_in_s": None}
    shown = served.done("GET", "/apps/robot")
    assert [each["expires_at"] for each in shown.pop("secrets")] == [None]
    assert shown == app | {"tokens": []}
    assert served.done("PATCH", "/apps/robot", {"scopes": ["admin", "m2m"]})["scopes"] == [
        "m2m",
        "admin",
    ]
    robot = served._replace(headers=bearer(served.port, Credentials(**reply.json)))
    assert next(each for each in robot.done("GET", "/apps")["apps"] if each["name"] == "robot")[
        "token_expires_in_s"
    ]
    served.refused("POST", "/apps/robot/secret", {"overlap_s": 60}, 400, "invalid-value")
    whatever = ["x" * NO_BODY_BYTES_MAX]
    refusal = served.refused("POST", "/apps/robot/secret", whatever, 400, "invalid-value")
    assert refusal.startswith(
        "this call takes no body; what it takes are parameters of its address"
    )
    refusal = served.refused("DELETE", "/apps/robot", ["x"], 400, "invalid-value")
    assert refusal == "this call takes no body"
    assert robot.done("GET", "/apps")
    renewed = served.done("POST", "/apps/robot/secret", {})
    assert renewed["key"] == app["key"]
    robot.refused("GET", "/apps", None, 401, "token-refused")
    robot = served._replace(headers=bearer(served.port, Credentials(**renewed)))
    for nothing in (b"null", b" { }\n"):
        reply = call(served.port, "POST", f"{ROOT}/users/nobody/unlock", nothing, served.headers)
        assert reply.status == 404, reply
    robot.done("DELETE", "/apps/robot", status=204)  # itself
    robot.refused("GET", "/apps", None, 401, "token-refused")
    grant = call(
        served.port,
        "POST",
        "/api/ts/v1/oauth2/token",
        "grant_type=client_credentials",
        basic(Credentials(**renewed)),
    )
    assert grant.status == 401
    served.refused("GET", "/apps/robot", None, 404, "app-not-found")


# SIMs


def test_a_sim_is_shown_moved_and_removed_and_the_report_follows(served: Served) -> None:
    (iccid,) = served.fleet("old", 1, 400)
    served.fleet("new", 1, 410)
    served.done("POST", "/accounts/old/groups", {"name": "West", "add": [str(iccid)]}, status=201)
    shown = {
        "iccid": str(iccid),
        "waiting": False,
        "account": "old",
        "group": "West",
        "mdn": None,
        "activation_date": "2024-02-02T20:05:06-08:00",
        "generation": "4G",
        "expectations": 1,
        "activations": 1,
        "mismatches": 1,
    }
    assert served.done("GET", f"/sims/{iccid}") == shown
    moved = shown | {"account": "new", "group": UNASSIGNED}
    assert served.done("PATCH", f"/sims/{iccid}", {"account": "new"}) == moved
    assert served.done("GET", "/accounts/old")["sims"] == 0
    served.access.add_user("mover", PASSWORD, ["new"], all_accounts=False)
    headers = signed_in(served.port, served.access.add_app("mover", ["m2m"]), "mover")
    assert len(call(served.port, "POST", REPORT, json.dumps(WINDOW), headers).json["devices"]) == 2
    served.done("DELETE", f"/sims/{iccid}", status=204)
    assert len(call(served.port, "POST", REPORT, json.dumps(WINDOW), headers).json["devices"]) == 1
    waiting = served.done("GET", f"/sims/{iccid}")
    assert (waiting["waiting"], waiting["account"], waiting["activations"]) == (True, None, 1)
    served.refused("DELETE", f"/sims/{iccid}", None, 404, "sim-not-found")
    served.refused("PATCH", "/sims/89148000000000000410", {"account": "new"}, 404, "sim-not-found")


def test_a_sim_is_not_moved_to_an_account_that_there_is_not(served: Served) -> None:
    (iccid,) = served.fleet("stays", 1, 500)
    assert "'lost'" in served.refused(
        "PATCH", f"/sims/{iccid}", {"account": "lost"}, 404, "account-not-found"
    )
    assert served.done("GET", f"/sims/{iccid}")["account"] == "stays"
    assert "'12'" in served.refused("GET", "/sims/12", None, 400, "invalid-value")


# What is refused everywhere


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/accounts", {"name": "x", "colour": "red"},
            "there is no field 'colour'; there are name"),
        ("POST", "/accounts", {}, "name is missing"),
        ("POST", "/accounts", {"name": 7}, "name must be a string, not 7"),
        ("POST", "/accounts", {"name": "a\nb"},
            "account must be 1-64 printable characters, not 'a\\nb'"),
        ("POST", "/accounts", ["x"], 'the body must be an object, not ["x"]'),
        ("POST", "/accounts", None, "the body is empty; it must be JSON"),
        ("POST", "/users", {"name": "x", "password": "y", "accounts": ["z", 3]},
            "accounts[1] must be a string, not 3"),
        ("POST", "/users", {"name": "x", "password": "y", "all_accounts": 1},
            "all_accounts must be true or false"),
        ("POST", "/users", {"name": "x", "password": "y", "role": "king"},
            "role must be one of approver, editor, operator, viewer, not 'king'"),
        ("POST", "/users", {"name": "x", "password": ""},
            "password must be 8-256 characters, not 0"),
        ("POST", "/apps", {"name": "x", "scopes": []},
            "scopes must not be empty: name one or more of m2m, intake"),
        ("POST", "/apps", {"name": "x", "scopes": ["all"]},
            "scope must be one of m2m, intake, admin, not 'all'"),
        ("PATCH", "/accounts/x", {"name": None}, "name must be a string, not null"),
        ("PATCH", "/sims/89148000000000000410", {}, "account is missing"),
    ],
)  # fmt: skip
def test_a_body_that_does_not_fit_is_refused_with_field_and_value(
    served: Served, method: str, path: str, body: object, told: str
) -> None:
    assert served.refused(method, path, body, 400, "invalid-value").startswith(told)


def test_a_body_that_is_no_json_is_refused(served: Served) -> None:
    twice = b'{"name":"a","name":"b"}'
    for text in (b"{", b'{"name":"\\ud800"}', b"\xff", b"[" * 100_000, twice):
        reply = call(served.port, "POST", f"{ROOT}/accounts", text, served.headers)
        assert (reply.status, reply.json["error"]["code"]) == (400, "invalid-value"), reply
    reply = call(
        served.port,
        "POST",
        f"{ROOT}/accounts",
        b"name=x",
        served.headers | {"Content-Type": "text/plain"},
    )
    assert (reply.status, reply.json["error"]["code"]) == (415, "content-type-refused")
    reply = call(served.port, "POST", f"{ROOT}/accounts", b" " * (1 << 20) + b"{}", served.headers)
    assert (reply.status, reply.json["error"]["code"]) == (413, "body-too-large")


def test_every_call_needs_the_scope_that_is_described(served: Served) -> None:
    """An app that has only other scopes is refused before anything else is looked at."""
    document = call(served.port, "GET", "/openapi.json").json
    headers = {
        scope: bearer(served.port, served.access.add_app(f"all but {scope}", others))
        for scope, others in {
            "admin": ["m2m", "intake"],
            "intake": ["m2m", "admin"],
            "m2m": ["intake", "admin"],
        }.items()
    }
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            (scope,) = described["security"][0]["app"]
            place = path.replace("{", "").replace("}", "")
            assert call(served.port, method.upper(), place).status == 401, (method, path)
            reply = call(served.port, method.upper(), place, "", headers[scope])
            assert (reply.status, reply.json["error"]["code"]) == (403, "scope-refused"), (
                method,
                path,
            )

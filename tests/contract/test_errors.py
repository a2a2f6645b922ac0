"""Every line of the contract's tables of errors, and the order in which a request is checked."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import falcon
import pytest
from falcon.testing import Result, TestClient

from tallystick.access import FAILED_LOGINS_MAX, IDLE_S_MAX, TOKEN_S, Access, Credentials
from tallystick.core.errors import Refusal, StoreBroken, StoreBusy
from tallystick.core.facts import GroupMember
from tallystick.core.identifiers import Iccid
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.errors import ANSWERS
from tallystick.thingspace.rows import wire_row
from tallystick.wiring import build_app
from tests.conftest import Clock
from tests.empty_stores import empty_store_on
from tests.engines import ENGINES
from tests.quick_access import quick_access
from tests.serving import LOGIN, LOGOUT, PASSWORD, REPORT, RESET, REVOKE, TOKEN, basic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store
    from tests.empty_stores import Schemas

ACCOUNT = "0342077109-00001"
WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}
QUESTION: dict[str, Any] = {"filter": WINDOW}
ICCID = {"kind": "ICCID", "id": "89148000000800784259"}
SESSION = "VZ-M2M-Token"


@pytest.fixture
def app(access: Access, store: Store) -> Credentials:
    """The app of `people`."""
    return people(access, store)


def people(access: Access, store: Store) -> Credentials:
    """Make an app, two users, an account that is not theirs, and a group; give the app."""
    access.add_user("user", PASSWORD, [ACCOUNT], all_accounts=False)
    access.add_user("nothing", PASSWORD, [], all_accounts=False)
    access.add_user("other", PASSWORD, ["0212398765-00001"], all_accounts=False)
    with store.transaction() as writer:
        writer.take_group_members([GroupMember(ACCOUNT, "4G West", Iccid.parse(ICCID["id"]))])
    return access.add_app("app", ["m2m"])


@pytest.fixture
def client(store: Store, access: Access, clock: Clock) -> Iterator[TestClient]:
    """The whole program on a fresh store."""
    with program(store, access, clock) as called:
        yield called


@contextmanager
def program(store: Store, access: Access, clock: Clock) -> Iterator[TestClient]:
    """The whole program, called in this process so that its clock can be set."""
    with closing(LiveIntake(store, clock, time.perf_counter)) as live:
        uploads = Uploads(store, clock, secrets.token_bytes)
        yield TestClient(build_app(Settings(), store, access, live, uploads))


class Asked(NamedTuple):
    """The program, and the headers of a call within a session."""

    client: TestClient
    headers: dict[str, str]

    def post(self, path: str, body: object, **headers: str) -> Result:
        """Send a body, JSON unless it is text; headers that are named take the place of usual."""
        return post(self.client, path, self.headers | headers, body)


@pytest.fixture(scope="module", params=ENGINES)
def asked(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    schemas: dict[str, Schemas],
) -> Iterator[Asked]:
    """One program for all calls that change nothing: to build it takes longer than a call."""
    folder, clock = tmp_path_factory.mktemp("asked"), Clock()
    with (
        empty_store_on(request.param, folder, schemas) as database,
        open_store(database, wire_row) as store,
        closing(quick_access(store, clock, secrets.token_bytes)) as access,
        program(store, access, clock) as client,
    ):
        yield Asked(client, session_of("user", access, people(access, store)))


def test_every_refusal_is_one_line_of_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tallystick")
    for path in ("/api/v1/sims", "/api/m2m/v1/groups/x", "/nope"):
        caplog.clear()
        refused = client.simulate_get(path)
        (line,) = caplog.messages
        assert line.startswith(f"{refused.status_code} to 'GET' '{path}' from ")


@pytest.fixture
def headers(access: Access, app: Credentials) -> dict[str, str]:
    """The headers of a call within a session."""
    return session_of("user", access, app)


def session_of(user: str, access: Access, app: Credentials) -> dict[str, str]:
    """The headers of a call within a user's session."""
    token = access.issue_token(app.key, app.secret).access_token
    return {
        "Authorization": f"Bearer {token}",
        SESSION: access.login(user, PASSWORD),
        "Content-Type": "application/json",
    }


def post(client: TestClient, path: str, headers: dict[str, str], body: object) -> Result:
    """Send a body, JSON unless it is text."""
    text = body if isinstance(body, str) else json.dumps(body)
    return client.simulate_post(path, headers=headers, body=text)


def check_error(result: Result, code: str, *at_fault: str, status: int = 400) -> None:
    """Check an answer's shape, its code, and that its message has the value at fault."""
    assert (result.status_code, result.json["errorCode"]) == (
        status,
        f"UnifiedWebService.{code}",
    ), result.json
    assert set(result.json) == {"errorCode", "errorMessage"}
    assert result.headers["Content-Type"] == "application/json"
    for part in at_fault:
        assert part in result.json["errorMessage"]


def check_fault(result: Result, status: int, code: str) -> None:
    """Hold an answer to the gateway's shape."""
    assert (result.status_code, result.json["fault"]["code"]) == (status, code), result.json
    assert set(result.json["fault"]) == {"code", "message", "description"}


def listing(*identifiers: dict[str, Any]) -> dict[str, Any]:
    """A question about one device."""
    return QUESTION | {"devices": [{"deviceIds": list(identifiers)}]}


# Section 1: the report

CATCH_ALL = "REQUEST_FAILED.UnexpectedError"
IDENTIFIER = "INPUT_INVALID.Device.Identifier.Invalid"
KIND = "INPUT_INVALID.Device.Kind.Invalid"
REFUSED: dict[str, tuple[object, str, tuple[str, ...]]] = {
    "an empty body": ("", "INPUT_INVALID.RequestUndefined", ()),
    "malformed JSON": ("{", CATCH_ALL, ()),
    "no object": ([], CATCH_ALL, ("body", "[]")),
    "an account that is a number": (
        QUESTION | {"accountName": 342077109},
        CATCH_ALL,
        ("accountName", "342077109"),
    ),
    "a group that is an object": (
        QUESTION | {"groupName": {"a": 1}},
        CATCH_ALL,
        ("groupName", '"a"'),
    ),
    "devices that are one": (QUESTION | {"devices": {"deviceIds": []}}, CATCH_ALL, ("devices",)),
    "a device that is text": (
        QUESTION | {"devices": ["8914"]},
        CATCH_ALL,
        ("devices[0]", "'8914'"),
    ),
    "an id that is a number": (
        listing({"kind": "MDN", "id": 5096300587}),
        CATCH_ALL,
        ("5096300587", ".id"),
    ),
    "a kind that is a number": (
        listing(ICCID, {"kind": 1, "id": "1"}),
        CATCH_ALL,
        ("deviceIds[1].kind", "1"),
    ),
    "no filter": ({}, CATCH_ALL, ("filter",)),
    "a filter that is null": ({"filter": None}, CATCH_ALL, ("filter",)),
    "a filter that is text": ({"filter": "2026"}, CATCH_ALL, ("filter", "'2026'")),
    "no earliest": ({"filter": {"latest": WINDOW["latest"]}}, CATCH_ALL, ("filter.earliest",)),
    "no latest": (
        {"filter": {"earliest": WINDOW["earliest"], "latest": ""}},
        CATCH_ALL,
        ("filter.latest",),
    ),
    "a bad timestamp": (
        {"filter": WINDOW | {"latest": "May"}},
        CATCH_ALL,
        ("filter.latest", "'May'"),
    ),
    "no such day": (
        {"filter": WINDOW | {"earliest": "2026-02-30"}},
        CATCH_ALL,
        ("filter.earliest", "2026-02-30"),
    ),
    "too early": (
        {"filter": WINDOW | {"earliest": "2017-10-31T23:59:59Z"}},
        CATCH_ALL,
        ("earliest", "2017-10-31"),
    ),
    "too long": (
        {"filter": WINDOW | {"latest": "2026-06-01T00:00:01Z"}},
        CATCH_ALL,
        ("latest", "2026-06-01"),
    ),
    "backwards": (
        {"filter": WINDOW | {"latest": "2026-02-01"}},
        CATCH_ALL,
        ("latest", "2026-02-01"),
    ),
    "a group without an account": (
        QUESTION | {"groupName": "4G"},
        "INPUT_INVALID.Account.NotDefined",
        ("'4G'",),
    ),
    "an unknown account": (
        QUESTION | {"accountName": "x"},
        "REQUEST_FAILED.AccountNotFound",
        ("'x'",),
    ),
    "another's account": (
        QUESTION | {"accountName": "0212398765-00001"},
        "REQUEST_FAILED.AccountNotFound",
        ("'0212398765-00001'",),
    ),
    "an unknown group": (
        QUESTION | {"accountName": ACCOUNT, "groupName": "4G East"},
        "REQUEST_FAILED.DeviceGroupNotFound",
        ("'4G East'", ACCOUNT),
    ),
    "an IMEI": (
        listing({"kind": "IMEI", "id": "352099001761481"}),
        KIND,
        ("deviceIds[0].kind", "'IMEI'"),
    ),
    "no kind": (listing(ICCID, {"id": "5096300587"}), KIND, ("devices[0].deviceIds[1].kind",)),
    "letters": (
        listing({"kind": "ICCID", "id": "8914X"}),
        IDENTIFIER,
        ("devices[0].deviceIds[0].id", "'8914X'"),
    ),
    "21 digits": (listing({"kind": "ICCID", "id": "8" * 21}), IDENTIFIER, ("8" * 21,)),
    "other digits": (listing({"kind": "ICCID", "id": "٨٩"}), IDENTIFIER, ("٨٩",)),
    "a blank": (listing({"kind": "ICCID", "id": "8914 "}), IDENTIFIER, ("'8914 '",)),
    "a line's end": (listing({"kind": "ICCID", "id": "8914\n"}), IDENTIFIER, ("'8914\\n'",)),
    "a short number": (listing({"kind": "MDN", "id": "509630058"}), IDENTIFIER, ("'509630058'",)),
    "a long number": (listing({"kind": "MDN", "id": "5" * 16}), IDENTIFIER, ("5" * 16,)),
    "no id": (listing({"kind": "MDN"}), IDENTIFIER, ("devices[0].deviceIds[0].id",)),
    "no deviceIds": (QUESTION | {"devices": [{}]}, IDENTIFIER, ("devices[0].deviceIds",)),
    "empty deviceIds": (
        QUESTION | {"devices": [{"deviceIds": [ICCID]}, {"deviceIds": []}]},
        IDENTIFIER,
        ("devices[1].deviceIds",),
    ),
    "10,001 ids": (
        listing(*[ICCID] * 10_001),
        "INPUT_INVALID.MaxRequestsExceeded",
        ("10001", "10000"),
    ),
}


@pytest.mark.parametrize(("body", "code", "at_fault"), REFUSED.values(), ids=REFUSED)
def test_the_report_refuses(
    body: object, code: str, at_fault: tuple[str, ...], asked: Asked
) -> None:
    check_error(asked.post(REPORT, body), code, *at_fault)


ACCEPTED: dict[str, dict[str, Any]] = {
    "10,000 ids": listing(*[ICCID] * 10_000),
    "one digit": listing({"kind": "iccid", "id": "8"}),
    "the published id": listing({"kind": "Iccid", "id": "8914800000080078"}),
    "a number of 15 digits": listing({"kind": "mDN", "id": "5" * 15}),
    "a null in an entry": listing(ICCID | {"more": None}),
    "its own group": QUESTION | {"accountName": ACCOUNT, "groupName": "4G West"},
    "the default group": QUESTION | {"accountName": ACCOUNT, "groupName": "Unassigned Devices"},
    "unknown fields": QUESTION | {"ipAddress": {"a": [None]}, "devices": []},
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_the_report_accepts(body: dict[str, Any], asked: Asked) -> None:
    assert asked.post(REPORT, body).text == '{"devices":[]}'


def test_a_long_value_is_cut_in_the_message(asked: Asked) -> None:
    result = asked.post(REPORT, QUESTION | {"accountName": "x" * 100_000})
    check_error(result, "REQUEST_FAILED.AccountNotFound", "'xxx")
    assert len(result.json["errorMessage"]) < 200


def test_a_user_without_accounts_is_told_so(
    client: TestClient, access: Access, app: Credentials
) -> None:
    result = post(client, REPORT, session_of("nothing", access, app), QUESTION)
    check_error(result, "REQUEST_FAILED.NoAccounts")


def test_a_content_type_other_than_json_is_refused(asked: Asked) -> None:
    for other in ("text/plain", "application/jsonp", "application/x-www-form-urlencoded", ""):
        check_error(
            asked.post(REPORT, QUESTION, **{"Content-Type": other}),
            CATCH_ALL,
            "Content-Type",
        )


# Section 3: the session


def test_no_session_header_is_a_format_error(asked: Asked) -> None:
    for path in (REPORT, LOGOUT):
        check_error(
            asked.post(path, QUESTION, **{SESSION: ""}),
            "REQUEST_FAILED.SessionToken.Format",
            SESSION,
        )


@pytest.mark.parametrize("token", ["nonsense", "9d956929-1e6a-4db4-8764-f18e4ce5de09"])
def test_a_session_that_is_none_is_invalid(token: str, asked: Asked) -> None:
    for path in (REPORT, LOGOUT):
        result = asked.post(path, QUESTION, **{SESSION: token})
        check_error(result, "INPUT_INVALID.SessionToken.Invalid")


def test_a_session_ends_after_more_than_twenty_idle_minutes(
    client: TestClient, headers: dict[str, str], clock: Clock
) -> None:
    clock.advance(IDLE_S_MAX)
    assert post(client, REPORT, headers, QUESTION).status_code == 200
    clock.advance(IDLE_S_MAX + 1)
    for path in (REPORT, LOGOUT):
        check_error(post(client, path, headers, QUESTION), "REQUEST_FAILED.SessionToken.Expired")


def test_an_ended_session_is_invalid(client: TestClient, headers: dict[str, str]) -> None:
    assert post(client, LOGOUT, headers, "").json == {"sessionToken": headers[SESSION]}
    check_error(post(client, REPORT, headers, QUESTION), "INPUT_INVALID.SessionToken.Invalid")


def test_refused_logins_read_the_same(client: TestClient, headers: dict[str, str]) -> None:
    """A wrong password, an unknown user, a locked user and missing fields: one answer."""
    for _ in range(FAILED_LOGINS_MAX):
        post(client, LOGIN, headers, {"username": "other", "password": "wrong"})
    tried: list[dict[str, Any]] = [
        {"username": "user", "password": "wrong"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "other", "password": PASSWORD},
        {"username": "user"},
        {"username": None, "password": ""},
        {},
    ]
    answers = [post(client, LOGIN, headers, body) for body in tried]
    assert len({answer.text for answer in answers}) == 1
    check_error(answers[0], "INPUT_INVALID.Password.Invalid")


def test_a_login_of_wrong_types_or_without_a_body_is_refused(
    client: TestClient, headers: dict[str, str]
) -> None:
    check_error(
        post(client, LOGIN, headers, {"username": 5, "password": "x"}), CATCH_ALL, "username", "5"
    )
    check_error(post(client, LOGIN, headers, ""), "INPUT_INVALID.RequestUndefined")
    check_error(
        post(client, LOGIN, headers | {"Content-Type": "text/plain"}, {}), CATCH_ALL, "text/plain"
    )


def test_a_password_is_reset_by_the_old_one_only(
    client: TestClient, headers: dict[str, str], app: Credentials
) -> None:
    assert app
    wrong = client.simulate_put(RESET, headers=headers, json={"oldPassword": "wrong"})
    check_error(wrong, "INPUT_INVALID.Password.Invalid")
    result = client.simulate_put(RESET, headers=headers, json={"oldPassword": PASSWORD})
    assert list(result.json) == ["newPassword"]
    assert result.headers["Cache-Control"] == "no-store"
    login = {"username": "user", "password": result.json["newPassword"]}
    assert post(client, LOGIN, headers, login).status_code == 200


# Section 2: the gateway


def test_a_call_without_a_bearer_token_has_missing_credentials(
    client: TestClient, headers: dict[str, str]
) -> None:
    for given in ("", "Bearer", "Bearer ", "Basic eDp5", headers["Authorization"].split()[1]):
        for path in (REPORT, LOGIN, LOGOUT):
            check_fault(
                post(client, path, headers | {"Authorization": given}, QUESTION), 401, "900902"
            )


@pytest.mark.parametrize("token", ["a%0D%0AX-Forged:%201", "a%00", "%C3%A9", "a%20b"])
def test_a_token_that_no_header_can_carry_is_not_echoed(
    client: TestClient, app: Credentials, token: str
) -> None:
    refused = post(client, REVOKE, basic(app), f"token={token}")
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_request")
    assert "RevokedAccessToken" not in refused.headers


def test_a_wrong_expired_or_revoked_token_has_invalid_credentials(
    client: TestClient, headers: dict[str, str], app: Credentials, clock: Clock
) -> None:
    check_fault(
        post(client, REPORT, headers | {"Authorization": "Bearer wrong"}, QUESTION), 401, "900901"
    )
    clock.advance(TOKEN_S)
    check_fault(post(client, REPORT, headers, QUESTION), 401, "900901")
    issued = post(client, TOKEN, basic(app), "grant_type=client_credentials").json
    now = headers | {"Authorization": f"Bearer {issued['access_token']}"}
    check_error(post(client, REPORT, now, QUESTION), "REQUEST_FAILED.SessionToken.Expired")
    revoked = post(client, REVOKE, basic(app), f"token={issued['access_token']}")
    assert (revoked.status_code, revoked.content) == (200, b"")
    assert revoked.headers["RevokedAccessToken"] == issued["access_token"]
    check_fault(post(client, REPORT, now, QUESTION), 401, "900901")
    again = post(client, TOKEN, basic(app), "grant_type=client_credentials").json
    assert again["access_token"] != issued["access_token"]


def test_an_app_without_the_scope_is_forbidden(
    client: TestClient, access: Access, headers: dict[str, str]
) -> None:
    loader = access.add_app("loader", ["intake"])
    token = access.issue_token(loader.key, loader.secret).access_token
    check_fault(
        post(client, REPORT, headers | {"Authorization": f"Bearer {token}"}, QUESTION),
        403,
        "900910",
    )


@pytest.mark.parametrize(
    "path", ["/api/m2m/v1/nothing", "/api/m2m/v1", "/api/ts/v2/oauth2/token", REPORT + "/"]
)
def test_an_unknown_path_under_the_root_has_no_matching_resource(
    path: str, client: TestClient
) -> None:
    for method in ("GET", "POST", "DELETE"):
        check_fault(client.simulate_request(method, path), 400, "900906")


def test_an_unknown_method_has_no_matching_resource(client: TestClient) -> None:
    for path in (REPORT, LOGIN, TOKEN):
        for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE"):
            check_fault(client.simulate_request(method, path), 400, "900906")


def test_a_token_says_all_four_things(client: TestClient, app: Credentials, clock: Clock) -> None:
    first = post(client, TOKEN, basic(app), "grant_type=client_credentials&scope=")
    assert list(first.json) == ["access_token", "scope", "token_type", "expires_in"]
    assert (first.json["scope"], first.json["token_type"], first.json["expires_in"]) == (
        "m2m",
        "Bearer",
        TOKEN_S,
    )
    clock.advance(10)
    second = post(client, TOKEN, basic(app), "grant_type=client_credentials")
    assert second.json == first.json | {"expires_in": TOKEN_S - 10}
    clock.advance(TOKEN_S - 11)
    third = post(client, TOKEN, basic(app), "grant_type=client_credentials")
    assert third.json["access_token"] != first.json["access_token"]
    assert third.json["expires_in"] == TOKEN_S


def test_the_token_call_refuses_in_the_shapes_of_oauth2(
    client: TestClient, app: Credentials
) -> None:
    grant = "grant_type=client_credentials"
    wrong = app._replace(secret="wrong")
    for path, form in ((TOKEN, grant), (REVOKE, "token=x")):
        check_fault(post(client, path, {}, form), 401, "900902")
        check_fault(post(client, path, {"Authorization": "Bearer x"}, form), 401, "900902")
        for pair in (basic(wrong), {"Authorization": "Basic ?"}, {"Authorization": "Basic eA=="}):
            check_oauth(post(client, path, pair, form), 401, "invalid_client")
        for malformed in ("", "a=%ff", f"{form}&{form}"):
            check_oauth(post(client, path, basic(app), malformed), 400, "invalid_request")
    check_oauth(
        post(client, TOKEN, basic(app), "grant_type=password"), 400, "unsupported_grant_type"
    )


def check_oauth(result: Result, status: int, error: str) -> None:
    """Hold an answer to the shape of OAuth2's errors."""
    assert (result.status_code, result.json["error"]) == (status, error), result.json
    assert set(result.json) == {"error", "error_description"}


# Between the sections


def test_checks_come_in_the_order_of_the_contract(
    client: TestClient, headers: dict[str, str], access: Access, app: Credentials
) -> None:
    """Everything is wrong and is put right in turn: Bearer, session, type, body, account, group."""
    sent = {"Authorization": "", SESSION: "", "Content-Type": "text/plain"}
    body: Any = "{"
    check_fault(post(client, REPORT, sent, body), 401, "900902")
    sent["Authorization"] = headers["Authorization"]
    check_error(post(client, REPORT, sent, body), "REQUEST_FAILED.SessionToken.Format")
    sent[SESSION] = headers[SESSION]
    check_error(post(client, REPORT, sent, body), CATCH_ALL, "Content-Type")
    sent["Content-Type"] = "application/json"
    check_error(post(client, REPORT, sent, body), CATCH_ALL, "JSON")
    body = {"accountName": "x", "groupName": "x", "filter": WINDOW, "devices": [{}]}
    check_error(post(client, REPORT, sent, body), IDENTIFIER)
    del body["devices"]
    check_error(
        post(client, REPORT, session_of("nothing", access, app), body), "REQUEST_FAILED.NoAccounts"
    )
    check_error(post(client, REPORT, sent, body), "REQUEST_FAILED.AccountNotFound")
    body["accountName"] = ACCOUNT
    check_error(post(client, REPORT, sent, body), "REQUEST_FAILED.DeviceGroupNotFound")


class BrokenStore:
    """A store that cannot be read, in one way or another."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def snapshot(self) -> NoReturn:
        """Fail."""
        raise self._error

    glance = snapshot


def test_a_caller_is_not_told_where_the_store_is(
    access: Access, headers: dict[str, str], clock: Clock
) -> None:
    broken: Any = BrokenStore(StoreBroken("/srv/secret/store.db: disk I/O error"))
    with program(broken, access, clock) as client:
        result = post(client, REPORT, headers, QUESTION)
        of_ours = client.simulate_get("/api/v1/mismatches", params=WINDOW, headers=headers)
    check_error(result, CATCH_ALL, status=503)
    for answer in (result, of_ours):
        assert "The store cannot be opened, read or written." in answer.text
        assert "secret" not in answer.text


def test_a_busy_store_asks_to_come_again(
    access: Access, headers: dict[str, str], clock: Clock
) -> None:
    broken: Any = BrokenStore(StoreBusy())
    with program(broken, access, clock) as client:
        result = post(client, REPORT, headers, QUESTION)
        check_error(result, CATCH_ALL, status=503)
        assert int(result.headers["Retry-After"]) > 0
        assert client.simulate_get("/readyz").status_code == 503
        assert client.simulate_get("/healthz").status_code == 200


def test_what_nobody_expected_is_logged_and_not_told(
    access: Access, headers: dict[str, str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = BrokenStore(ZeroDivisionError("the secret of the store"))
    with program(broken, access, clock) as client, caplog.at_level(logging.ERROR):
        result = post(client, REPORT, headers, QUESTION)
        elsewhere = client.simulate_get("/readyz")
    check_error(result, CATCH_ALL, status=500)
    assert elsewhere.status_code == 500
    assert "the secret of the store" not in result.text + elsewhere.text
    assert caplog.text.count("ZeroDivisionError: the secret of the store") == 2


def test_nothing_that_is_logged_is_a_secret(
    client: TestClient, app: Credentials, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        post(client, TOKEN, basic(app), "grant_type=client_credentials")
        post(client, LOGIN, headers, {"username": "user", "password": PASSWORD})
        post(client, LOGIN, headers, {"username": "user", "password": "wrong secret"})
        post(client, REPORT, headers, QUESTION)
    for secret in (
        app.secret,
        headers[SESSION],
        headers["Authorization"].split()[1],
        PASSWORD,
        "wrong secret",
    ):
        assert secret not in caplog.text


def test_paths_of_nobody_are_plainly_not_found(client: TestClient) -> None:
    assert client.simulate_get("/nothing").status_code == 404


def test_every_refusal_has_an_answer_with_a_status() -> None:
    """The table knows the root of all refusals, so that none is without an answer."""
    assert Refusal in ANSWERS
    for answer in ANSWERS.values():
        assert re.fullmatch(r"(4|5)\d\d .+", answer.status)
        assert answer.status != falcon.HTTP_404

"""The description of our own API says of every call what it is, and of nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import chain
from secrets import token_bytes
from time import perf_counter
from typing import TYPE_CHECKING, Any

import falcon
import falcon.inspect
import falcon.testing
import msgspec
import pytest

from tallystick.access import SCOPES
from tallystick.api import intake, openapi
from tallystick.api.calls import ROOT
from tallystick.api.operation import operation_of
from tallystick.api.routes import resources
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.intake import Fault, LiveIntake, Receipt, Reject
from tallystick.operations.readiness import Readiness
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.described import described_of
from tallystick.thingspace.rows import columns_in, wire_row
from tallystick.wiring import wired_app
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store that is never made: the description needs none."""
    return replace(
        Settings(), database=f"sqlite:///{tmp_path_factory.mktemp('never')}/never-made.db"
    )


@pytest.fixture(scope="module")
def app(settings: Settings) -> falcon.App[Any, Any]:
    """The program's own."""
    return wired_app(settings)


@pytest.fixture(scope="module")
def document(settings: Settings) -> dict[str, Any]:
    """The description. A `TypeError` here names a call that lacks its `@operation`."""
    store = open_store(settings.database, wire_row)
    access, live = (
        quick_access(store, system_clock, token_bytes),
        LiveIntake(store, system_clock, perf_counter),
    )
    return openapi.document_of(
        resources(settings, store, access, live, columns_in, Readiness(store, Loops()))
    )


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every call that is described."""
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def within(tree: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Every field of a tree."""
    if isinstance(tree, dict):
        yield from tree.items()
        tree = tree.values()
    if not isinstance(tree, str | int | float | None):
        yield from chain.from_iterable(map(within, tree))


def test_every_call_of_our_own_is_described_and_nothing_else(
    app: falcon.App[Any, Any], document: dict[str, Any]
) -> None:
    served = {
        (method.method, route.path)
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal and route.path.startswith(f"{ROOT}/")
    }
    described = {(method, path) for method, path, _ in calls(document)}
    assert served - described == set(), (
        "put these into `resources` of api/routes.py, with @operation on the responder"
    )
    assert described - served == set(), "these are described and not served"
    assert len(served) > 20


@pytest.fixture(scope="module")
def of_thingspace(app: falcon.App[Any, Any]) -> Any:  # noqa: ANN401 - any JSON
    """The description of the calls of ThingSpace."""
    return falcon.testing.TestClient(app).simulate_get("/thingspace/openapi.json").json


def test_every_call_of_thingspace_is_described_and_nothing_else(
    app: falcon.App[Any, Any], of_thingspace: dict[str, Any]
) -> None:
    served = {
        (method.method, route.path)
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal and route.path.startswith(("/api/ts/", "/api/m2m/"))
    }
    assert {(method, path) for method, path, _ in calls(of_thingspace)} == served
    assert len(served) > 15


def test_a_call_of_thingspace_that_is_not_described_is_told_with_its_place() -> None:
    class Silent:
        def on_get(self) -> None:
            """Say nothing."""

    with pytest.raises(TypeError, match=r"GET /x is not described.*Silent\.on_get"):
        described_of(Silent(), "GET", "/x")


def test_whoever_asks_is_given_the_description(
    app: falcon.App[Any, Any], document: dict[str, Any]
) -> None:
    answer = falcon.testing.TestClient(app).simulate_get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, falcon.MEDIA_JSON)
    assert answer.json == json.loads(json.dumps(document))


def test_a_call_that_is_not_described_is_told_with_its_place() -> None:
    class Silent:
        def on_get(self) -> None:
            """Say nothing."""

    with pytest.raises(TypeError, match=r"GET /api/v1/silent is not described.*Silent\.on_get"):
        operation_of(Silent(), "GET", "/api/v1/silent")


def test_they_are_openapi_documents_whose_references_resolve(
    document: dict[str, Any], of_thingspace: dict[str, Any]
) -> None:
    for each in (document, of_thingspace):
        assert each["openapi"] == "3.1.0"
        schemas = each["components"]["schemas"]
        references = {value for name, value in within(each) if name == "$ref"}
        assert references == {f"#/components/schemas/{name}" for name in schemas}


BARE = ("/unlock", "/secret", "/approve", "/reject", "/undo")
"""Calls whose path says all."""


def test_each_call_has_a_summary_a_scope_its_parameters_and_a_name_of_its_own(
    document: dict[str, Any],
) -> None:
    names = [call["operationId"] for _, _, call in calls(document)]
    assert sorted(names) == sorted(set(names))
    for method, path, call in calls(document):
        assert call["summary"].endswith("."), (method, path)
        scope, *others = (each["app"][0] for each in call["security"])
        assert others in ([], ["m2m"]), (method, path)
        assert scope in SCOPES
        in_path = [each["name"] for each in call["parameters"] if each["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert ("requestBody" in call) == (method in {"POST", "PATCH"} and not path.endswith(BARE))
        assert all(
            response["content"] for status, response in call["responses"].items() if status != "204"
        )


def test_every_scope_has_a_meaning(document: dict[str, Any]) -> None:
    flow = document["components"]["securitySchemes"]["app"]["flows"]["clientCredentials"]
    assert list(flow["scopes"]) == list(SCOPES)


def test_a_body_that_is_described_refuses_unknown_fields_where_calls_do(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for name in (
        "NewAccount",
        "AccountChange",
        "NewGroup",
        "GroupChange",
        "NewUser",
        "UserPatch",
        "NewApp",
        "SimChange",
    ):
        assert schemas[name]["additionalProperties"] is False
    assert schemas["Sim"]["required"] == ["iccid", "account"]


def test_a_receipt_is_what_is_described() -> None:
    real = Receipt(accepted=1, rejects=[Reject(0, (Fault("iccid", "is missing"),), ())])
    as_sent = msgspec.json.decode(msgspec.json.encode(real.described("index")))
    assert set(as_sent) == set(intake.ReceiptAnswer.__struct_fields__)
    assert msgspec.to_builtins(msgspec.convert(as_sent, intake.ReceiptAnswer)) == as_sent

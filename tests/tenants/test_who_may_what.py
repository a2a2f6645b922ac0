"""Everything is asked in everybody's name, over every route, and answered as the model says.

Who is refused changes nothing and learns nothing: no identifier of a tenant that is not theirs is
in an answer, and what is another's is answered like what is not there.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from tallystick.http.gate import needs_of
from tests.console.world import resources_of
from tests.tenants.calls import Call, calls, expected
from tests.tenants.world import (
    LISTENER_PASSWORD,
    MISSING,
    OTHERS,
    TENANTS,
    Caller,
    World,
    opened_world,
    planted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcon import testing

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PLACE = re.compile(r"\{(\w+)\}")
PROBES_MIN = 100_000
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two tenants and the app, whose passwords are hashed in no time."""
    with opened_world(tmp_path_factory.mktemp("tenants") / "store.db") as opened:
        yield opened


def filled(tree: Any, values: dict[str, str], escape: Callable[[str], str] = str) -> Any:  # noqa: ANN401 - any JSON
    """The same with each name in braces replaced by its value."""
    if isinstance(tree, dict):
        return {name: filled(each, values) for name, each in tree.items()}
    if isinstance(tree, list):
        return [filled(each, values) for each in tree]
    return PLACE.sub(lambda name: escape(values[name[1]]), tree) if isinstance(tree, str) else tree


class Asked:
    """A call about a tenant as it is sent, and what came back."""

    def __init__(self, world: World, call: Call, caller: Caller, tenant: str) -> None:
        values = world.values(tenant) | {"name": "console.css"}
        path = filled(call.route, values, lambda text: quote(text, safe=""))
        query, body = urlencode(filled(call.query, values)), None
        headers = {"Sec-Fetch-Site": "same-origin"} | caller.headers
        if call.form is not None:
            body = urlencode(filled(call.form, values) | {"csrf": caller.csrf})
            headers["Content-Type"] = FORM
        elif call.body is not None:
            body = json.dumps(filled(call.body, values))
            headers["Content-Type"] = "application/json"
        result = world.client.simulate_request(
            call.method, path, query_string=query, body=body, headers=headers
        )
        self.sent = f"{path} {query} {body}"
        if "row=" in self.sent:  # a row's key has the SIM and the hardware as whole numbers
            self.sent += f" {values['iccid']} {values['seen']}"
        self.status = result.status_code
        self.text = f"{result.headers} {result.text}"
        self.same = result.text
        said = PLACE.findall(repr((call.route, call.query, call.body, call.form)))
        for name in {*said, "iccid", "seen"}:
            self.same = re.sub(rf"(?<![\w-]){re.escape(values[name])}\b", f"<{name}>", self.same)


def served(client: testing.TestClient) -> set[str]:
    """Every call that the app has a responder for."""
    return {
        f"{method} {path}"
        for path, resource in resources_of(client)
        for method in METHODS
        if hasattr(resource, f"on_{method.lower()}") and (needs_of(resource, method), True)
    }


def shape(route: str) -> str:
    """A route without the names of its fields."""
    return PLACE.sub("{}", route)


def test_every_route_of_the_server_is_in_the_model(world: World) -> None:
    modelled = {shape(f"{call.method} {call.route}") for call in calls()}
    deeds = {"approve", "reject", "undo", "try"}
    for deed in deeds:
        modelled = {each.replace(f" /changes/{{}}/{deed}", " /changes/{}/{}") for each in modelled}
    there = set(map(shape, served(world.client)))
    assert there - modelled == set(), "say in tests/tenants/calls.py who may make these calls"
    assert modelled - there == set(), "these are in tests/tenants/calls.py, and not served"


@pytest.mark.parametrize("call", list(calls()), ids=lambda call: call.name)
def test_a_call_is_answered_to_each_caller_as_the_model_says(world: World, call: Call) -> None:
    ask_in_every_name(world, call)


@pytest.mark.soak
def test_a_hundred_thousand_calls_in_any_order_are_answered_as_the_model_says(
    world: World, request: pytest.FixtureRequest
) -> None:
    random = Random(request.config.getoption("--seed"))
    everything = list(calls())
    asked = 0
    while asked < PROBES_MIN:
        random.shuffle(everything)
        asked += sum(ask_in_every_name(world, call) for call in everything)


def ask_in_every_name(world: World, call: Call) -> int:
    """Make a call in everybody's name, who may not make it first; give how often it was made."""
    before = world.content()
    may, may_not = list[tuple[Caller, str]](), list[tuple[Caller, str]]()
    for caller in world.callers:
        is_about_one = call.hidden is not None and call.who(caller) is None
        for tenant in TENANTS if is_about_one else (OTHERS,):
            is_done = call.done in expected(call, caller, tenant) - {call.hidden}
            (may if is_done else may_not).append((caller, tenant))
    for caller, tenant in may_not:
        check(world, call, caller, tenant)
    assert world.content() == before, "a call that was refused has changed the store"
    for caller, tenant in may:
        check(world, call, caller, tenant)
        if call.uses_up:
            world.put_back(tenant)
        if call.ends_session:
            world.sign_in(caller)
    return len(may) + len(may_not)


def check(world: World, call: Call, caller: Caller, tenant: str) -> None:
    """Ask, and hold the answer to the model."""
    asked = Asked(world, call, caller, tenant)
    what = f"{call.name} of {tenant} by {caller.name}: {asked.text[:600]}"
    assert asked.status in expected(call, caller, tenant), (asked.status, what)
    assert LISTENER_PASSWORD not in asked.text, what
    for other in TENANTS:
        if not caller.may_see(other):
            told = {
                name: value
                for name, value in planted(other).items()
                if value in asked.text and value not in asked.sent
            }
            assert not told, (told, what)
    if call.hidden is not None and tenant == OTHERS and not caller.may_see(OTHERS):
        missing = Asked(world, call, caller, MISSING)
        assert (asked.status, asked.same) == (missing.status, missing.same), what

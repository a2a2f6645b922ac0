"""Calls made up from both descriptions are answered as these say, whatever is sent.

More of them: `make fuzz ARGS="--rounds 2000 --seed 7"`.
"""

from __future__ import annotations

import gzip
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.hostile.generated import TIMES, Generator, operations_of
from tests.hostile.held_to import Held, response_for
from tests.tenants.world import MINE, OTHERS, opened_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hostile.generated import Operation, Sent
    from tests.tenants.world import Caller, World

DESCRIPTIONS = ("/openapi.json", "/thingspace/openapi.json")
CALLERS = "caller-"
"""How the names of those begin in whose name the test calls."""
NEVER_DONE_MAX = 3
"""So many calls may by chance be refused each time; one of them is for a user's own token alone."""
RENEWED_EVERY = 5
"""After so many rounds both tenants are put back, since little is left of what calls are about."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two tenants, and the app."""
    with opened_world(tmp_path_factory.mktemp("fuzz") / "store.db") as opened:
        yield opened


def pool_of(world: World) -> dict[str, list[str]]:
    """Values for fields by their names: what there is, and what it would be well to have."""
    pool: dict[str, list[str]] = {}
    for tenant in (MINE, MINE, OTHERS):
        values = world.values(tenant)
        named = {
            "accountName": "account", "groupName": "group", "postImei": "seen", "tac": "imei",
            "newGroupName": "fresh", "username": "user", "oldPassword": "password",
            "number": "proposal", "accounts": "account", "add": "iccid",
            "requestId": "request", "devicesToAdd": "iccid", "id": "iccid",
        }  # fmt: skip
        for name, value in values.items():
            pool.setdefault(name, []).append(value)
        for name, other in named.items():
            pool.setdefault(name, []).append(values[other])
    for name in ("earliest", "latest", "valid_from"):
        pool[name] = TIMES[:]
    pool["imei"] = [*pool["seen"], *pool["imei"]]
    pool["number"] += [*pool["applied"], *pool["import"]]
    return pool | {
        "kind": ["ICCID", "MDN", "IMEI", "iccid"],
        "uploadType": ["IMEI ICCID Pair"],
        "url": ["https://listener.example/", "http://127.0.0.1/", "x:y"],
        "state": ["open", "explained"],
        "cause": ["theft", "unclear"],
        "order": ["newest"],
        "q": ["8914"],
        "scopes": ["m2m", "intake", "admin"],
        "grant_type": ["client_credentials"],
        "scope": ["", "m2m"],
        "name": [*pool["fresh"], "DeviceService"],
        "manufacturer": ["Corvid"],
        "mode": ["apply", "dry-run", "propose"],
        "activated_at": ["2026-05-05T10:00:00Z"],
        "effective_from": ["2026-05-20T00:00:00Z"],
        "until": ["2027-01-01T00:00:00Z"],
        "at_most": ["1", "100"],
        "after": ["1"],
        "before": ["9"],
        "next": ["-1"],
    }


def caller_for(world: World, operation: Operation, random: Random) -> Caller | None:
    """Somebody who may make the call: an app of the scope, or a user; None: by an app's secret."""
    security = random.choice(operation.said["security"])
    if "basic" in security:
        return None
    (scope,) = security["app"]
    name = "session-operator" if "session" in security else f"app-{scope}"
    return next(each for each in world.callers if each.name == name)


def test_each_call_of_both_descriptions_is_answered_as_it_says(
    world: World, request: pytest.FixtureRequest
) -> None:
    rounds, seed = request.config.getoption("--rounds"), request.config.getoption("--seed")
    random = Random(seed)
    for path in DESCRIPTIONS:
        document = world.client.simulate_get(path).json
        generator = Generator(document, random, pool_of(world))
        operations = list(operations_of(document))
        done = set()
        for each in range(rounds):
            random.shuffle(operations)
            for operation in operations:
                status = ask(world, document, generator, operation, random)
                done |= {operation.name} if status < 300 else set()
            if each % RENEWED_EVERY == 0:
                world.renew()
                generator.pool = pool_of(world)
        lacking = {operation.name for operation in operations} - done
        assert len(lacking) <= NEVER_DONE_MAX, f"never done: {sorted(lacking)}"


def ask(
    world: World,
    document: dict[str, Any],
    generator: Generator,
    operation: Operation,
    random: Random,
) -> int:
    """Send a call that is made up, hold the answer to the description, and give its status."""
    caller = caller_for(world, operation, random)
    headers = world.basic if caller is None else caller.headers
    sent = generator.call(operation)
    if sent.method == "DELETE" and CALLERS in sent.path:
        return 400
    result = world.client.simulate_request(
        sent.method,
        sent.path,
        query_string=sent.query,
        body=sent.body,
        headers=headers | sent.headers,
    )
    content = result.content
    if result.headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    hold(document, operation, sent, result.status_code, result.headers, content)
    if caller and caller.door == "session":
        world.sign_in_again(caller)
    generator.learn_place(result.headers.get("location") or "")
    if result.status_code < 300 and "json" in (result.headers.get("content-type") or ""):
        generator.learn(json.loads(content or b"null"))
    return result.status_code


def hold(
    document: dict[str, Any],
    operation: Operation,
    sent: Sent,
    status: int,
    headers: Any,  # noqa: ANN401 - the framework's mapping without case
    content: bytes,
) -> None:
    """Hold an answer to what the description says of the call."""
    what = f"{operation.name} {sent} {status} {content[:300]!r}"
    assert status < 500 or (status == 503 and headers.get("retry-after")), what
    said = response_for(operation.said, status)
    assert said is not None, f"a status that is not described: {what}"
    media_type = (headers.get("content-type") or "").partition(";")[0]
    if not content:
        return
    assert media_type in said.get("content", {}), f"a body that is not described: {what}"
    if media_type == "application/json":
        schema = said["content"][media_type]["schema"]
        wrong = Held(document["components"]["schemas"]).misfits(json.loads(content), schema)
        assert not wrong, (wrong[:3], what)

"""What is seen of a server from outside: metrics over all workers, ids of calls, and the log."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import falcon
import pytest
from falcon import testing

from tallystick.clock import system_clock
from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment
from tallystick.http.observed import NO_ROUTE, Observed, lines_of_calls
from tallystick.logs import TextLines
from tallystick.operations.metrics import METRICS, PREFIX, Metrics
from tallystick.operations.tallies import LAST_FACT, Counts, Tallies
from tallystick.store import open_store
from tallystick.store.engines.files import LOOK_AGAIN_S
from tallystick.store.import_receipts import ImportedFacts
from tallystick.thingspace.rows import wire_row
from tests.engines import empty_sqlite_file
from tests.listening import wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD, bearer, call, free_port, serving, signed_in

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.operations.tallies import Answered
    from tallystick.store import Store

DEPLOY = Path(__file__).parents[2] / "deploy"
WATCHED = ["prometheus/alerts.yaml", "grafana/tallystick.json"]
NAME = re.compile(rf"\b{PREFIX}[a-z_]+")
FACTS = (
    '[{"iccid":"89148000000800000011","imei":"352099001761481",'
    '"activated_at":"2026-03-05T10:00:00Z"},{"iccid":"nonsense"}]'
)


UPLOADS = "/api/m2m/v1/devices/actions/upload"
PAIRS = {
    "accountName": "0342",
    "uploadType": "IMEI ICCID Pair",
    "devices": [
        {
            "deviceIds": [
                {"kind": "ICCID", "id": "89148000000800000011"},
                {"kind": "IMEI", "id": "352099001761481"},
            ]
        }
    ],
}
"""One pair, of a SIM that the account does not have."""


class Timer:
    """A timer that goes on by a quarter of a second whenever it is looked at."""

    now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        self.now += 0.25
        return self.now


class Sims:
    """A resource with a SIM in its path."""

    def on_get(self, req: Request, _resp: Response, iccid: str) -> None:
        req.context.rows = len(iccid) - 13


def values(text: str) -> dict[str, float]:
    """Every sample of a page of metrics, by its name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_are_summed_up_over_all_workers_and_not_for_strangers(tmp_path: Path) -> None:
    database, metrics_port = f"sqlite:///{tmp_path}/store.db", free_port()
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        feeder = access.add_app("feeder", ["intake"])
        admin = access.add_app("admin", ["admin"])
        portal = access.add_app("portal", ["m2m"])
        access.add_user("ann", PASSWORD, ["0342"], all_accounts=False)
    settings = {"WORKERS": "2", "METRICS_PORT": str(metrics_port)}
    with serving(database, **settings) as port:
        headers = bearer(port, feeder)
        began = system_clock() / MICROSECONDS_A_SECOND
        user = signed_in(port, portal, "ann")
        assert call(port, "POST", UPLOADS, json.dumps(PAIRS), user).status == 200
        for _ in range(10):  # each on a connection of its own, to either worker
            assert call(port, "POST", "/api/v1/activations", FACTS, headers).status == 200
            call(port, "GET", f"/api/v1/{'8' * 19}{secrets.randbelow(10)}")
        assert call(port, "GET", "/metrics", headers=headers).status == 403
        assert call(port, "GET", "/metrics").status == 401
        facts = f'{PREFIX}intake_facts_total{{kind="activations",outcome="%s"}}'
        seen = dict[str, float]()
        uploaded = f'{PREFIX}intake_facts_total{{kind="expectations",outcome="rejected"}}'
        duration = f"{PREFIX}request_duration_seconds"
        unknown = f'{duration}_count{{method="GET",route="none",status="4xx"}}'  # the last calls
        awaited = {facts % "rejected": 10, unknown: 10, uploaded: 1, f"{PREFIX}workers": 2}

        def all_workers_are_summed_up() -> bool:
            seen.update(values(call(metrics_port, "GET", "/metrics").body.decode()))
            return awaited.items() <= seen.items()

        wait_until(all_workers_are_summed_up)
        assert (seen[facts % "accepted"], seen[facts % "duplicate"]) == (1, 9)
        route = 'method="POST",route="/api/v1/activations",status="2xx"'
        assert seen[f"{duration}_count{{{route}}}"] == 10
        assert seen[f'{duration}_bucket{{{route},le="+Inf"}}'] == 10
        now = system_clock() / MICROSECONDS_A_SECOND
        assert began <= seen[f"{PREFIX}last_fact_timestamp_seconds"] <= now
        for level in ("intake_waiting_facts", "waiting_calls", "failing_loops", "uploads_pending"):
            assert seen[PREFIX + level] == 0
        assert seen[f"{PREFIX}store_size_bytes"] > 100_000
        reply = call(port, "GET", "/metrics", headers=bearer(port, admin))
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "8888" not in reply.body.decode()


@pytest.mark.parametrize("name", WATCHED)
def test_alerts_and_the_dashboard_name_metrics_that_there_are(name: str) -> None:
    served = {
        f"{PREFIX}{each.name}{ending}"
        for each in METRICS
        for ending in (("_bucket", "_count", "_sum") if each.kind == "histogram" else ("",))
    }
    named = set(NAME.findall((DEPLOY / name).read_text("utf-8")))
    assert len(named) > 8
    assert named <= served


def test_the_panels_of_the_dashboard_have_places_of_their_own_and_the_chosen_source() -> None:
    panels = json.loads((DEPLOY / WATCHED[1]).read_text("utf-8"))["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def test_either_engine_says_what_waits(store: Store, database: str, engine: str) -> None:
    seen = values(Metrics(store, database, Tallies(Counts)).text())
    assert [seen[f"{PREFIX}{name}_pending"] for name in ("uploads", "deliveries")] == [0, 0]
    assert any(f'engine="{engine}"' in name for name in seen)
    assert (f"{PREFIX}disk_free_bytes" in seen) == (engine == "sqlite")


def test_either_engine_says_what_imports_of_other_processes_brought(
    store: Store, database: str
) -> None:
    metrics = Metrics(store, database, Tallies(lambda: Counts(latest={LAST_FACT: 5.0})))
    assert f"{PREFIX}import_facts_total{{" not in metrics.text()
    for counted in (
        ImportedFacts("sims", 3, 2, 1, Moment(7 * MICROSECONDS_A_SECOND)),
        ImportedFacts("sims", 0, 4, 0, None),
        ImportedFacts("activations", 1, 0, 0, Moment(6 * MICROSECONDS_A_SECOND)),
    ):
        with open_store(database, wire_row) as other, other.transaction() as writer:
            writer.count_imported(counted)
    seen = values(metrics.text())
    lines = f'{PREFIX}import_facts_total{{kind="%s",outcome="%s"}}'
    outcomes = ("accepted", "duplicate", "rejected")
    assert [seen[lines % ("sims", each)] for each in outcomes] == [3, 6, 1]
    assert [seen[lines % ("activations", each)] for each in outcomes] == [1, 0, 0]
    assert seen[PREFIX + LAST_FACT] == 7


def test_a_store_that_does_not_answer_is_told_by_the_metrics(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(empty_sqlite_file())
    with open_store(f"sqlite:///{path}", wire_row) as store:
        metrics = Metrics(store, f"sqlite:///{path}", Tallies(Counts))
        assert values(metrics.text())[f"{PREFIX}store_up"] == 1
        path.rename(tmp_path / "elsewhere.db")
        time.sleep(2 * LOOK_AGAIN_S)
        seen = values(metrics.text())
    assert seen[f"{PREFIX}store_up"] == 0
    assert f"{PREFIX}uploads_pending" not in seen


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [("r-1:a.B_2", True), ("x" * 65, False), ("a b", False), ("a\x1b", False), ("", False)],
)
def test_the_id_of_a_call_is_the_one_it_brought_if_that_is_plain(
    given: str, *, is_taken: bool
) -> None:
    observed = Observed(lambda _: None, None)
    req = testing.create_req()
    req.env["HTTP_X_REQUEST_ID"] = given
    observed.process_request(req, falcon.Response())
    assert (req.context.request_id == given) == is_taken
    assert re.fullmatch(r"[A-Za-z0-9._:\-]{1,64}", req.context.request_id)


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "is_taken"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
    ],
)
def test_a_call_of_a_trace_has_the_id_of_that_where_it_brings_no_other(
    header: str, *, is_taken: bool
) -> None:
    observed = Observed(lambda _: None, None)
    req = testing.create_req(headers={"traceparent": header})
    observed.process_request(req, falcon.Response())
    assert (req.context.request_id == TRACE) == is_taken
    named = testing.create_req(headers={"traceparent": header, "X-Request-Id": "r-1"})
    observed.process_request(named, falcon.Response())
    assert named.context.request_id == "r-1"


def test_a_call_is_a_line_of_the_log_without_its_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tallystick.http.observed")
    noted: list[Answered] = []
    lines = lines_of_calls(system_clock)
    app = falcon.App(middleware=[Observed(noted.append, lines.note, timer=Timer())])
    app.add_route("/sims/{iccid}", Sims())
    client = testing.TestClient(app)
    client.simulate_get("/sims/89148000000800000011", headers={"X-Request-Id": "r-1"})
    client.simulate_request("TRACE", "/sims/89148000000800000011")
    client.simulate_get("/89148000000800000011")
    lines.write()
    (record,) = caplog.records
    text = TextLines().format(record)
    first, *others = text.split("\n")
    assert first.endswith(
        "call request_id=r-1 method=GET route=/sims/{iccid} status=200 ms=250.0"
        " address=127.0.0.1 rows=7"
    )
    assert len(others) == 2
    assert "89148" not in text
    assert noted[0] == ("GET", "/sims/{iccid}", "200 OK", 0.25)
    assert [each[:2] for each in noted[1:]] == [("other", "/sims/{iccid}"), ("GET", NO_ROUTE)]

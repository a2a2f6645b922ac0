"""Traces arrive at a collector of OpenTelemetry, whole and without a subscriber's number."""

from __future__ import annotations

import gzip
import json
import secrets
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallystick import tracing
from tallystick.clock import system_clock
from tallystick.core.errors import StoreBusy
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Session, bearer, call, serving, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ICCID, IMEI, ACCOUNT = "89148000000800000011", "352099001761481", "0342077109-00001"
SIMS = f"iccid,account,activation_date\n{ICCID},{ACCOUNT},2020-01-01\n"
FACTS = json.dumps([{"iccid": ICCID, "imei": IMEI, "activated_at": "2026-03-05T10:00:00Z"}])
PAIR = {
    "accountName": ACCOUNT,
    "uploadType": "IMEI ICCID Pair",
    "devices": [{"deviceIds": [{"kind": "ICCID", "id": ICCID}, {"kind": "IMEI", "id": IMEI}]}],
}
PATIENCE_S = 30


class Received(NamedTuple):
    """A span as it came over the wire; ids in hexadecimal digits."""

    service: str
    name: str
    trace: str
    own: str
    parent: str
    links: list[str]
    attributes: dict[str, object]


class Collecting:
    """What has come to a collector, and to a listener for callbacks beside it."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.bodies: list[bytes] = []
        self.callbacks: list[dict[str, str]] = []
        self.changed = threading.Condition()

    def wait_for(self, *names: str) -> dict[str, Received]:
        """The spans of these names, when all are there."""
        with self.changed:
            self.changed.wait_for(lambda: set(names) <= self.names(), PATIENCE_S)
            assert set(names) <= self.names(), self.names()
        return {each.name: each for each in self.spans}

    def names(self) -> set[str]:
        return {each.name for each in self.spans}


@contextmanager
def collector() -> Iterator[tuple[int, Collecting]]:
    """A collector on loopback, and its port; it takes OTLP as protobuf over HTTP."""
    collecting = Collecting()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with collecting.changed:
                if self.path == "/v1/traces":
                    body = _unpacked(self.headers.get("Content-Encoding"), body)
                    collecting.bodies.append(body)
                    collecting.spans += _spans(body)
                else:
                    collecting.callbacks.append(
                        {name.lower(): value for name, value in self.headers.items()}
                    )
                collecting.changed.notify_all()
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, collecting
        server.shutdown()


def _unpacked(encoding: str | None, body: bytes) -> bytes:
    return gzip.decompress(body) if encoding == "gzip" else body


def _spans(body: bytes) -> Iterator[Received]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Received(
                    resource["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    [link.span_id.hex() for link in span.links],
                    {
                        each.key: each.value.string_value or each.value.int_value
                        for each in span.attributes
                    },
                )


def test_calls_commits_uploads_and_callbacks_are_spans_that_hang_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        feeder = access.add_app("feeder", ["intake"])
        portal = access.add_app("portal", ["m2m"])
        access.add_user("ann", PASSWORD, [ACCOUNT], all_accounts=False)
    with collector() as (port, collecting):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with serving(database, TRACES="yes", CALLBACK_PRIVATE_ADDRESSES="yes") as served:
            user = Session(served, signed_in(served, portal, "ann"))
            listener = {"name": "DeviceService", "url": f"http://127.0.0.1:{port}/callbacks"}
            assert user.call("POST", f"/callbacks/{ACCOUNT}", listener).status == 200
            assert user.call("POST", "/devices/actions/upload", PAIR).status == 200
            in_trace = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
            headers = bearer(served, feeder) | in_trace
            assert call(served, "POST", "/api/v1/activations", FACTS, headers).status == 200
            assert call(served, "GET", f"/api/v1/sims/{ICCID}", headers=headers).status == 403
            assert call(served, "GET", f"/{ICCID}", headers=in_trace).status == 404
            spans = collecting.wait_for(
                "POST /api/v1/activations",
                "GET /api/v1/sims/{iccid}",
                "GET none",
                "commit of calls",
                "upload",
                "callback",
            )
    intake, commit = spans["POST /api/v1/activations"], spans["commit of calls"]
    assert intake.service == "tallystick"
    assert (intake.trace, intake.parent) == (TRACE, CALLER)
    assert intake.attributes["http.response.status_code"] == 200
    assert commit.links == [intake.own]
    assert commit.trace != TRACE
    (transaction,) = (
        each for each in collecting.spans if (each.name, each.parent) == ("transaction", commit.own)
    )
    waits = [each for each in collecting.spans if each.name == "wait for the turn"]
    assert [each.trace for each in waits if each.parent == transaction.own] == [commit.trace]
    assert spans["upload"].attributes["tallystick.rejected"] == 1
    callback = spans["callback"]
    (headers,) = collecting.callbacks
    assert headers["traceparent"].startswith(f"00-{callback.trace}-{callback.own}-")
    assert "tracestate" not in headers
    sent = b"".join(collecting.bodies)
    for secret in (ICCID, IMEI, ACCOUNT, "ann", str(tmp_path)):
        assert secret.encode() not in sent, secret


def test_an_import_by_command_is_a_span_with_its_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{ICCID}.csv").write_text(SIMS)
    monkeypatch.setenv("TALLYSTICK_TRACES", "yes")
    monkeypatch.setenv("TALLYSTICK_DATABASE", f"sqlite:///{tmp_path}/store.db")
    with collector() as (port, collecting):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "night-import")
        command = [sys.executable, "-m", "tallystick", "import", "sims", f"{tmp_path}/{ICCID}.csv"]
        subprocess.run(command, check=True, capture_output=True)
        spans = collecting.wait_for("import", "transaction")
    assert spans["import"].service == "night-import"
    assert spans["import"].attributes["tallystick.accepted"] == 1
    assert ICCID.encode() not in b"".join(collecting.bodies)


def test_a_failure_is_told_by_its_kind_and_not_by_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collector() as (port, collecting):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with tracing.traced(is_on=True):
            with pytest.raises(StoreBusy), tracing.span("busy"):
                raise StoreBusy(ICCID)
            with pytest.raises(ValueError, match=ICCID), tracing.span("broken"):
                raise ValueError(ICCID)
        spans = collecting.wait_for("busy", "broken")
    assert spans["busy"].attributes["error.type"] == StoreBusy.code
    assert spans["broken"].attributes["error.type"] == "ValueError"
    assert ICCID.encode() not in b"".join(collecting.bodies)


def test_without_the_setting_nothing_is_begun_and_nothing_loaded() -> None:
    program = (
        "import sys\n"
        "from tallystick import server, tracing\n"
        "assert tracing.span('a') is tracing.client_span('b')\n"
        "assert not tracing.trace_headers() and tracing.here() is None\n"
        "sys.exit('opentelemetry' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

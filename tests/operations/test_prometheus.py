"""A real Prometheus scrapes a real server: rules and the dashboard are evaluated on what it has."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.store.import_receipts import ImportedFacts
from tallystick.thingspace.rows import wire_row
from tests.engines import empty_sqlite_file
from tests.http.test_observed import FACTS
from tests.listening import wait_until
from tests.quick_access import quick_access
from tests.serving import bearer, call, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIGURATION = DEPLOY / "prometheus/prometheus.yaml"
DASHBOARD = json.loads((DEPLOY / "grafana/tallystick.json").read_text("utf-8"))
COMPARED = re.compile(r" (==|>|<) ")
pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="left out: there is no prometheus and promtool here; `apt-get install prometheus`",
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Prometheus, as it is configured for a server that has taken facts in; gives its port."""
    folder = tmp_path_factory.mktemp("prometheus")
    path, port, metrics_port = folder / "store.db", free_port(), free_port()
    path.write_bytes(empty_sqlite_file())
    database = f"sqlite:///{path}"
    configuration = CONFIGURATION.read_text("utf-8").replace("9464", str(metrics_port))
    often = "global: {scrape_interval: 300ms, scrape_timeout: 300ms, evaluation_interval: 300ms}\n"
    (folder / "prometheus.yaml").write_text(often + configuration)
    shutil.copy(CONFIGURATION.with_name("alerts.yaml"), folder)
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with (
        serving(database, METRICS_PORT=str(metrics_port)) as server,
        subprocess.Popen(command, cwd=folder) as process,
    ):
        try:
            bring_facts(database, server)
            wait_for(port, "tallystick_last_fact_timestamp_seconds")
            wait_for(port, "rate(tallystick_request_duration_seconds_count[1m])")
            yield port
        finally:
            process.kill()


def bring_facts(database: str, server: int) -> None:
    """One fact that is taken in, and one that is rejected, by a call and by an import."""
    with open_store(database, wire_row) as store:
        access = quick_access(store, system_clock, secrets.token_bytes)
        with store.transaction() as writer:
            writer.count_imported(ImportedFacts("activations", 1, 0, 1, system_clock()))
        headers = bearer(server, access.add_app("network", ["intake"]))
    assert call(server, "POST", "/api/v1/activations", FACTS, headers).status == 200


def asked(port: int, path: str) -> Any:  # noqa: ANN401 - any JSON
    """What Prometheus answers. Raises `ConnectionError` while it is not ready."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", f"/api/v1/{path}")
        response = connection.getresponse()
        body = response.read()
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise ConnectionError(body)
    answer = json.loads(body)
    assert answer["status"] == "success", answer
    return answer["data"]


def result_of(port: int, expression: str) -> list[Any]:
    """What an expression comes to."""
    result: list[Any] = asked(port, f"query?{urlencode({'query': expression})}")["result"]
    return result


def wait_for(port: int, expression: str) -> None:
    """Come back when an expression has a result; on a busy machine a scrape may come to none."""

    def has_a_result() -> bool:
        with suppress(OSError):  # it is not up, or not ready yet
            return bool(result_of(port, expression))
        return False

    wait_until(has_a_result, f"a result of {expression}")


def test_the_configuration_and_the_rules_pass_the_check_of_prometheus() -> None:
    command = ["promtool", "check", "config", str(CONFIGURATION)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "rules found" in checked.stdout


def test_each_alert_compares_values_that_are_there(prometheus: int) -> None:
    (group,) = asked(prometheus, "rules")["groups"]
    assert len(group["rules"]) > 10
    for rule in group["rules"]:
        # With `bool` a comparison that is false has a result too. No call has failed.
        expression = COMPARED.sub(r" \1 bool ", rule["query"]).replace('"5xx"', '"2xx"')
        assert "bool" in expression, rule
        wait_for(prometheus, expression)


def test_each_panel_of_the_dashboard_shows_something(prometheus: int) -> None:
    expressions = [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
    ]
    assert len(expressions) > 10
    for expression in expressions:
        written = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
        wait_for(prometheus, written.replace('"5xx"', '"2xx"'))

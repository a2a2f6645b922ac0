"""`tallystick demo`."""

from __future__ import annotations

import json
import secrets
import tempfile
from dataclasses import replace
from datetime import UTC, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from tallystick.access import Access, Credentials
from tallystick.cli.output import progress
from tallystick.cli.report import operators_answer
from tallystick.cli.serve import Port
from tallystick.cli.stores import current_settings, store_of
from tallystick.cli.synth import today
from tallystick.clock import system_clock
from tallystick.core.counted import counted
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment, in_zone
from tallystick.core.roles import Role
from tallystick.intake import ImportOptions, import_file
from tallystick.operations.synth import (
    ACCOUNTS,
    FLEET_KINDS,
    Fleet,
    FleetFormat,
    FleetKind,
    write_fleet,
)
from tallystick.thingspace.bodies import ReportBody, question_of, report_request
from tallystick.thingspace.routes import M2M, OAUTH2, REPORT
from tallystick.thingspace.session import SESSION_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.settings import Settings
    from tallystick.store import Store

DATABASE = Path("tallystick-demo.db")
EXAMPLE = "demo_data"
EXAMPLE_KINDS: tuple[FleetKind, ...] = ("sims", "expectations", "activations")
NAME = "demo"
PASSWORD_BYTES = 9
SIMS, MONTHS, SEED = 100_000, 3, 1
WINDOW_DAYS = 89  # three calendar months are never shorter
ROWS_SHOWN = 2
TAKE = 'import json, sys; print(json.load(sys.stdin)["{}"])'
SHOW = (
    'import json, sys; rows = json.load(sys.stdin)["devices"]; '
    f'print(f"{{len(rows)}} row" + "s" * (len(rows) != 1), *rows[:{ROWS_SHOWN}], sep="\\n")'
)


def demo(port: Port = None) -> None:
    """Serve a fresh store with the published example and a fleet, and print calls to paste."""
    given = current_settings()
    settings = replace(given, database=f"sqlite:///{DATABASE}", port=port or given.port)
    for old in (DATABASE, DATABASE.with_suffix(".db-wal"), DATABASE.with_suffix(".db-shm")):
        old.unlink(missing_ok=True)
    until = today()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with store_of(settings) as store:
        store.init(settings.time_zone)
        _load(store, until)
        access = Access(store, system_clock, secrets.token_bytes)
        app = access.add_app(NAME, ["m2m", "intake"])
        access.add_user(NAME, password, [], all_accounts=True, role=Role.OPERATOR)
        for line in _calls(store, settings, until, app, password):
            typer.echo(line)
    from tallystick import server  # noqa: PLC0415 - only who serves should wait for it to load

    served = (
        f"\nServing at {settings.url}/ until Ctrl-C; sign in as {NAME} with the password {password}"
    )
    server.serve(settings, lambda _: typer.echo(served))


def _load(store: Store, until: Moment) -> None:
    options = ImportOptions(origin=Origin(NAME, system_clock()))
    with progress("Making a fleet") as advance, tempfile.TemporaryDirectory() as folder:
        paths = write_fleet(
            Fleet(SIMS, MONTHS, SEED, until), Path(folder), FleetFormat.PARQUET, lambda *_: None
        )
        for done, kind in enumerate(FLEET_KINDS):
            import_file(store, kind, str(paths[kind]), options=options)
            advance(done + 1, len(FLEET_KINDS))
    with as_file(files("tallystick") / EXAMPLE) as example:
        for kind in EXAMPLE_KINDS:
            import_file(store, kind, str(example / f"{kind}.csv"), options=options)


def _calls(
    store: Store, settings: Settings, until: Moment, app: Credentials, password: str
) -> Iterator[str]:
    """What to paste into another terminal, line by line, and what it will answer."""
    base = settings.url
    token_call = f"-u {app.key}:{app.secret} -d grant_type=client_credentials {base}{OAUTH2}/token"
    login = _body({"username": NAME, "password": password})
    yield f"{store.name}: the published example and {SIMS} synthetic SIMs. "
    yield "Paste these into another terminal:\n"
    yield f"TOKEN=$(curl -s {token_call} \\\n  | python3 -c {quote(TAKE.format('access_token'))})\n"
    yield (
        f'SESSION=$(curl -s -H "Authorization: Bearer $TOKEN" {login} \\\n'
        f"  {base}{M2M}/session/login \\\n"
        f"  | python3 -c {quote(TAKE.format(SESSION_FIELD))})\n"
    )
    for about, question in (
        ("three months of one account", _recent(until)),
        ("the published example", _published()),
    ):
        yield f"# {about}"
        yield (
            'curl -s -H "Authorization: Bearer $TOKEN" -H "VZ-M2M-Token: $SESSION" \\\n'
            f"  {_body(question)} \\\n"
            f"  {base}{REPORT} \\\n  | python3 -c {quote(SHOW)}\n"
        )
        yield from _expected(store, settings, question)


def _body(value: object) -> str:
    return f"-H 'Content-Type: application/json' -d {quote(json.dumps(value))}"


def _recent(until: Moment) -> dict[str, Any]:
    latest = in_zone(until, UTC).date()
    return report_request(ACCOUNTS[0], latest - timedelta(days=WINDOW_DAYS), latest)


def _published() -> dict[str, Any]:
    text = (files("tallystick") / EXAMPLE / "request_that_finds_it.json").read_text("utf-8")
    return dict(json.loads(text))


def _expected(store: Store, settings: Settings, question: dict[str, Any]) -> Iterator[str]:
    """The first lines of the answer, as comments."""
    with store.snapshot() as reader:
        asked = question_of(msgspec.convert(question, ReportBody))
        rows = list(operators_answer(reader, asked, settings))
    yield f"#   {counted(len(rows), 'row', 'rows')}"
    yield from (f"#   {json.loads(row)}" for row in rows[:ROWS_SHOWN])
    yield ""

"""`tallystick doctor`."""

from __future__ import annotations

import os
import resource
from importlib.metadata import version

import typer

from tallystick.cli.command import EXIT_REFUSED
from tallystick.cli.output import AsJson, print_json, say
from tallystick.cli.stores import store_of
from tallystick.clock import system_clock
from tallystick.core.errors import SettingRefused
from tallystick.operations.doctor import Finding, Machine, State, examine
from tallystick.settings import config_of, read_sourced

# Parts that come as packages of their own, by what they are called here.
PARTS = {
    "Tallystick": "tallystick",
    "apsw (SQLite)": "apsw",
    "psycopg (PostgreSQL)": "psycopg",
    "Granian": "granian",
    "Polars": "polars",
}


def doctor(as_json: AsJson = False) -> None:
    """Examine versions, settings, the store, its disk, the clock and limits; say what to mend.

    Exit status 1: there is a problem. Nothing is changed.
    """
    findings = _findings()
    if as_json:
        print_json({"findings": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            say(f"{finding.state:8} {finding.check}: {finding.text}")
            if finding.mend:
                say(f"{'':8} to mend it: {finding.mend}")
    if any(finding.state is State.PROBLEM for finding in findings):
        raise typer.Exit(EXIT_REFUSED)


def _findings() -> list[Finding]:
    try:
        sourced = read_sourced(os.environ)
    except SettingRefused as refusal:
        return [Finding("settings", State.PROBLEM, refusal.message)]
    with store_of(sourced.settings) as store:
        return examine(sourced, config_of(os.environ), store, _machine())


def _machine() -> Machine:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        system_clock(),
        None if files == resource.RLIM_INFINITY else files,
        {name: version(package) for name, package in PARTS.items()},
    )

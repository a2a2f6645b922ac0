"""The command line, run in this process and in one of its own, on a store of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tallystick.cli import app
from tallystick.intake import import_file
from tallystick.settings import PREFIX, TEST_PREFIX
from tallystick.store import Store, open_store
from tallystick.thingspace.rows import wire_row

EXAMPLE = Path(__file__).parent.parent / "contract" / "golden" / "published_example"
WINDOW = ("--earliest", "2017-11-01", "--latest", "2018-01-30")
"""The window in which the published example has its row."""

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and an environment in which nothing is set."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run() -> Run:
    """Run a command in this process: words, and `stdin` and `env` by name."""

    def invoke(*words: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, words, input=stdin, env=env)

    return invoke


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command in a process of its own; it is ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def popen(
        *words: str, stdin: int | None = None, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tallystick", *words]
        process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def store(run: Run) -> Iterator[Store]:
    """The store of the current directory, made by `init`, empty."""
    assert run("init").exit_code == 0
    with open_store("sqlite:///tallystick.db", wire_row) as made:
        yield made


@pytest.fixture
def example(store: Store) -> Store:
    """The same store with the facts of the published example."""
    for kind in ("sims", "expectations", "activations"):
        import_file(store, kind, str(EXAMPLE / f"{kind}.csv"))
    return store

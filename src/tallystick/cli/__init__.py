"""The command line: one module per command."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from tallystick.cli.shared import EXIT_REFUSED, Command, say

# What each command is called by, and the function or group of commands that it is.
COMMANDS = {
    "init": "init.init",
    "import": "import_.import_",
    "report": "report.report",
    "coverage": "coverage.coverage",
    "history": "history.history",
    "verify": "verify.verify",
    "copy": "copy_.copy",
    "backup": "backup.backup",
    "restore": "restore.restore",
    "serve": "serve.serve",
    "settings": "settings.settings",
    "doctor": "doctor.doctor",
    "synth": "synth.synth",
    "demo": "demo.demo",
    "man": "man.man",
    "maps": "maps.commands",
    "corrections": "corrections.commands",
    "expectations": "expectations.commands",
    "explanations": "explanations.commands",
    "app": "apps.commands",
    "user": "users.commands",
    "callbacks": "callbacks.commands",
    "account": "accounts.commands",
    "group": "groups.commands",
    "sim": "sims.commands",
}


class _LoadedCommands(Mapping[str, Any]):
    """Commands by name; each is loaded when it is asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's own class for it is private
        module, _, attribute = self._places[name].partition(".")
        loaded = getattr(import_module(f"{__name__}.{module}"), attribute)
        if isinstance(loaded, typer.Typer):
            group = get_group(loaded)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(name, cls=Command)(loaded)
        return get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Program(TyperGroup):
    """The program, which loads the command that is called: to load all takes twice as long."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - what the base class takes
        super().__init__(**kwargs)
        loaded: Any = _LoadedCommands(COMMANDS)
        self.commands = loaded


app = typer.Typer(
    cls=Program,
    help="Which SIMs were activated in hardware they do not belong in, and when.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        say(f"tallystick {version_of('tallystick')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_say_version, is_eager=True, help="Print the version and end."
    ),
]


@app.callback()
def _options(version: Version = False) -> None:
    """What may stand before a command."""


def main() -> None:
    """Run the command line.

    Exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    try:
        app(prog_name="tallystick")
    except OSError as error:
        parts = (error.filename, error.strerror or type(error).__name__)
        say(f"error: {': '.join(str(part) for part in parts if part)}", err=True)
        sys.exit(EXIT_REFUSED)
    except Exception as error:  # noqa: BLE001 - the outermost shell: people get a sentence
        kind = type(error).__name__
        say(f"error: this should not have happened; please report it: {kind}: {error}", err=True)
        sys.exit(EXIT_REFUSED)

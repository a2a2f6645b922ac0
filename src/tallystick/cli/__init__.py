"""The command line: one module per command."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from tallystick.cli.command import (
    EXIT_REFUSED,
    Command,
    ExportCommand,
    LongCommand,
    RecordedCommand,
)
from tallystick.cli.output import say
from tallystick.memory import collect_rarely


class Place(NamedTuple):
    """Where a command is: the module, and the function or group of commands there.

    `form` is of a function: whether and how the audit records it. Those of a group say so
    themselves.
    """

    module: str
    attribute: str
    form: type[Command] = Command


# What each command is called by, and where it is.
COMMANDS = {
    "init": Place("init", "init", RecordedCommand),
    "import": Place("import_", "import_", LongCommand),
    "report": Place("report", "report", ExportCommand),
    "coverage": Place("coverage", "coverage"),
    "history": Place("history", "history"),
    "verify": Place("verify", "verify"),
    "copy": Place("copy_", "copy", LongCommand),
    "backup": Place("backup", "backup", ExportCommand),
    "restore": Place("restore", "restore", RecordedCommand),
    "serve": Place("serve", "serve"),
    "settings": Place("settings", "settings"),
    "doctor": Place("doctor", "doctor"),
    "synth": Place("synth", "synth"),
    "demo": Place("demo", "demo"),
    "man": Place("man", "man"),
    "maps": Place("maps", "commands"),
    "corrections": Place("corrections", "commands"),
    "expectations": Place("expectations", "commands"),
    "explanations": Place("explanations", "commands"),
    "imports": Place("imports", "commands"),
    "audit": Place("audit", "commands"),
    "app": Place("apps", "commands"),
    "user": Place("users", "commands"),
    "callbacks": Place("callbacks", "commands"),
    "account": Place("accounts", "commands"),
    "group": Place("groups", "commands"),
    "sim": Place("sims", "commands"),
}


class _LoadedCommands(Mapping[str, Any]):
    """Commands by name; each is loaded when it is asked for."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's own class for it is private
        place = self._places[name]
        loaded = getattr(import_module(f"{__name__}.{place.module}"), place.attribute)
        if isinstance(loaded, typer.Typer):
            group = get_group(loaded)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(name, cls=place.form)(loaded)
        return get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Program(TyperGroup):
    """The program, which loads the command that is called, and no other."""

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
    collect_rarely()
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

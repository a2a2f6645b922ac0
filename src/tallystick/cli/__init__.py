"""The command line: one module per command."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from tallystick.cli import (
    accounts,
    apps,
    audit,
    callbacks,
    copy_,
    corrections,
    coverage,
    demo,
    expectations,
    groups,
    history,
    import_,
    init,
    maps,
    report,
    serve,
    settings,
    sims,
    synth,
    users,
    verify,
)
from tallystick.cli.shared import (
    EXIT_REFUSED,
    Command,
    ExportCommand,
    LongCommand,
    RecordedCommand,
    say,
)

app = typer.Typer(
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


app.command("init", cls=RecordedCommand)(init.init)
app.command("import", cls=LongCommand)(import_.import_)
app.add_typer(maps.commands, name="maps")
app.command("report", cls=ExportCommand)(report.report)
app.command("coverage", cls=Command)(coverage.coverage)
app.add_typer(corrections.commands, name="corrections")
app.command("history", cls=Command)(history.history)
app.command("verify", cls=Command)(verify.verify)
app.command("copy", cls=LongCommand)(copy_.copy)
app.add_typer(expectations.commands, name="expectations")
app.add_typer(apps.commands, name="app")
app.add_typer(users.commands, name="user")
app.add_typer(audit.commands, name="audit")
app.add_typer(callbacks.commands, name="callbacks")
app.add_typer(accounts.commands, name="account")
app.add_typer(groups.commands, name="group")
app.add_typer(sims.commands, name="sim")
app.command("serve", cls=Command)(serve.serve)
app.command("settings", cls=Command)(settings.settings)
app.command("synth", cls=Command)(synth.synth)
app.command("demo", cls=Command)(demo.demo)


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

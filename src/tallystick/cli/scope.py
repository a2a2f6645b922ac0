"""Which activations and accounts a command is about: the options that say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.core.errors import NoAccounts
from tallystick.core.moments import parse_named
from tallystick.core.window import span_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.window import Window
    from tallystick.store import Reader

Earliest = Annotated[
    str | None, typer.Option(help="Activations after this moment; all of them if none is named.")
]
Latest = Annotated[
    str | None, typer.Option(help="Activations before this moment; all of them if none is named.")
]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", help="Of this account; all of them if none is named."),
]


def span_named(earliest: str | None, latest: str | None) -> Window:
    """The window that two options name, open where one is absent.

    Raises `InvalidValue` or `WindowRefused`.
    """
    return span_between(
        None if earliest is None else parse_named("--earliest", earliest),
        None if latest is None else parse_named("--latest", latest),
    )


def every_account(reader: Reader) -> Mapping[str, int]:
    """What whoever is at the command line sees: every account, by number.

    Raises `NoAccounts` where there is none.
    """
    if accounts := reader.accounts():
        return accounts
    message = "there are no accounts yet; take SIMs in with `tallystick import sims`"
    raise NoAccounts(message)

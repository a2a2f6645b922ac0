"""What to paste into a terminal to get what a page shows."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from tallystick.core.moments import exact

if TYPE_CHECKING:
    from tallystick.console.asked import Asked


class Commands(NamedTuple):
    """A command and a call for the same rows; `left_out` is whether they know no such filter."""

    command: str
    curl: str
    left_out: bool


def commands_for(asked: Asked, base: str) -> Commands:
    """The command line and the call of our API that give these rows, in the report's order."""
    question = asked.question
    options = {"earliest": exact(question.window.earliest), "latest": exact(question.window.latest)}
    several = [("account", account) for account in question.accounts]
    several += [("group", question.group)] if question.group else []
    words = [f"--{name} {quote(text)}" for name, text in (*options.items(), *several)]
    query = urlencode([*options.items(), *several, ("reasons", "true")])
    address = f"{base}/api/v1/mismatches?{query}"
    return Commands(
        f"tallystick report --reasons {' '.join(words)}",
        f'curl -H "Authorization: Bearer $TOKEN" -H "VZ-M2M-Token: $SESSION" {quote(address)}',
        not asked.filters.is_empty,
    )

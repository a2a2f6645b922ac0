"""What to paste into a terminal to get what a page shows."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from tallystick.core.moments import exact
from tallystick.report.listing import FilterTexts
from tallystick.store.listing import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.console.asked import Asked


class Commands(NamedTuple):
    """A command, and for each form of the rows a call of our API.

    `left_out` is whether the command does not know a filter of the list.
    """

    command: str
    calls: dict[str, str]
    left_out: bool


def commands_for(asked: Asked, base: str, media_types: Mapping[str, str]) -> Commands:
    """The command line and the calls that give these rows, by the media type of each form.

    The command gives them in the report's order, the calls in that of the list.
    """
    question = asked.question
    options = {"earliest": exact(question.window.earliest), "latest": exact(question.window.latest)}
    several = [("account", account) for account in question.accounts]
    several += [("group", question.group)] if question.group else []
    words = [f"--{name} {quote(text)}" for name, text in (*options.items(), *several)]
    narrowed = [(name, asked.first(name)) for name in FilterTexts._fields if asked.first(name)]
    narrowed += [] if asked.order is Order.OLDEST else [("order", asked.order)]
    query = urlencode([*options.items(), *several, *narrowed, ("reasons", "true")])
    address = f"{base}/api/v1/mismatches?{query}"
    calls = {
        name: f'curl -H "Authorization: Bearer $TOKEN" -H "Accept: {media_type}" '
        f"-o mismatches.{name} {quote(address)}"
        for name, media_type in media_types.items()
    }
    return Commands(
        f"tallystick report --reasons {' '.join(words)}", calls, not asked.filters.is_empty
    )

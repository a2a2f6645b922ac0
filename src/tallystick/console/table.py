"""Rows of the report as the rows of a table: ten thousand of them are one page."""

from __future__ import annotations

from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

from tallystick.console.words import CAUSES, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2 import Environment

    from tallystick.console.mismatches import ShownRow

TEXTS_KEPT = 4096
"""Escaped names of accounts and models: few are in many rows."""


def table_rows_of(templates: Environment) -> Callable[..., Markup]:
    """Give the function by which templates print rows.

    A template prints the pattern of a row once, and each row fills it in: a template that printed
    each row took seven times as long.
    """

    @cache
    def pattern_of(columns: tuple[str, ...], picks: bool) -> str:  # noqa: FBT001 - a key of the cache
        return templates.get_template("row.html").render(columns=columns, picks=picks)

    def table_rows(
        rows: Iterable[ShownRow],
        columns: Iterable[str],
        models: Mapping[str, str],
        window: str,
        *,
        picks: bool = False,
    ) -> Markup:
        """Rows with some columns; `picks` is whether they may be selected.

        `models` are the names of types by TAC, `window` is the query behind the address of a SIM.
        """
        pattern, window = pattern_of(tuple(columns), picks), escape(window)
        # Every value was escaped.
        return Markup("".join([pattern % _values(row, models, window) for row in rows]))  # noqa: S704

    return table_rows


def _values(row: ShownRow, models: Mapping[str, str], window: str) -> dict[str, str]:
    """What fills in the pattern of a row. Digits and words of our own need no escaping."""
    state = row.standing.state
    return {
        "key": row.key,
        "iccid": row.iccid,
        "window": window,
        "at": row.at,
        "state": state,
        "state_words": STATES[state],
        "mdn": _escaped(row.mdn),
        "account": _escaped(row.account),
        "expected": row.expected,
        "before": row.before,
        "seen_in": row.seen_in,
        "model": _escaped(models.get(row.tac) or f"TAC {row.tac}"),
        "cause": row.cause,
        "cause_words": CAUSES[row.cause],
        "whereabouts": row.whereabouts,
    }


@lru_cache(TEXTS_KEPT)
def _escaped(text: str) -> str:
    return escape(text)

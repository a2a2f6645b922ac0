"""Rows that a form acts on: named one by one, or all that fit the filters of a list.

The filters travel with the form as they were, so that what is acted on is what was chosen. The
rows are counted when the form is shown and once more when it is sent: where others fit by then,
nothing is done, and the form is shown again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.asked import row_key, thawed
from tallystick.console.forms import ROWS_MAX
from tallystick.core.errors import InvalidValue
from tallystick.fleet.explanations import ROWS_MAX as ACTED_ROWS_MAX
from tallystick.fleet.explanations import require_rows
from tallystick.report.listing import keys_listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from tallystick.console.asked import Asked
    from tallystick.console.forms import RowsForm
    from tallystick.report.listing import Lister
    from tallystick.store.listing import RowKey

EVERY = "every"
"""The field that is `yes` where all rows that fit are meant, and not those that are named."""
MATCHING = "matching"
"""The field with the filters of the list."""
COUNTED = "counted"
"""The field with the count and the digest of the rows that were shown."""


class Selection(NamedTuple):
    """Rows by their keys, the newest first, and the filters of the list that they are from."""

    keys: list[RowKey]
    asked: Asked
    is_every: bool

    @property
    def counted(self) -> str:
        """How many rows these are, and a digest of which."""
        keys = sorted(self.keys)
        return f"{len(keys)}-{sha256(repr(keys).encode()).hexdigest()[:16]}"


def selection_of(form: RowsForm, lister: Lister, zone: tzinfo) -> Selection:
    """Give the rows that a form is about, as they are now.

    Raises `InvalidValue` where they are none or too many, `MismatchNotFound` where one is not there
    any more, and what lists raise.
    """
    asked = thawed(form.fields.get(MATCHING, ""), zone, lister.now)
    if asked.problem:
        raise InvalidValue(asked.problem)
    is_every = form.fields.get(EVERY) == "yes"
    keys = _all_keys(lister, asked) if is_every else _named_keys(lister, form.rows)
    if not keys:
        message = "no row is selected; tick some in the list, or choose all that fit"
        raise InvalidValue(message)
    return Selection(keys, asked, is_every)


def _all_keys(lister: Lister, asked: Asked) -> list[RowKey]:
    keys = keys_listed(lister, asked.question, asked.filters, ACTED_ROWS_MAX + 1)
    if len(keys) > ACTED_ROWS_MAX:
        message = (
            f"more than {ACTED_ROWS_MAX:,} rows fit, which is the most for one step; narrow the "
            "list down"
        )
        raise InvalidValue(message)
    return keys


def _named_keys(lister: Lister, rows: Sequence[str]) -> list[RowKey]:
    if len(rows) > ROWS_MAX:
        message = f"a form names {ROWS_MAX:,} rows at most, not {len(rows):,}"
        raise InvalidValue(message)
    keys = sorted({row_key("row", text) for text in rows}, reverse=True)
    require_rows(lister.reader, keys, lister.visible)
    return keys


def is_as_shown(selection: Selection, form: RowsForm) -> bool:
    """Whether the rows are those that the sender of the form was shown."""
    return form.fields.get(COUNTED) == selection.counted

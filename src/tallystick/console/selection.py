"""Rows that a form acts on: named one by one, or all that fit the filters of a list.

The filters travel with the form as they were, so that what is acted on is what was chosen. The
rows are counted when the form is shown and once more when it is sent: where others fit by then,
nothing is done, and the form is shown again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.console.asked import key_text, row_key, thawed
from tallystick.console.forms import ROW_FIELD, ROWS_MAX, RowsForm
from tallystick.console.listing_page import ListingPage
from tallystick.console.mismatches import PATH as LIST_PATH
from tallystick.console.mismatches import ShownRow, models_of, shown_rows
from tallystick.console.sign_in import local_path
from tallystick.core.errors import InvalidValue, Refusal, StoreRefused
from tallystick.fleet.explanations import ROWS_MAX as ACTED_ROWS_MAX
from tallystick.fleet.explanations import require_rows
from tallystick.report.listing import Lister, keys_listed, rows_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from falcon import Request

    from tallystick.console.asked import Asked
    from tallystick.store.listing import RowKey

EVERY = "every"
"""The field that is `yes` where all rows that fit are meant, and not those that are named."""
MATCHING = "matching"
"""The field with the filters of the list."""
COUNTED = "counted"
"""The field with the count and the digest of the rows that were shown."""
BACK = "back"
"""The field with the page to go back to."""
ROWS_SHOWN = 20
OTHERS_NOW = "other rows fit by now than you were shown; look at them again, and send the form"


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
    keys = sorted({row_key(ROW_FIELD, text) for text in rows}, reverse=True)
    require_rows(lister.reader, keys, lister.visible)
    return keys


def is_as_shown(selection: Selection, form: RowsForm) -> bool:
    """Whether the rows are those that the sender of the form was shown."""
    return form.fields.get(COUNTED) == selection.counted


def form_in_address(req: Request) -> RowsForm:
    """What a link says of the few rows that it is about."""
    fields = {name: req.get_param(name) or "" for name in (MATCHING, BACK)}
    return RowsForm(req.get_param_as_list(ROW_FIELD) or [], fields)


def came_from(form: RowsForm) -> str:
    """The page that the form came from: of this server, or else the list."""
    return local_path(form.fields.get(BACK) or LIST_PATH)


class Seen(NamedTuple):
    """The rows of a form as its page shows them; no selection where that is what is wrong."""

    selection: Selection | None
    first: list[ShownRow]
    models: dict[str, str]
    problem: str

    def values(self, form: RowsForm) -> dict[str, Any]:
        """What every page about selected rows shows."""
        named = self.selection.keys if self.selection and not self.selection.is_every else []
        return {
            "selection": self.selection,
            "rows": list(map(key_text, named)),
            "first": self.first,
            "models": self.models,
            "problem": self.problem,
            "matching": form.fields.get(MATCHING, ""),
            "back": came_from(form),
        }


class RowsPage(ListingPage):
    """What the pages about rows share, which the list or the page of a SIM names."""

    def _selection(self, lister: Lister, form: RowsForm) -> Selection:
        """The rows that a form is about. Raises as `selection_of`."""
        return selection_of(form, lister, self._pages.settings.zone)

    def _seen(self, lister: Lister, form: RowsForm, problem: str) -> Seen:
        """Look up the rows of a form, of which the newest are shown, with what is wrong with it."""
        try:
            selection = self._selection(lister, form)
        except StoreRefused:
            raise
        except Refusal as refusal:
            return Seen(None, [], {}, problem or refusal.message)
        window = selection.asked.question.window
        listed = rows_named(lister, selection.keys[:ROWS_SHOWN], window)
        first = shown_rows(lister, self._rows, listed)[::-1]
        return Seen(selection, first, models_of(lister.reader, first), problem)

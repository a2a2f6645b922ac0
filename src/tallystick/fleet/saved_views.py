"""Views of the console's list that a user saves by name: theirs alone, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import parse_name
from tallystick.store.saved_views import SavedView

if TYPE_CHECKING:
    from tallystick.store import Writer

VIEWS_MAX = 50
"""Views of one user."""
ASKED_LENGTH_MAX = 2_000


def save(writer: Writer, user_id: int, name: str, asked: str) -> None:
    """Keep a view, in the place of the one that the user had by this name.

    Raises `InvalidValue`.
    """
    view = SavedView(parse_name("name", name), asked)
    if len(asked) > ASKED_LENGTH_MAX:
        message = f"a view may have {ASKED_LENGTH_MAX:,} characters, not {len(asked):,}"
        raise InvalidValue(message)
    others = [each for each in writer.saved_views(user_id) if each.name != name]
    if len(others) >= VIEWS_MAX:
        message = f"you have saved {VIEWS_MAX} views, which is the most; forget one first"
        raise InvalidValue(message)
    writer.save_view(user_id, view)

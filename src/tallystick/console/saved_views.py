"""`/mismatches/views`: a view of the list is saved by a name, or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.console.asked import thawed
from tallystick.console.form_answers import deed_named, go_to
from tallystick.console.forms import users_fields
from tallystick.console.mismatches import PATH as LIST_PATH
from tallystick.console.sign_in import local_path
from tallystick.core.errors import InvalidValue
from tallystick.fleet import saved_views
from tallystick.http.acts import records
from tallystick.http.gate import for_console, user_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.store import Store

PATH = f"{LIST_PATH}/views"


class SavedViews:
    """The views of the user who looks; the list shows them."""

    def __init__(self, pages: Pages, store: Store, clock: Callable[[], Moment]) -> None:
        self._zone = pages.settings.zone
        self._store = store
        self._clock = clock

    @for_console
    @records("view.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Save what the list shows under a name, or forget a view."""
        fields, user_id, now = users_fields(req), user_of(req), self._clock()
        name = fields.get("name", "").strip()
        asked = thawed(fields.get("asked", ""), self._zone, now)
        if asked.problem:
            raise InvalidValue(asked.problem)
        view = asked.as_view(self._zone, now)
        with self._store.transaction() as writer:
            deeds = {
                "save": lambda: saved_views.save(writer, user_id, name, view),
                "forget": lambda: writer.forget_view(user_id, name),
            }
            deed_named(deeds, fields.get("do", ""))()
        go_to(resp, local_path(fields.get("back") or LIST_PATH))

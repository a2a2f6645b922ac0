"""What the pages that show rows of the report share: what they are made of, and who asks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import falcon

from tallystick.core.errors import Refusal, StoreRefused
from tallystick.http.gate import user_of
from tallystick.report.listing import Lister

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from falcon import Request, Response

    from tallystick.console.exports import WireRows
    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store
    from tallystick.store.access import View


class Problem(AbstractContextManager["Problem", bool]):
    """What is wrong with a question, for the page that asks it to say.

    The question is answered within the block. A refusal ends the block, and is what is wrong; one
    of the store goes on to whoever answers those.
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        """Keep the message of a refusal."""
        if not isinstance(error, Refusal) or isinstance(error, StoreRefused):
            return False
        self.message = error.message
        return True

    def mark(self, resp: Response) -> None:
        """Have the answer say by its status whether something is wrong."""
        if self.message:
            resp.status = falcon.HTTP_400


class ListingPage:
    """A page that shows rows of the report; `rows` prints them."""

    def __init__(
        self, pages: Pages, store: Store, clock: Callable[[], Moment], rows: WireRows
    ) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock
        self._rows = rows

    def _lister(self, reader: Reader, req: Request, now: Moment) -> Lister:
        """The user who calls, as one who asks for rows."""
        return self._lister_with(reader, reader.view_of(user_of(req)), now)

    def _lister_with(self, reader: Reader, view: View, now: Moment) -> Lister:
        """The same of what they see, where a page asks about that once and for more."""
        settings = self._pages.settings
        return Lister(reader, view.accounts, settings.generations, settings.time_zone, now)

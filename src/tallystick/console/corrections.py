"""`/corrections`: whom to tell of mismatches, the file to tell each with, and the way back in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.console.asked import Asked, asked_by
from tallystick.console.import_form import SUFFIXES, UNTOUCHED
from tallystick.console.imports import may_import_files
from tallystick.console.listing_page import ListingPage, Problem
from tallystick.console.mismatches import PATH as LIST_PATH
from tallystick.console.recent import COUNTS_KEPT_S, Recent
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.moments import Moment
from tallystick.http.acts import records
from tallystick.http.file_forms import FILE_BYTES_MAX
from tallystick.http.gate import caller_of, for_console, user_of
from tallystick.http.media_types import CSV
from tallystick.report.corrections import MakerSeen, as_csv, exported, file_stem, makers_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.console.exports import WireRows
    from tallystick.console.pages import Pages
    from tallystick.report.answer import Question
    from tallystick.report.listing import Lister
    from tallystick.store import Store

PATH = "/corrections"
FILE_PATH = f"{PATH}/export"
MAKERS_SHOWN = 200
TACS_SHOWN = 8


class Manufacturers(ListingPage):
    """The manufacturers of the hardware that SIMs were seen in, and their files."""

    def __init__(
        self, pages: Pages, store: Store, clock: Callable[[], Moment], rows: WireRows
    ) -> None:
        super().__init__(pages, store, clock, rows)
        self._recent = Recent[list[MakerSeen]](clock, COUNTS_KEPT_S)

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """Show how many rows of the window each is concerned with, and the form for a file."""
        zone, now = self._pages.settings.zone, self._clock()
        asked = asked_by(req, zone, now)
        problem = Problem(asked.problem)
        with self._store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            lister = self._lister_with(reader, view, now)
            may_import = may_import_files(req, view)
            counted_at, makers = self._seen(lister, asked, problem)
        named = [each for each in makers if each.manufacturer is not None]
        problem.mark(resp)
        self._pages.show(
            resp,
            "corrections.html",
            caller_of(req),
            asked=asked,
            problem=problem.message,
            accounts=sorted(lister.visible),
            makers=named[:MAKERS_SHOWN],
            makers_in_all=len(named),
            unknown=[each for each in makers if each.manufacturer is None],
            counted_at=counted_at,
            tacs_shown=TACS_SHOWN,
            may_import=may_import,
            typed=UNTOUCHED,
            suffixes=SUFFIXES,
            mebibytes_max=FILE_BYTES_MAX >> 20,
            presets=asked.presets(PATH, zone, now),
            list_path=LIST_PATH,
            file_path=FILE_PATH,
        )

    def _seen(
        self, lister: Lister, asked: Asked, problem: Problem
    ) -> tuple[Moment, list[MakerSeen]]:
        """When the window's makers were counted, and they; none where the question is wrong."""
        if lister.visible and not problem.message:
            with problem:
                counted_at, makers = self._counted(lister, asked)
                return Moment(counted_at), makers
        return lister.now, []

    def _counted(self, lister: Lister, asked: Asked) -> tuple[int, list[MakerSeen]]:
        question = _of_accounts(asked)
        key = (question.window, question.accounts, tuple(lister.visible.items()))
        wanted = (lister.reader, lister.visible, question, lister.generations)
        return self._recent.get(key, lambda: makers_seen(*wanted))


class ManufacturerFile(ListingPage):
    """What the network saw of one manufacturer's hardware, as expectations in a file."""

    @for_console
    @records("corrections.export", is_export=True)
    def on_get(self, req: Request, resp: Response) -> None:
        """Answer the file that `tallystick corrections export` writes, of the user's accounts."""
        now = self._clock()
        asked = asked_by(req, self._pages.settings.zone, now)
        maker = asked.filters.manufacturer
        if asked.problem or not maker:
            message = asked.problem or f"manufacturer must name one, not {shown(maker)}"
            raise InvalidValue(message)
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, now)
            question = _of_accounts(asked)
            wanted = (reader, lister.visible, question, lister.generations)
            export = exported(*wanted, maker)[maker]
        resp.content_type = CSV
        resp.downloadable_as = f"corrections-{file_stem(maker)}.csv"
        resp.data = as_csv(export.facts)


def _of_accounts(asked: Asked) -> Question:
    """What an address asks about: files know accounts, and no groups."""
    return replace(asked.question, group=None)

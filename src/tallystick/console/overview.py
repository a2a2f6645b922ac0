"""`/`: what a window has, at a glance; each number leads to the rows behind it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.asked import Asked, asked_by
from tallystick.console.charts import bar_chart
from tallystick.console.coverage import PATH as COVERAGE_PATH
from tallystick.console.imports import ListedFile, last_imports, listed_file
from tallystick.console.listing_page import ListingPage, Problem
from tallystick.console.mismatches import PATH, ShownRow, models_of, shown_rows
from tallystick.console.recent import COUNTS_KEPT_S, Recent
from tallystick.core.days import ONE_DAY
from tallystick.core.explanations import RowState
from tallystick.core.import_sources import ImportSource, sources_of
from tallystick.core.moments import MICROSECONDS_A_DAY, Moment
from tallystick.fleet import review
from tallystick.fleet.hardware import type_names
from tallystick.http.gate import caller_of, for_console, user_of
from tallystick.report.coverage import Sampled, sampled
from tallystick.report.listing import NO_FILTERS, Filters, page
from tallystick.report.overview import CountedRows, counted_rows
from tallystick.store.listing import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from falcon import Request, Response

    from tallystick.console.exports import WireRows
    from tallystick.console.pages import Pages
    from tallystick.core.imports import ImportRecord
    from tallystick.operations.tallies import BroughtByCalls
    from tallystick.report.answer import Question
    from tallystick.report.listing import Lister
    from tallystick.store import Store

NEWEST_ROWS = 10
LOOKED_AT_ROWS = 30
"""So many of the newest rows are looked at for those that are open."""
LAST_IMPORTS = 5
INTAKE_DAYS = 7
LOOKED_AT_IMPORTS = 100
"""So many imports are read for their sources."""
HERE = "/"
OPEN_ROWS = Filters(state=RowState.OPEN)


class Glance(NamedTuple):
    """What is counted for one question."""

    rows: CountedRows
    coverage: Sampled
    types: dict[str, str]


class InWindow(NamedTuple):
    """What the page shows of the window: its counts and when they were made, its newest rows.

    `models` are the names of the types that these were seen in.
    """

    glance: Glance | None
    counted_at: Moment
    newest: list[ShownRow]
    models: dict[str, str]


class Intake(NamedTuple):
    """How facts come in.

    The last imports, the sources of those of the last days, whether only the newest of these were
    looked at, how many days those go back that were, and what calls have brought.
    """

    imports: list[ListedFile]
    sources: list[ImportSource]
    is_cut: bool
    days: float
    calls: BroughtByCalls


class Overview(ListingPage):
    """The first page."""

    def __init__(
        self,
        pages: Pages,
        store: Store,
        clock: Callable[[], Moment],
        rows: WireRows,
        brought: Callable[[], BroughtByCalls],
    ) -> None:
        super().__init__(pages, store, clock, rows)
        self._brought = brought
        self._recent = Recent[Glance](clock, COUNTS_KEPT_S)

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the window's counts and its newest rows."""
        zone, now = self._pages.settings.zone, self._clock()
        asked = asked_by(req, zone, now)
        problem = Problem(asked.problem)
        with self._store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            lister = self._lister_with(reader, view, now)
            imports = last_imports(reader, req, view, LOOKED_AT_IMPORTS, now)
            is_any_waiting = review.is_any_waiting(reader, view)
            seen = self._in_window(lister, asked, problem)
        problem.mark(resp)
        self._pages.show(
            resp,
            "overview.html",
            caller_of(req),
            asked=asked,
            problem=problem.message,
            accounts=sorted(lister.visible),
            glance=seen.glance,
            chart=None if seen.glance is None else bar_chart(seen.glance.rows.days),
            day_address=partial(_day_address, asked),
            counted_at=seen.counted_at,
            newest=seen.newest,
            models=seen.models,
            is_any_waiting=is_any_waiting,
            intake=None if imports is None else self._intake(imports, now),
            presets=asked.presets(HERE, zone, now),
            list_path=PATH,
            coverage_path=COVERAGE_PATH,
            intake_days=INTAKE_DAYS,
        )

    def _in_window(self, lister: Lister, asked: Asked, problem: Problem) -> InWindow:
        """What the page shows of the window; nothing where something is wrong with the question."""
        nothing = InWindow(None, lister.now, [], {})
        if not lister.visible or problem.message:
            return nothing
        with problem:
            counted_at, glance = self._counted(lister, asked)
            newest = self._newest_open(lister, asked.question)
            return InWindow(glance, Moment(counted_at), newest, models_of(lister.reader, newest))
        return nothing

    def _newest_open(self, lister: Lister, question: Question) -> list[ShownRow]:
        """The newest rows that are open.

        Those that were opened last are, mostly. Where they are not, the list's filter is asked,
        which may look at every row of the window.
        """
        last = page(lister, question, NO_FILTERS, None, LOOKED_AT_ROWS, order=Order.NEWEST)
        rows = shown_rows(lister, self._rows, last)
        rows = [row for row in rows if row.standing.state is RowState.OPEN]
        if len(rows) < NEWEST_ROWS and last.behind is not None:
            last = page(lister, question, OPEN_ROWS, None, NEWEST_ROWS, order=Order.NEWEST)
            rows = shown_rows(lister, self._rows, last)
        return rows[:NEWEST_ROWS]

    def _intake(self, imports: Sequence[ImportRecord], now: Moment) -> Intake:
        begun_after = now - INTAKE_DAYS * MICROSECONDS_A_DAY
        lately = [each for each in imports if each.begun_at > begun_after]
        is_cut = len(lately) == LOOKED_AT_IMPORTS
        return Intake(
            list(map(listed_file, imports[:LAST_IMPORTS])),
            sources_of(lately),
            is_cut,
            (now - lately[-1].begun_at) / MICROSECONDS_A_DAY if is_cut else INTAKE_DAYS,
            self._brought(),
        )

    def _counted(self, lister: Lister, asked: Asked) -> tuple[int, Glance]:
        key = (asked.question.window, asked.question.accounts, tuple(lister.visible.items()))
        return self._recent.get(key, lambda: self._glance(lister, asked))

    def _glance(self, lister: Lister, asked: Asked) -> Glance:
        zone = self._pages.settings.zone
        wanted = (lister.reader, lister.visible, asked.question, lister.generations)
        rows = counted_rows(*wanted, zone)
        names = type_names(lister.reader, [tac for tac, _ in rows.types])
        return Glance(rows, sampled(*wanted), names)


def _day_address(asked: Asked, day: date, cause: str | None = None) -> str:
    """The list of one day's rows, clamped to the window that was asked for."""
    earliest = max(day.isoformat(), asked.first("earliest"))
    latest = min((day + ONE_DAY).isoformat(), asked.first("latest"))
    return asked.address(PATH, earliest=earliest, latest=latest, cause=cause)

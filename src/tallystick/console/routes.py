"""The console's contents: every page by its address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.console import admin_accounts, admin_apps, admin_callbacks, admin_users
from tallystick.console.admin import PATH as ADMIN_PATH
from tallystick.console.admin import Desk, FirstAdminPage
from tallystick.console.api_docs import PATH as DOCS_PATH
from tallystick.console.api_docs import ApiDocs
from tallystick.console.changes import PATH as CHANGES_PATH
from tallystick.console.changes import ChangeList, Decision, OneChange, Withdrawal
from tallystick.console.correct import CorrectionPage
from tallystick.console.correct_rows import PATH as CORRECT_PATH
from tallystick.console.correct_rows import CorrectRowsPage
from tallystick.console.corrections import FILE_PATH, ManufacturerFile, Manufacturers
from tallystick.console.corrections import PATH as CORRECTIONS_PATH
from tallystick.console.coverage import PATH as COVERAGE_PATH
from tallystick.console.coverage import CoverageList
from tallystick.console.explain import PATH as EXPLAIN_PATH
from tallystick.console.explain import ExplainPage
from tallystick.console.exports import Export
from tallystick.console.hardware import HardwarePage
from tallystick.console.import_form import ImportPage
from tallystick.console.imports import PATH as IMPORTS_PATH
from tallystick.console.imports import ImportRejects, OneImportPage
from tallystick.console.mismatches import MismatchList
from tallystick.console.overview import Overview
from tallystick.console.pages import HEADERS, Pages
from tallystick.console.saved_views import PATH as VIEWS_PATH
from tallystick.console.saved_views import SavedViews
from tallystick.console.sessions import PATH as SESSIONS_PATH
from tallystick.console.sessions import EndOthers, EndSession, OwnPassword, SessionList
from tallystick.console.sign_in import SignIn, SignOut
from tallystick.console.sims import SimPage
from tallystick.console.static import Static
from tallystick.http.gate import SIGN_IN_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import App, Request, Response

    from tallystick.access import Access
    from tallystick.console.exports import WireRows
    from tallystick.console.import_queue import ImportQueue
    from tallystick.core.moments import Moment
    from tallystick.http.cookies import Browsers
    from tallystick.operations.tallies import BroughtByCalls
    from tallystick.settings import Settings
    from tallystick.store import Store

OWN_PATH = re.compile(
    r"/|/docs|/log(?:in|out)|/mismatches(?:\..*|/.*)?|/sims/.*|/hardware/.*|/static/.*"
    r"|/(?:coverage|sessions|changes|corrections|imports|admin)(?:/.*)?"
)


def owns(req: Request) -> bool:
    """Whether a request is for this room: for one of its paths, or a browser's for nobody's."""
    if OWN_PATH.fullmatch(req.path):
        return True
    accepted = req.get_header("Accept") or ""
    return "text/html" in accepted and not req.path.startswith("/api/")


class Others(NamedTuple):
    """What other rooms do for this one.

    `rows` prints rows of the report, `imports` takes files in, `describe` gives the description of
    our own API, and `brought` says what calls have brought.
    """

    rows: WireRows
    imports: ImportQueue
    describe: Callable[[], dict[str, Any]]
    brought: Callable[[], BroughtByCalls]


def add_routes(
    app: App[Request, Response],
    settings: Settings,
    store: Store,
    access: Access,
    clock: Callable[[], Moment],
    browsers: Browsers,
    others: Others,
) -> Pages:
    """Put this room's pages on the app; give what makes them.

    What is refused here is answered by `errors.answer_error`.
    """
    pages = Pages(settings)
    add_routes_about_rows(app, pages, store, clock, others)
    one_change = OneChange(pages, store)
    app.add_route(CHANGES_PATH, ChangeList(pages, store))
    app.add_route(f"{CHANGES_PATH}/{{number}}", one_change)
    app.add_route(f"{CHANGES_PATH}/{{number}}/withdraw", Withdrawal(one_change, store, clock))
    app.add_route(f"{CHANGES_PATH}/{{number}}/{{deed}}", Decision(one_change, store, clock))
    app.add_route(IMPORTS_PATH, ImportPage(pages, store, clock, others.imports))
    app.add_route(f"{IMPORTS_PATH}/{{number}}", OneImportPage(pages, store, clock))
    app.add_route(f"{IMPORTS_PATH}/{{number}}/rejects", ImportRejects(store, clock))
    app.add_route(SIGN_IN_PATH, SignIn(pages, access, browsers))
    app.add_route("/logout", SignOut(access, browsers))
    own_sessions = SessionList(pages, access)
    app.add_route(SESSIONS_PATH, own_sessions)
    app.add_route(f"{SESSIONS_PATH}/password", OwnPassword(own_sessions, access))
    app.add_route(f"{SESSIONS_PATH}/end", EndSession(access))
    app.add_route(f"{SESSIONS_PATH}/end-others", EndOthers(access))
    app.add_route(DOCS_PATH, ApiDocs(pages, others.describe))
    add_admin_routes(app, Desk(pages, store, access, clock))
    app.add_route("/static/{name}", Static())
    app.add_middleware(Headers())
    return pages


def add_routes_about_rows(
    app: App[Request, Response],
    pages: Pages,
    store: Store,
    clock: Callable[[], Moment],
    others: Others,
) -> None:
    """Put the pages on the app that show rows, SIMs and hardware, and what is done about them."""
    rows = others.rows
    app.add_route("/", Overview(pages, store, clock, rows, others.brought))
    app.add_route(COVERAGE_PATH, CoverageList(pages, store, clock, rows))
    app.add_route("/mismatches", MismatchList(pages, store, clock, rows))
    app.add_route("/mismatches/export", Export(pages, store, clock, rows))
    app.add_route(VIEWS_PATH, SavedViews(pages, store, clock))
    app.add_route(CORRECT_PATH, CorrectRowsPage(pages, store, clock, rows))
    app.add_route(EXPLAIN_PATH, ExplainPage(pages, store, clock, rows))
    app.add_route("/sims/{iccid}", SimPage(pages, store, clock, rows))
    app.add_route("/hardware/{imei}", HardwarePage(pages, store, clock))
    app.add_route("/sims/{iccid}/correct", CorrectionPage(pages, store, clock))
    app.add_route(CORRECTIONS_PATH, Manufacturers(pages, store, clock, rows))
    app.add_route(FILE_PATH, ManufacturerFile(pages, store, clock, rows))


def add_admin_routes(app: App[Request, Response], desk: Desk) -> None:
    """Put the pages for operators on the app."""
    app.add_route(ADMIN_PATH, FirstAdminPage())
    app.add_route(admin_users.LIST_PATH, admin_users.UserList(desk))
    app.add_route(admin_users.ONE_PATH, admin_users.OneUser(desk))
    app.add_route(admin_apps.LIST_PATH, admin_apps.AppList(desk))
    app.add_route(admin_apps.ONE_PATH, admin_apps.OneApp(desk))
    app.add_route(admin_accounts.LIST_PATH, admin_accounts.AccountList(desk))
    app.add_route(admin_accounts.ONE_PATH, admin_accounts.OneAccount(desk))
    app.add_route(admin_accounts.GROUP_PATH, admin_accounts.OneGroup(desk))
    app.add_route(admin_callbacks.LIST_PATH, admin_callbacks.Callbacks(desk))


class Headers:
    """The middleware that puts the console's headers on each of its answers."""

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """Put those on that are not there yet, redirects and refusals included."""
        if OWN_PATH.fullmatch(req.path):
            resp.set_headers(
                {name: value for name, value in HEADERS.items() if not resp.get_header(name)}
            )

"""How pages are made: the templates, what all of them show, and the headers that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tallystick.console.asked import COLUMNS
from tallystick.console.forms import csrf_of
from tallystick.console.static import address_of
from tallystick.console.table import table_rows_of
from tallystick.console.words import CAUSES, REASONS, STATES, capitalised, sentence_of
from tallystick.core.counted import counted
from tallystick.core.moments import BEGINNING, wire
from tallystick.core.roles import Right, may
from tallystick.http.headers import POLICY_HEADER
from tallystick.http.streaming import stream
from tallystick.intake import described_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.access import Caller
    from tallystick.settings import Settings

HEADERS = {
    POLICY_HEADER: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HTML = "text/html; charset=utf-8"


class Pages:
    """Makes pages from templates."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._templates = Environment(
            loader=PackageLoader("tallystick.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.table_rows = table_rows_of(self._templates)
        self._templates.filters |= _filters(settings.zone)
        self._templates.globals |= {
            "static": address_of,
            "zone_name": settings.time_zone,
            "causes": CAUSES,
            "reason_words": REASONS,
            "state_words": STATES,
            "beginning": BEGINNING,
            "all_columns": COLUMNS,
            "table_rows": self.table_rows,
        }

    def show(
        self,
        resp: Response,
        template: str,
        caller: Caller | None,
        **values: Any,  # noqa: ANN401 - whatever a template shows
    ) -> None:
        """Answer with a page; `caller` is who has signed in, None on pages for everybody."""
        resp.content_type = HTML
        page = self._templates.get_template(template)
        resp.text = page.render(**_about(caller), **values)

    def send(
        self,
        req: Request,
        resp: Response,
        template: str,
        caller: Caller,
        held: ExitStack,
        **values: Any,  # noqa: ANN401 - the same
    ) -> None:
        """Answer with a page that is sent while it is drawn.

        `held` is what its values are read from; it is let go of at the end.
        """
        resp.content_type = HTML
        pieces = self._templates.get_template(template).generate(**_about(caller), **values)
        stream(req, resp, (piece.encode() for piece in pieces), held)


def _about(caller: Caller | None) -> dict[str, Any]:
    """What every page shows of who has signed in."""
    return {
        "user": None if caller is None else caller.user_name,
        "role": None if caller is None else caller.role,
        "can_propose": _may(caller, Right.PROPOSE),
        "can_explain": _may(caller, Right.EXPLAIN),
        "can_import": _may(caller, Right.IMPORT),
        "can_administer": _may(caller, Right.ADMINISTER),
        "can_decide": _may(caller, Right.DECIDE),
        "csrf": None if caller is None else csrf_of(caller),
    }


def _may(caller: Caller | None, right: Right) -> bool:
    """Whether a page offers something; the gate is what refuses it."""
    return caller is not None and caller.role is not None and may(caller.role, right)


def without_folder(detail: str) -> str:
    """What a change set came from, where that is a file by its name alone."""
    return detail.rpartition("/")[2]


def printed(timestamp: str) -> str:
    """A timestamp of the wire as people read it, as in `2026-03-05 10:00:00 UTC`."""
    zone = timestamp[19:]
    return f"{timestamp[:10]} {timestamp[11:19]} {'UTC' if zone == 'Z' else zone}"


def _filters(zone: tzinfo) -> dict[str, Callable[..., Any]]:
    """How templates print values, by the names that they have there."""
    return {
        "count": "{:,}".format,
        "counted": counted,
        "wire": lambda moment: wire(moment, zone),
        "printed": printed,
        "without_folder": without_folder,
        "capitalised": capitalised,
        "sentence": sentence_of,
        "described": lambda row: described_row(row, zone),
    }

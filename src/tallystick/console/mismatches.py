"""`/mismatches`: the rows of a window as a list that is searched, filtered and paged through."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tallystick.console.asked import (
    Asked,
    asked_by,
    key_text,
    place_text,
)
from tallystick.console.commands import commands_for
from tallystick.console.exports import FORMS, THINGSPACE, WireRows
from tallystick.console.listing_page import ListingPage, Problem
from tallystick.console.pages import printed
from tallystick.console.words import ORDERS
from tallystick.core.explanations import RowState
from tallystick.core.identifiers import Tac
from tallystick.core.reasons import Cause, Code
from tallystick.fleet.explanations import Standing, standings
from tallystick.fleet.groups import groups_of
from tallystick.fleet.hardware import type_names
from tallystick.http.gate import caller_of, for_console, user_of
from tallystick.report.listing import FilterTexts, Parts, page_in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.core.moments import Moment
    from tallystick.report.listing import Lister, Page
    from tallystick.store import Reader
    from tallystick.store.listing import Place, RowKey

PATH = "/mismatches"
ROWS_A_PAGE = 200
ROWS_MAX = 10_000
ROWS_A_PART = 500  # whose reasons are looked up at once; the first are sent meanwhile
ROWS_A_BODY = 100  # of a table, so that a browser draws only those that are looked at
CALLED_FOR = {name: form.media_type for name, form in FORMS.items() if name != THINGSPACE}
"""The forms that a call of our API may ask for."""
FOLDED = ("reason", "tac", "manufacturer", "model", "order")
"""The parameters whose fields are folded away while none of them says anything."""
NO_PARTS = Parts(0, None, iter(()))
STATES = tuple(RowState)
WHEREABOUTS = {
    Code.STILL_THERE: "still there",
    Code.MOVED_BACK: "moved back",
    Code.MOVED_ON: "moved on",
}


class _Reason(msgspec.Struct):
    """Of one reason, what a list shows."""

    code: Code
    imei: str = ""


class _Why(msgspec.Struct):
    """Of a row's reasons, what a list shows."""

    cause: Cause
    reasons: list[_Reason]


_why_of = msgspec.json.Decoder(_Why).decode


class ShownRow(NamedTuple):
    """A row as the list shows it; what is not known is empty."""

    account: str
    mdn: str
    iccid: str
    before: str
    seen_in: str
    tac: str
    at: str
    expected: str
    cause: Cause
    whereabouts: str
    key: str
    standing: Standing


class MismatchList(ListingPage):
    """The list, drawn by the server; every choice is in its address."""

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """Show a page of the list, or as much of it as one page may hold."""
        now = self._clock()
        asked = asked_by(req, self._pages.settings.zone, now)
        problem, listed = Problem(asked.problem), NO_PARTS
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            lister = self._lister(reader, req, now)
            if lister.visible and not problem.message:
                with problem:
                    listed = _parts(lister, asked)
            problem.mark(resp)
            values = self._values(req, asked, lister, listed) | {"problem": problem.message}
            caller = caller_of(req)
            if asked.shows_all:
                self._pages.send(req, resp, "mismatches.html", caller, held, **values)
            else:
                self._pages.show(resp, "mismatches.html", caller, **values)

    def _values(self, req: Request, asked: Asked, lister: Lister, listed: Parts) -> dict[str, Any]:
        """What the page shows."""
        settings, visible = self._pages.settings, lister.visible
        base = settings.public_url or f"{req.scheme}://{req.netloc}"
        return {
            "asked": asked,
            "accounts": sorted(visible),
            "groups": _groups(lister.reader, visible, asked),
            "bodies": self._bodies(lister, listed),
            "rows_shown": listed.size,
            "columns": asked.columns,
            "has_more_filters": any(map(asked.first, FOLDED)),
            "orders": ORDERS,
            "sorts": {name: asked.address(PATH, order=name) for name in ORDERS},
            "states": STATES,
            "views": lister.reader.saved_views(user_of(req)),
            "as_asked": asked.address("")[1:],
            "here_again": req.relative_uri,
            "links": _links(asked, listed.behind),
            "commands": commands_for(asked, base, CALLED_FOR),
            "rows_max": ROWS_MAX,
            **_addresses(asked, settings.zone, lister.now),
        }

    def _bodies(
        self, lister: Lister, listed: Parts
    ) -> Iterator[tuple[list[ShownRow], dict[str, str]]]:
        """The rows of each body of the table, and the names of their types."""
        for part in listed.parts:
            rows = shown_rows(lister, self._rows, part)
            models = models_of(lister.reader, rows)
            for begin in range(0, len(rows), ROWS_A_BODY):
                yield rows[begin : begin + ROWS_A_BODY], models


def _addresses(asked: Asked, zone: tzinfo, now: Moment) -> dict[str, Any]:
    """Where other windows of the same list are, and its rows as files."""
    files = [
        (form.label, asked.address(f"{PATH}/export", form=name)) for name, form in FORMS.items()
    ]
    return {"presets": asked.presets(PATH, zone, now), "exports": files}


def _parts(lister: Lister, asked: Asked) -> Parts:
    return page_in_parts(
        lister,
        asked.question,
        asked.filters,
        asked.behind,
        ROWS_MAX if asked.shows_all else ROWS_A_PAGE,
        rows_a_part=ROWS_A_PART,
        order=asked.order,
    )


def _links(asked: Asked, last: Place | None) -> dict[str, str | None]:
    """Where to go from this page of the list; None where there is nowhere to go.

    `last` is the place of its last row, if there are more behind it.
    """
    behind = None if last is None else place_text(last)
    return {
        "more": None if behind is None else asked.address(PATH, behind=behind),
        "all": None if behind is None or asked.shows_all else asked.address(PATH, all="yes"),
        "first": asked.address(PATH) if asked.behind else None,
        "unfiltered": asked.address(
            PATH,
            **dict.fromkeys((*FilterTexts._fields, "group", "account")),
        ),
    }


def _groups(reader: Reader, visible: Mapping[str, int], asked: Asked) -> list[str]:
    """The groups to choose from: of the one account that is asked about."""
    accounts = asked.question.accounts
    if len(accounts) != 1 or accounts[0] not in visible:
        return []
    return [group.name for group in groups_of(reader, visible[accounts[0]])]


def shown_rows(lister: Lister, rows: WireRows, listed: Page) -> list[ShownRow]:
    """Rows of the report as a list shows them."""
    kept_zone = lister.reader.wire_zone()
    columns = rows.columns((row for row, _ in listed.rows), kept_zone, lister.zone_name)
    standing_of = standings(lister.reader, listed.keys, lister.now)
    return [
        _shown(each, _why_of(why), key, standing_of[key])
        for each, (_, why), key in zip(columns, listed.rows, listed.keys, strict=True)
    ]


def _shown(columns: tuple[str | None, ...], why: _Why, key: RowKey, standing: Standing) -> ShownRow:
    account, mdn, _, iccid, before, seen_in, at = columns
    assert account and iccid and seen_in and at  # noqa: S101, PT018 - no row lacks them
    expected = whereabouts = ""
    for reason in why.reasons:
        if reason.code is Code.EXPECTED:
            expected = reason.imei
        elif reason.code in WHEREABOUTS:
            whereabouts = WHEREABOUTS[reason.code]
    return ShownRow(
        account,
        mdn or "",
        iccid,
        before or "",
        seen_in,
        seen_in[: Tac.LENGTH_MAX],
        printed(at),
        expected,
        why.cause,
        whereabouts,
        key_text(key),
        standing,
    )


def models_of(reader: Reader, rows: Iterable[ShownRow]) -> dict[str, str]:
    """The names of the types of hardware that rows were seen in, by TAC, where they are known."""
    return type_names(reader, {int(row.tac) for row in rows})

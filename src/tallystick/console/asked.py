"""What the address of a page asks for: window, accounts, filters, order and place in the list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from tallystick.core.choices import choice_or_none
from tallystick.core.days import ONE_DAY, midnight
from tallystick.core.errors import InvalidValue, WindowRefused
from tallystick.core.identifiers import shown
from tallystick.core.moments import in_zone, parse_named
from tallystick.core.window import Window, window_between
from tallystick.report.answer import Question
from tallystick.report.listing import NO_FILTERS, Filters, FilterTexts
from tallystick.store.listing import Order, Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from falcon import Request

    from tallystick.core.moments import Moment
    from tallystick.store.listing import RowKey

DAYS_SHOWN = 30  # where no window is asked for
PRESETS = (7, DAYS_SHOWN, 89)
"""Windows in days that are one click away; three calendar months are never shorter than 89."""
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
KEY = re.compile(r"(-?[0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,19})")
NUMBERS_OF_KEY = KEY.groups
COLUMNS = {
    "state": "State",
    "mdn": "Phone number",
    "account": "Account",
    "expected": "Expected in",
    "before": "Seen before in",
    "model": "Model seen",
    "cause": "Likely cause",
    "next": "Since then",
}
"""The columns that may be left out of the list, beside the time, the SIM and its hardware."""
COLUMNS_SHOWN = ("state", "account", "expected", "model", "cause")
"""Those that are shown where none are asked for: as many as fit a usual screen."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says, as it was typed, and what it means.

    `problem` says what cannot be; the window and the filters are then the usual ones.
    """

    typed: dict[str, list[str]]
    question: Question
    filters: Filters
    order: Order
    behind: Place | None
    shows_all: bool
    columns: tuple[str, ...]
    problem: str

    def address(self, path: str, **changes: str | None) -> str:
        """The address of a page that asks the same but for some parameters; None drops one.

        The place in the list is of one page, and not kept.
        """
        typed = {name: values for name, values in self.typed.items() if name not in PLACE}
        for name, value in changes.items():
            typed.pop(name, None)
            if value is not None:
                typed[name] = [value]
        query = urlencode([(name, value) for name, values in typed.items() for value in values])
        return f"{path}?{query}" if query else path

    def presets(
        self, path: str, zone: tzinfo, now: Moment, **changes: str
    ) -> list[tuple[int, str]]:
        """The windows that are one click away: days until the end of today, and the address."""
        _, tomorrow = _usual_days(zone, now)
        beginnings = [(days, tomorrow - timedelta(days=days)) for days in PRESETS]
        latest = tomorrow.isoformat()
        return [
            (days, self.address(path, earliest=earliest.isoformat(), latest=latest, **changes))
            for days, earliest in beginnings
        ]

    def as_view(self, zone: tzinfo, now: Moment) -> str:
        """What a view that is saved asks for: a window until the end of today goes on with time."""
        typed = {name: values for name, values in self.typed.items() if name not in PLACE}
        tomorrow = in_zone(now, zone).date() + ONE_DAY
        if self.first("latest") == tomorrow.isoformat() and DAY.fullmatch(self.first("earliest")):
            days = (tomorrow - date.fromisoformat(self.first("earliest"))).days
            typed = {name: values for name, values in typed.items() if name not in WINDOW}
            typed[DAYS] = [str(days)]
        return urlencode([(name, value) for name, values in typed.items() for value in values])

    @property
    def frozen(self) -> str:
        """What picks the rows of the list, as a text that `thawed` reads: window and filters."""
        return urlencode(
            [
                (name, value)
                for name, values in self.typed.items()
                if name not in PLACE | LOOK
                for value in values
            ]
        )

    def first(self, name: str) -> str:
        """The first value of a parameter as it was typed; empty where there is none."""
        return (self.typed.get(name) or [""])[0]


PLACE = frozenset({"behind", "all"})
"""The parameters of a place in a list."""
LOOK = frozenset({"order", "column"})
"""The parameters that say how rows are shown, and not which."""
WINDOW, DAYS = ("earliest", "latest"), "days"
"""The parameters of a window, and that of one of so many days until the end of today."""
DAYS_MAX = 92
DAYS_FORM = re.compile("[1-9][0-9]{0,2}")
KNOWN = (
    "days", "earliest", "latest", "account", "group", *FilterTexts._fields,
    "order", "column", "behind", "all",
)  # fmt: skip
"""Every parameter."""


def asked_by(req: Request, zone: tzinfo, now: Moment) -> Asked:
    """Read the address of a page. What it says amiss is told as `problem`; nothing is raised."""
    return _asked({name: req.get_param_as_list(name) or [] for name in KNOWN}, zone, now)


def thawed(frozen: str, zone: tzinfo, now: Moment) -> Asked:
    """Read what `Asked.frozen` gave, as if it were an address."""
    return _asked(parse_qs(frozen), zone, now)


def _asked(given: Mapping[str, list[str]], zone: tzinfo, now: Moment) -> Asked:
    typed = _typed(given)
    earliest, latest = _days_without_window(typed.pop(DAYS, [""])[0], zone, now)
    typed = {"earliest": [earliest.isoformat()], "latest": [latest.isoformat()]} | typed
    usual = window_between(midnight(earliest, zone), midnight(latest, zone))
    accounts = tuple(typed.get("account", ()))
    group = _first(typed, "group") or None
    problem, window, filters = "", usual, NO_FILTERS
    order, behind = Order.NEWEST, None
    try:
        window = _window(typed, zone)
        filters = FilterTexts(*(_first(typed, name) for name in FilterTexts._fields)).parsed()
        order = choice_or_none(Order, "order", _first(typed, "order")) or Order.NEWEST
        behind = _place(typed)
    except InvalidValue as refusal:
        problem = refusal.message
    return Asked(
        typed,
        Question(window, accounts, group),
        filters,
        order=order,
        behind=behind,
        shows_all=_first(typed, "all") == "yes",
        columns=_columns(typed),
        problem=problem,
    )


def _typed(given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The parameters that are known, without those that are empty."""
    values = {name: [text for text in given.get(name, []) if text] for name in KNOWN}
    return {name: texts for name, texts in values.items() if texts}


def _first(typed: dict[str, list[str]], name: str) -> str:
    return (typed.get(name) or [""])[0]


def _days_without_window(days: str, zone: tzinfo, now: Moment) -> tuple[date, date]:
    """The days of an address that names no window: so many as it says, or the usual ones."""
    earliest, latest = _usual_days(zone, now)
    if DAYS_FORM.fullmatch(days) and int(days) <= DAYS_MAX:
        return latest - timedelta(days=int(days)), latest
    return earliest, latest


def _usual_days(zone: tzinfo, now: Moment) -> tuple[date, date]:
    """The days of the usual window: until the end of today."""
    tomorrow = in_zone(now, zone).date() + ONE_DAY
    return tomorrow - timedelta(days=DAYS_SHOWN), tomorrow


def _window(typed: dict[str, list[str]], zone: tzinfo) -> Window:
    """The window between two days or moments. Raises `InvalidValue`."""
    bounds = [_bound(name, _first(typed, name), zone) for name in ("earliest", "latest")]
    try:
        return window_between(*bounds)
    except WindowRefused as refusal:
        raise InvalidValue(refusal.message) from refusal


def _bound(name: str, text: str, zone: tzinfo) -> datetime:
    """A day in the server's zone, or a timestamp with its own."""
    moment = parse_named(name, text)
    return midnight(moment.date(), zone) if DAY.fullmatch(text) else moment


def _place(typed: dict[str, list[str]]) -> Place | None:
    """Read a place in the list as `place_text` wrote it. Raises `InvalidValue`."""
    text = _first(typed, "behind")
    if not text:
        return None
    parts = text.split(".", NUMBERS_OF_KEY)
    key, account = parts[:NUMBERS_OF_KEY], parts[NUMBERS_OF_KEY:]
    return Place(row_key("behind", ".".join(key)), "".join(account))


def place_text(place: Place) -> str:
    """A place in the list as an address has it: the row's, and the account's name if it counts."""
    text = key_text(place.key)
    return f"{text}.{place.account}" if place.account else text


def row_key(name: str, text: str) -> RowKey:
    """Read a row's place as `key_text` wrote it. Raises `InvalidValue`."""
    form = KEY.fullmatch(text)
    if form is None or any(int(number) >= 1 << 62 for number in form.groups()):
        message = f"{name} must be what a page of the list gave, not {shown(text)}"
        raise InvalidValue(message)
    activated_at, iccid, post_imei = map(int, form.groups())
    return activated_at, iccid, post_imei


def key_text(key: RowKey) -> str:
    """A row's place as an address has it."""
    activated_at, iccid, post_imei = key
    return f"{activated_at}.{iccid}.{post_imei}"


def _columns(typed: dict[str, list[str]]) -> tuple[str, ...]:
    wanted = typed.get("column", COLUMNS_SHOWN)
    return tuple(name for name in COLUMNS if name in wanted)

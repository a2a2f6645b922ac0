"""The ledger of expectations and identities: who changed what, and in which order values came."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tallystick.core.choices import choice_or_none
from tallystick.core.errors import ChangeSetNotFound, InvalidValue
from tallystick.core.identifiers import Iccid, shown
from tallystick.core.moments import Moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.allowed import Allowed
    from tallystick.core.identifiers import Imei

LedgerKind = Literal["expectations", "identities"]
"""What a change set changes."""
State = Literal["proposed", "applying", "applied", "undone", "rejected"]
STATES: tuple[State, ...] = ("proposed", "applying", "applied", "undone", "rejected")
BEFORE_THE_LEDGER = 0
"""The change set of what was taken in before there was a ledger."""
BEHIND_ALL = 1 << 62
"""No change set has so high a number: where lists of them begin."""
SIMS_NAMED_MAX = 500
"""SIMs that a change set names; of more it only says how many they are."""
BETWEEN_SIMS, BEFORE_SIMS = ", ", ": "
NOTE_LENGTH_MAX = 500
CONSOLE, BETWEEN_NAMES = "console", "/"
"""What stands before a user of the console, as an app does before a user who calls through it."""
NUMBER_DIGITS_MAX = 18


class Origin(NamedTuple):
    """Where a change of expectations comes from: who brought it, when, by what way, and why.

    `is_operators` is whether it came at the command line, where accounts' wish for approval binds
    nobody: whoever may write to the store can do anything to it.
    """

    actor: str
    at: Moment
    source: str = "program"
    detail: str = ""
    ticket: str = ""
    reason: str = ""
    is_operators: bool = False


UNKNOWN_ORIGIN = Origin("unknown", Moment(0))
"""A program that did not say."""


class ChangeSet(NamedTuple):
    """Every change of expectations, or of identities, that came as one.

    `decided_by` is who approved or rejected a proposal, empty for what needed nobody; `decided_at`
    when it was in force as a whole, or rejected; `undoes` the change set that it took back.
    """

    change_set_id: int
    state: State
    source: str
    detail: str
    actor: str
    ticket: str
    reason: str
    brought_at: Moment
    decided_by: str
    decided_at: Moment | None
    undoes: int | None
    added: int
    corrected: int
    removed: int
    kind: LedgerKind


class Value(NamedTuple):
    """A value of an expectation with the change sets that put it and ended it.

    `ended_in` is None while it stands.
    """

    effective_from: Moment
    imei: Imei | Allowed
    change_set_id: int
    ended_in: int | None


class HeldValue(NamedTuple):
    """A value for as long as it stood; `returned_in` is the change set that restored it."""

    effective_from: Moment
    imei: Imei | Allowed
    change_set_id: int
    returned_in: int | None
    ended_in: int | None


def parse_note(label: str, text: str) -> str:
    """Check a ticket or a reason: up to 500 printable characters. Raises `InvalidValue`."""
    if len(text) > NOTE_LENGTH_MAX or not text.isprintable():
        message = (
            f"{label} must be at most {NOTE_LENGTH_MAX} printable characters, not {shown(text)}"
        )
        raise InvalidValue(message)
    return text


def parse_number(text: str) -> int:
    """The number of a change set. Raises `ChangeSetNotFound`: no other text is one's."""
    number = number_in(text)
    if number is None:
        message = f"there is no change set {shown(text)}"
        raise ChangeSetNotFound(message)
    return number


def number_in(text: str) -> int | None:
    """The number by which the store lists something; None where a text is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX
    return int(text) if is_number else None


def parse_state(text: str | None) -> State | None:
    """The state that a text names; None where there is none. Raises `InvalidValue`."""
    return choice_or_none(STATES, "state", text)


def for_sims(origin: Origin, iccids: Collection[Iccid]) -> Origin:
    """The origin of a change set whose detail names its SIMs, behind what it has already."""
    sims = sorted(set(map(str, iccids)))
    is_few = len(sims) <= SIMS_NAMED_MAX
    names = BETWEEN_SIMS.join(sims) if is_few else f"{len(sims):,} SIMs"
    detail = f"{origin.detail}{BEFORE_SIMS}{names}" if origin.detail else names
    return origin._replace(detail=detail)


def sims_in(detail: str) -> list[Iccid]:
    """The SIMs that `for_sims` has named in a detail; none where they were too many."""
    names = detail.rpartition(BEFORE_SIMS)[2].split(BETWEEN_SIMS)
    return list(map(Iccid.parse, names)) if names[0].isdigit() else []


def held_values(values: Iterable[Value], undoings: Mapping[int, int]) -> list[HeldValue]:
    """One SIM's values, in the order in which they ended, as they were held, by `effective_from`.

    A value that an undo brings back keeps the change set that first put it. Which undo it was
    follows from the others: `undoings` has what each of them took back.
    """
    in_order = sorted(values, key=attrgetter("effective_from"))
    of_each_moment = groupby(in_order, attrgetter("effective_from"))
    return [
        held for _, values_then in of_each_moment for held in _held(list(values_then), undoings)
    ]


def _held(values: Sequence[Value], undoings: Mapping[int, int]) -> Iterator[HeldValue]:
    """The values of one moment, as they were held."""
    ended: dict[int, int] = {}  # by the change set that had put a value: what ended it last
    before = BEFORE_THE_LEDGER
    for value in values:
        own_end = ended.get(value.change_set_id)
        returned_in = None if own_end is None else _returned_in(own_end, before, undoings)
        yield HeldValue(
            value.effective_from, value.imei, value.change_set_id, returned_in, value.ended_in
        )
        if value.ended_in is not None:
            ended[value.change_set_id] = before = value.ended_in


def _returned_in(own_end: int, before: int, undoings: Mapping[int, int]) -> int | None:
    """Give the change set that restored a value which had ended.

    It is the first undo that is later than both the value's own end and the end of the value before
    it, and whose chain of undos leads back to that end.

    `own_end` is what had ended the value itself, `before` what ended the one that stood there last.
    """
    root = _root_of(own_end, undoings)
    undos = (
        each
        for each in undoings
        if each > own_end and each >= before and _root_of(each, undoings) == root
    )
    return min(undos, default=None)


def _root_of(change_set_id: int, undoings: Mapping[int, int]) -> int:
    """What an undo, or the undo of one, comes to in the end."""
    while change_set_id in undoings:
        change_set_id = undoings[change_set_id]
    return change_set_id


def is_same_hand(one: str, other: str, keepers: Mapping[str, str]) -> bool:
    """Whether one person may act under both names.

    `keepers` has the app that was shown the secret of another, by the name of that other. Whoever
    has an app's secret may act as that app, and so as those whose secret that app was shown. A user
    who calls through an app is both: the app, and the same user in the console.
    """
    return not _hands_behind(one, keepers).isdisjoint(_hands_behind(other, keepers))


def is_made_by(name: str, proposer: str) -> bool:
    """Whether somebody made a proposal: under that name, or as the app or the user of an upload.

    Names may hold slashes themselves. With several, the name of an upload does not tell which of
    them is the one between the app and the user, and so says of nobody else that they made it.
    """
    return name == proposer or (proposer.count(BETWEEN_NAMES) == 1 and name in _parts_of(proposer))


def _hands_behind(name: str, keepers: Mapping[str, str]) -> set[str]:
    """A name, and those who may act under it."""
    hands, waiting = set[str](), [name]
    while waiting:
        hand = waiting.pop()
        if hand in hands:
            continue
        hands.add(hand)
        waiting += _parts_of(hand)
        if (keeper := keepers.get(hand)) is not None:
            waiting.append(keeper)
    return hands


def _parts_of(name: str) -> Iterator[str]:
    """The app and the user, as the console has them, where a name is of a user behind an app.

    Names may hold slashes themselves, so each slash may be the one between the two.
    """
    for at, character in enumerate(name):
        if character == BETWEEN_NAMES and name[:at] != CONSOLE:
            yield name[:at]
            yield f"{CONSOLE}{BETWEEN_NAMES}{name[at + 1 :]}"

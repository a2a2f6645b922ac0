"""Coverage: what the answer of a report rests on, and so what an empty one means."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.moments import wire
from tallystick.core.written_values import with_check_digit
from tallystick.report.answer import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from tallystick.core.window import Window
    from tallystick.report.answer import Question
    from tallystick.store import Reader
    from tallystick.store.coverage import Coverage, Uncovered
    from tallystick.store.doubtful import LastExpectation
    from tallystick.store.identities import Unattributed
    from tallystick.store.report import Scope

SAMPLED_SIMS = 1_000
SAMPLED_PLACES = 10  # in the order of ICCIDs, of each account
SAMPLED_ACCOUNTS_MAX = 20


class Lacking(StrEnum):
    """What a SIM, or an activation, may lack, without which it cannot be in the report."""

    UNSEEN = "unseen"
    UNCONFIRMED = "unconfirmed"
    WITHOUT_EXPECTATION = "without-expectation"
    UNATTRIBUTED = "unattributed"
    """Activations that name their SIM by an IMSI or MSISDN that was no SIM's at that moment."""
    UNLOADED = "unloaded"
    """SIMs that are expected somewhere and not loaded."""
    SHARED_HARDWARE = "shared-hardware"
    """Hardware in which several SIMs are expected."""


IN_THE_STORE = (Lacking.UNATTRIBUTED, Lacking.UNLOADED, Lacking.SHARED_HARDWARE)
"""What concerns the store as a whole: no account is known of it."""
SUBSCRIBERS_A_PAGE = 1_000
UNLOADED_A_PAGE = 1_000


class Doubtful(NamedTuple):
    """SIMs that are expected and not loaded; hardware in which several SIMs are expected."""

    unloaded: int
    shared_hardware: int


def doubtful(reader: Reader) -> Doubtful:
    """What is doubtful in the expectations of the whole store.

    Costs two walks: through the keys of all expectations, and through their index by hardware.
    """
    shared = sum(len({each.hardware for each in page}) for page in reader.shared_pages())
    return Doubtful(reader.count_unloaded(), shared)


def unloaded(reader: Reader) -> Iterator[LastExpectation]:
    """The SIMs that are expected somewhere and not loaded, by ICCID."""
    after = BEFORE_ALL
    while page := reader.unloaded_after(after, UNLOADED_A_PAGE):
        yield from page
        after = page[-1].iccid


def shared_hardware(reader: Reader) -> Iterator[LastExpectation]:
    """The expectations of hardware in which several SIMs are expected, in order of the hardware."""
    return chain.from_iterable(reader.shared_pages())


class UnloadedSeen(NamedTuple):
    """SIMs that were seen in a window and are not loaded, of so many SIMs looked at.

    `is_all` is whether these are all that were ever seen. `known_with_check_digit` counts those
    that are loaded with a check digit behind.
    """

    unloaded: int
    sims: int
    is_all: bool
    known_with_check_digit: int


def unloaded_seen(reader: Reader, window: Window) -> UnloadedSeen:
    """Look at some SIMs that were ever seen, spread over their ICCIDs, however many there are.

    Each of some ten places costs a walk over the activations of about a hundred SIMs.
    """
    first, last = reader.bounds_of_seen() or (0, 0)
    sims = reader.seen_between(first, last, SAMPLED_SIMS + 1)
    is_all = len(sims) <= SAMPLED_SIMS
    if not is_all:
        sims = _spread_sims_seen(reader, first, last, SAMPLED_SIMS)
    missing = set(sims) - reader.loaded_sims(sims)
    seen = reader.seen_among(sorted(missing), window)
    longer = {with_check_digit(Iccid(iccid), "add") for iccid in seen}
    return UnloadedSeen(len(seen), len(sims), is_all, len(reader.loaded_sims(longer)))


def _spread_sims_seen(reader: Reader, first: int, last: int, at_most: int) -> list[int]:
    """SIMs that were ever seen, from one to another that were, spread over their numbers.

    Half of them from each half of the numbers; where one half has few SIMs, more from the other.
    So a single ICCID that is far from all others changes little.
    """
    if at_most <= SAMPLED_SIMS // SAMPLED_PLACES or first == last:
        return reader.seen_between(first, last, at_most)
    middle = (first + last) // 2 + 1
    (above,) = reader.seen_between(middle, last, 1)
    upper = _spread_sims_seen(reader, above, last, at_most // 2)
    below = reader.last_seen_before(middle)
    return _spread_sims_seen(reader, first, below, at_most - len(upper)) + upper


def unattributed(reader: Reader) -> Iterator[Unattributed]:
    """The activations that wait until it is known whose IMSI or MSISDN they name.

    They are counted by number and source, and come in order of the number.
    """
    after = BEFORE_ALL
    while page := reader.unattributed_after(after, SUBSCRIBERS_A_PAGE):
        yield from page
        after = page[-1].subscriber


def coverage(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Coverage:
    """How many SIMs a report is about, and of how many of them something is known.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    return reader.coverage(scope_of(reader, visible, question, generations), question.window)


class Sampled(NamedTuple):
    """Counts of some SIMs of a scope: those looked at, expected somewhere, seen in the window.

    `is_all` is whether these are all there are.
    """

    sims: int
    expected: int
    seen: int
    is_all: bool


def sampled(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Sampled:
    """Look at some SIMs of the accounts, spread over their ICCIDs, however many there are.

    The same SIMs each time, as long as none are loaded. Raises `NoAccounts` or `AccountNotFound`.
    """
    some_sims, is_all = _sample(reader, scope_of(reader, visible, question, generations))
    sims = reader.count_covered(some_sims)
    without = sum(1 for _ in reader.without_expectation(some_sims))
    unseen = sum(1 for _ in reader.unseen(some_sims, question.window))
    return Sampled(sims, sims - without, sims - unseen, is_all)


class SampledLacking(NamedTuple):
    """The SIMs that lack something, of so many looked at; `is_all` as `Sampled` has it."""

    lacking: list[Uncovered]
    sims: int
    is_all: bool


def sampled_lacking(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    lacking: Lacking,
) -> SampledLacking:
    """Give those of the SIMs that `sampled` looks at which lack something. Raises as it does."""
    some_sims, is_all = _sample(reader, scope_of(reader, visible, question, generations))
    sims = list(_lacking_in(reader, some_sims, question.window, lacking))
    return SampledLacking(sims, reader.count_covered(some_sims), is_all)


def _sample(reader: Reader, scope: Scope) -> tuple[Scope, bool]:
    """Some SIMs of a scope, as a scope of its own, and whether these are all there are."""
    account_ids = scope.account_ids[:SAMPLED_ACCOUNTS_MAX]
    looked_at: set[int] = set()
    are_all = [
        _sample_account(reader, account_id, SAMPLED_SIMS // len(account_ids), looked_at)
        for account_id in account_ids
    ]
    is_all = all(are_all) and account_ids == scope.account_ids
    return replace(scope, iccids=tuple(sorted(looked_at))), is_all


def _sample_account(reader: Reader, account_id: int, at_most: int, looked_at: set[int]) -> bool:
    """Add SIMs of an account to those looked at; give whether they are all of it."""
    first_sims = reader.some_sims_of_account(account_id, BEFORE_ALL, at_most + 1)
    bounds = reader.bounds_of_account(account_id)
    if len(first_sims) <= at_most or bounds is None:
        looked_at.update(first_sims)
        return True
    first, last = bounds
    for place in range(SAMPLED_PLACES):
        start = first + (last - first) * place // SAMPLED_PLACES
        looked_at.update(
            reader.some_sims_of_account(account_id, start, max(1, at_most // SAMPLED_PLACES))
        )
    return False


def described(covered: Coverage, zone: tzinfo) -> dict[str, Any]:
    """Coverage for programs, with the time printed in a zone."""
    return covered._asdict() | {
        "newest": None if covered.newest is None else wire(covered.newest, zone)
    }


def uncovered(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    lacking: Lacking,
) -> Iterator[Uncovered]:
    """The SIMs of accounts that lack something, by ICCID within each account.

    Raises what `coverage` raises, before the first.
    """
    scope = scope_of(reader, visible, question, generations)
    return _lacking_in(reader, scope, question.window, lacking)


def _lacking_in(
    reader: Reader, scope: Scope, window: Window, lacking: Lacking
) -> Iterator[Uncovered]:
    """The SIMs of a scope that lack something."""
    if lacking is Lacking.UNSEEN:
        return reader.unseen(scope, window)
    if lacking is Lacking.UNCONFIRMED:
        return reader.unconfirmed(scope)
    return reader.without_expectation(scope)

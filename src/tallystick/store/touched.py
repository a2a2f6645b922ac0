"""What a transaction touches, and the locks by which others leave it alone meanwhile.

Only facts of one SIM have to be taken in one after the other, for its rows follow from all of them.
So a transaction may say which SIMs it touches, and those that touch other SIMs go on beside it. The
locks stand in three ranks, and each transaction takes them in this order, so that there is no
deadlock:

1. The turn: shared by transactions that say what they touch, exclusive for all others.
2. Parts: SIMs fall into `PARTS` of them. Shared where single SIMs are locked as well, exclusive
   where all SIMs of the part are meant.
3. Single SIMs, and keys of calls, each by a number: two SIMs may have the same one, which makes
   their transactions wait without need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

Iccids = TypeVar("Iccids", int, "pl.Series")

PARTS = 31
"""A prime number, for SIMs are numbered in steps, of a hundred most often."""
SINGLES_MAX = 128
"""So many SIMs and keys at most are locked one by one; of more SIMs their whole parts are.

With the parts and the turn these are 160 locks, which PostgreSQL has room for 40 times by default.
More would not pay: two transactions of a thousand random SIMs have one in common too often.
"""
# Where the numbers of each rank begin; together they are below 2 ** 32.
SIMS_FROM, KEYS_FROM = 1_024, 3 << 30
SIM_NUMBERS, KEY_NUMBERS = (1 << 31) - 1, 1 << 30

CHANGES_BESIDE_OTHERS = frozenset(
    {
        *("take_activation", "take_activation_returning", "note_direct"),
        *("track", "note_sighting", "close", "open", "explain"),
        *("keep_receipt", "note_import_progress"),
    }
)
"""The statements that may change something in a transaction with others beside it.

What they change is of a SIM or a key that the transaction has locked, or of its lane of a file.
"""


class Lane(NamedTuple):
    """All SIMs of every so-many-th part; of `lanes` such, no two have a SIM in common."""

    number: int
    lanes: int

    def parts(self) -> list[int]:
        """The parts of these SIMs."""
        return list(range(self.number, PARTS, self.lanes))


class Touched(NamedTuple):
    """The SIMs that a transaction touches, by ICCID or as a lane, and digests of keys.

    A key is that of a call, or the digest of a lane of a file: something is kept by it that has to
    be committed together with the facts.
    """

    sims: frozenset[int] | Lane
    keys: frozenset[bytes] = frozenset()

    def has_all(self, iccids: pl.Series | list[int]) -> bool:
        """Whether these SIMs are all among them."""
        if not isinstance(self.sims, Lane):
            return self.sims.issuperset(iccids)
        parts = map(part_of, iccids) if isinstance(iccids, list) else part_of(iccids).unique()
        return set(self.sims.parts()).issuperset(parts)

    @property
    def are_named(self) -> bool:
        """Whether each SIM is named, as those of calls are."""
        return not isinstance(self.sims, Lane)

    @property
    def is_few(self) -> bool:
        """Whether these are so few that each is locked by itself."""
        return not isinstance(self.sims, Lane) and len(self.sims) + len(self.keys) <= SINGLES_MAX


class Locks(NamedTuple):
    """Numbers of locks in the order in which they are taken; how many of the first are shared."""

    numbers: list[int]
    shared: int


def part_of(iccid: Iccids) -> Iccids:
    """The part that a SIM falls into, or each of many."""
    return iccid % PARTS


def locks_of(touched: Touched) -> Locks:
    """The locks of a transaction that touches these."""
    return single_sims(touched) if touched.is_few else whole_parts(touched)


def whole_parts(touched: Touched) -> Locks:
    """The locks of a transaction that shuts others out of all SIMs of its parts."""
    sims = touched.sims
    parts = sims.parts() if isinstance(sims, Lane) else sorted({part_of(iccid) for iccid in sims})
    return Locks([*parts, *_of_keys(touched.keys)], shared=0)


def single_sims(touched: Touched) -> Locks:
    """The locks of a transaction that shuts others out of its SIMs alone."""
    assert not isinstance(touched.sims, Lane)  # noqa: S101 - a lane has no list of its SIMs
    parts = sorted({part_of(iccid) for iccid in touched.sims})
    numbers = sorted({SIMS_FROM + iccid % SIM_NUMBERS for iccid in touched.sims})
    return Locks([*parts, *numbers, *_of_keys(touched.keys)], shared=len(parts))


def of_shards(shards: Iterable[int], touched: Touched) -> Locks:
    """The locks of a transaction on a cluster: shards whole, and the keys of calls."""
    return Locks(
        [*sorted({shard % KEYS_FROM for shard in shards}), *_of_keys(touched.keys)], shared=0
    )


def together(each: Iterable[Touched]) -> Touched:
    """What several calls touch; none of them touches a lane."""
    sims, keys = set[int](), set[bytes]()
    for touched in each:
        assert not isinstance(touched.sims, Lane)  # noqa: S101 - calls name their SIMs
        sims.update(touched.sims)
        keys.update(touched.keys)
    return Touched(frozenset(sims), frozenset(keys))


def _of_keys(keys: Iterable[bytes]) -> list[int]:
    return sorted({KEYS_FROM + int.from_bytes(key[:4], "big") % KEY_NUMBERS for key in keys})

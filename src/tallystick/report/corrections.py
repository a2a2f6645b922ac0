"""Corrections: whom to call about unexpected pairings, and what would set the records right.

The manufacturer of the hardware that a SIM was seen in wrote the pair down, and is the one to be
told.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.correcting import corrections
from tallystick.core.errors import ManufacturerUnknown
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Tac, shown
from tallystick.core.moments import BEGINNING, exact
from tallystick.core.reasons import for_the_rule
from tallystick.report.answer import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallystick.core.correcting import Correction
    from tallystick.core.pairing import FirstUse
    from tallystick.report.answer import Question
    from tallystick.store import Reader
    from tallystick.store.corrections import MismatchedTypes

SIMS_AT_ONCE = 5_000  # whose facts are read together
COLUMNS = ("iccid", "imei", "effective_from")  # those of `import expectations`


class By(StrEnum):
    """What rows are counted by."""

    MANUFACTURER = "manufacturer"
    MODEL = "model"


class Hardware(NamedTuple):
    """What is known of the type of some hardware; `tac` tells the ones of which nothing is.

    Without any of them it is no hardware: the SIM is expected nowhere.
    """

    manufacturer: str | None
    model: str | None = None
    tac: Tac | None = None


NO_HARDWARE = Hardware(None)


class Counted(NamedTuple):
    """Rows, and their SIMs, that were seen in one kind of hardware and expected in another.

    Where several members are expected, the first of them counts.
    """

    seen: Hardware
    expected: Hardware
    mismatches: int
    sims: int


@dataclass(slots=True)
class Exported:
    """What is to be expected, of how many SIMs, and how many with rows are left out.

    Those `moved_back` are seen where they are expected by now; those `moved_on` in hardware of
    another manufacturer.
    """

    facts: list[SimExpectation] = field(default_factory=list)
    sims: int = 0
    moved_back: int = 0
    moved_on: int = 0


class MakerSeen(NamedTuple):
    """Rows that were seen in hardware of one manufacturer, and its types, those seen most first.

    The manufacturer is None for types that are not known.
    """

    manufacturer: str | None
    mismatches: int
    tacs: tuple[Tac, ...]


class _Types:
    """What is known of types, each looked up once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[int, Hardware] = {}

    def of(self, tac: int) -> Hardware:
        """The type with this TAC."""
        if tac not in self._known:
            known = self._reader.types_among([tac]).get(tac)
            unknown = Hardware(None, tac=Tac(tac))
            self._known[tac] = Hardware(known.manufacturer, known.model) if known else unknown
        return self._known[tac]


def summary(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    by: By,
) -> list[Counted]:
    """Count rows of the report by the hardware that SIMs were seen in and expected in.

    The hardware that was seen most comes first. Raises `NoAccounts` or `AccountNotFound`.
    """
    types = _Types(reader)
    scope = scope_of(reader, visible, question, generations)
    tally = _Tally()
    for row in reader.mismatched_types(scope, question.window):
        seen = _counted_by(types.of(row.seen_tac), by)
        expected = _counted_by(_expected_in(row, types), by)
        tally.add((seen, expected), row.iccid, row.rows)
    return tally.counted()


def makers_seen(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> list[MakerSeen]:
    """Count rows of the report by the manufacturer of the hardware that SIMs were seen in.

    The one that was seen most comes first, and what is not known last. One pass over the window's
    rows. Raises `NoAccounts` or `AccountNotFound`.
    """
    scope = scope_of(reader, visible, question, generations)
    counts = reader.row_counts(scope, question.window).group_by("tac").len()
    rows_by_tac = dict(counts.sort(["len", "tac"], descending=[True, False]).iter_rows())
    known = reader.types_among(rows_by_tac) if rows_by_tac else {}
    tacs_by_maker: dict[str | None, list[Tac]] = {}
    for tac in rows_by_tac:
        maker = known[tac].manufacturer if tac in known else None
        tacs_by_maker.setdefault(maker, []).append(Tac(tac))
    seen = [
        MakerSeen(maker, sum(rows_by_tac[tac] for tac in tacs), tuple(tacs))
        for maker, tacs in tacs_by_maker.items()
    ]
    return sorted(seen, key=lambda each: (each.manufacturer is None, -each.mismatches))


def file_stem(manufacturer: str) -> str:
    """What a manufacturer's file is called: their letters and digits, in lower case."""
    plain = "".join(each if each.isalnum() else " " for each in manufacturer)
    return "-".join(plain.lower().split()) or "manufacturer"


class _Tally:
    """Rows and SIMs counted by pairs of hardware, those seen and those expected."""

    def __init__(self) -> None:
        self._rows: Counter[tuple[Hardware, Hardware]] = Counter()
        self._sims: Counter[tuple[Hardware, Hardware]] = Counter()
        self._last_sims: dict[tuple[Hardware, Hardware], int] = {}

    def add(self, pair: tuple[Hardware, Hardware], iccid: int, rows: int) -> None:
        """Count the rows of a SIM; SIMs come in order."""
        self._rows[pair] += rows
        self._sims[pair] += self._last_sims.get(pair) != iccid
        self._last_sims[pair] = iccid

    def counted(self) -> list[Counted]:
        """Give all counts, the hardware that was seen most first."""
        rows_seen = Counter[Hardware]()
        for (seen, _), count in self._rows.items():
            rows_seen[seen] += count

        def place(counted: Counted) -> tuple[int, str, int, str]:
            most_seen = -rows_seen[counted.seen]
            return most_seen, str(counted.seen), -counted.mismatches, str(counted.expected)

        counts = [Counted(*pair, rows, self._sims[pair]) for pair, rows in self._rows.items()]
        return sorted(counts, key=place)


def _expected_in(row: MismatchedTypes, types: _Types) -> Hardware:
    """The type of hardware that a SIM was expected in, by the first of several members."""
    if row.members is not None:
        return types.of(int(row.members[: Tac.LENGTH_MAX]))
    return NO_HARDWARE if row.expected_tac is None else types.of(row.expected_tac)


def _counted_by(hardware: Hardware, by: By) -> Hardware:
    return hardware if by is By.MODEL else hardware._replace(model=None)


def exported(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    manufacturer: str | None = None,
) -> dict[str | None, Exported]:
    """Give what is to be expected, by the manufacturer of the hardware that SIMs were seen in.

    The manufacturer is None where it is not known; if one is named, it is the only one. A SIM
    counts by the hardware that it was seen in last. Raises `NoAccounts`, `AccountNotFound` or
    `ManufacturerUnknown`.
    """
    scope = scope_of(reader, visible, question, generations)
    types = _Types(reader)
    exports: dict[str | None, Exported] = {}
    if manufacturer is not None:
        _require_types(reader, manufacturer)
        exports[manufacturer] = Exported()
    makers_by_sim = _makers_by_sim(reader.mismatched_types(scope, question.window), types)
    concerned = (
        (iccid, makers)
        for iccid, makers in makers_by_sim
        if manufacturer is None or manufacturer in makers
    )
    while batch := dict(islice(concerned, SIMS_AT_ONCE)):
        for iccid, right in _corrections_of(reader, batch):
            last_maker = types.of(right[-1].imei.tac).manufacturer if right else None
            for maker in batch[iccid] if manufacturer is None else {manufacturer}:
                export = exports.setdefault(maker, Exported())
                _add(export, iccid, right, is_theirs=maker == last_maker)
    return exports


def _require_types(reader: Reader, manufacturer: str) -> None:
    if not reader.tacs_of_manufacturer(manufacturer):
        message = (
            f"no type has the manufacturer {shown(manufacturer)}; `tallystick import types` makes "
            "types known"
        )
        raise ManufacturerUnknown(message)


def _makers_by_sim(
    rows: Iterable[MismatchedTypes], types: _Types
) -> Iterator[tuple[int, set[str | None]]]:
    """The makers of the hardware that each SIM was seen in; rows come in order of SIM."""
    for iccid, rows_of_sim in groupby(rows, attrgetter("iccid")):
        yield iccid, {types.of(row.seen_tac).manufacturer for row in rows_of_sim}


def _corrections_of(
    reader: Reader, iccids: Iterable[int]
) -> Iterator[tuple[int, list[Correction]]]:
    sims = list(iccids)
    facts, first_uses = reader.facts_of_each(sims), _first_uses(reader, sims)
    for iccid in sims:
        yield iccid, corrections(*for_the_rule(*facts[iccid], first_uses[iccid]))


def _first_uses(reader: Reader, iccids: Iterable[int]) -> dict[int, FirstUse]:
    """What the account of each SIM expects while no expectation is in force."""
    by_name, names = reader.first_uses(), reader.account_names()
    return {
        iccid: by_name[names[account_id]]
        for iccid, account_id in reader.accounts_of_sims(iccids).items()
    }


def _add(export: Exported, iccid: int, right: Sequence[Correction], *, is_theirs: bool) -> None:
    if not right:
        export.moved_back += 1
    elif not is_theirs:
        export.moved_on += 1
    else:
        export.sims += 1
        export.facts += (
            SimExpectation(Iccid(iccid), put.effective_from, put.imei) for put in right
        )


def _frame(facts: Sequence[SimExpectation]) -> pl.DataFrame:
    """Expectations as texts, under the names that `import expectations` has for them."""
    rows = [
        (str(iccid), str(imei), None if effective_from == BEGINNING else exact(effective_from))
        for iccid, effective_from, imei in facts
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def as_csv(facts: Sequence[SimExpectation]) -> bytes:
    """Expectations as a CSV file."""
    return _frame(facts).write_csv().encode()


def as_ndjson(facts: Sequence[SimExpectation]) -> bytes:
    """Expectations as an NDJSON file."""
    return _frame(facts).write_ndjson().encode()


def as_parquet(facts: Sequence[SimExpectation]) -> bytes:
    """Expectations as a Parquet file."""
    file = io.BytesIO()
    _frame(facts).write_parquet(file)
    return file.getvalue()

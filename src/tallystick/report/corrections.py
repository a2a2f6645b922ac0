"""Corrections: whom to call about unexpected pairings, and what would put the device database right.

The manufacturer of the hardware that a SIM was seen in wrote the pair down, and is the one to be told.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.correcting import corrections
from tallystick.core.errors import ManufacturerUnknown
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Tac, shown
from tallystick.core.moments import BEGINNING, Moment, exact
from tallystick.core.pairing import Activation, Expectation, with_first_use
from tallystick.report.answer import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallystick.core.correcting import Correction
    from tallystick.core.pairing import FirstUse
    from tallystick.report.answer import Question
    from tallystick.store import Reader

SIMS_AT_ONCE = 5_000  # whose facts are read together
COLUMNS = ("iccid", "imei", "effective_from")  # those of `import expectations`


class By(StrEnum):
    """What rows are counted by."""

    MANUFACTURER = "manufacturer"
    MODEL = "model"


class Hardware(NamedTuple):
    """What is known of the type of some hardware; `tac` tells the ones of which nothing is."""

    manufacturer: str | None
    model: str | None = None
    tac: Tac | None = None


class Counted(NamedTuple):
    """How many rows, and of how many SIMs, were seen in one kind of hardware and expected in another."""

    seen: Hardware
    expected: Hardware
    mismatches: int
    sims: int


@dataclass(slots=True)
class Exported:
    """What is to be expected, of how many SIMs, and how many with rows are left out.

    Those `moved_back` are seen where they are expected by now; those `moved_on` in hardware of another manufacturer.
    """

    facts: list[SimExpectation] = field(default_factory=list)
    sims: int = 0
    moved_back: int = 0
    moved_on: int = 0


class _Types:
    """What is known of types, each looked up once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[int, Hardware] = {}

    def of(self, tac: int) -> Hardware:
        """The type with this TAC."""
        if tac not in self._known:
            found = self._reader.types_among([tac]).get(tac)
            self._known[tac] = (
                Hardware(found.manufacturer, found.model) if found else Hardware(None, tac=Tac(tac))
            )
        return self._known[tac]


def summary(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    by: By,
) -> list[Counted]:
    """Rows of the report counted by the hardware that SIMs were seen in and expected in, the most seen first.

    Raises `NoAccounts` or `AccountNotFound`.
    """
    types, rows, sims = (
        _Types(reader),
        Counter[tuple[Hardware, Hardware]](),
        Counter[tuple[Hardware, Hardware]](),
    )
    last: dict[tuple[Hardware, Hardware], int] = {}
    for each in reader.mismatched_types(
        scope_of(reader, visible, question, generations), question.window
    ):
        pair = (_told(types.of(each.seen_tac), by), _told(types.of(each.expected_tac), by))
        rows[pair] += each.rows
        sims[pair] += last.get(pair) != each.iccid  # they come in order of SIM
        last[pair] = each.iccid
    of_seen = Counter[Hardware]()
    for (seen, _), count in rows.items():
        of_seen[seen] += count
    counted = [Counted(*pair, count, sims[pair]) for pair, count in rows.items()]
    return sorted(
        counted,
        key=lambda each: (
            -of_seen[each.seen],
            str(each.seen),
            -each.mismatches,
            str(each.expected),
        ),
    )


def _told(hardware: Hardware, by: By) -> Hardware:
    return hardware if by is By.MODEL else hardware._replace(model=None)


def exported(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    manufacturer: str | None = None,
) -> dict[str | None, Exported]:
    """What is to be expected, by the manufacturer of the hardware that SIMs were seen in, None where it is not known.

    Of one manufacturer alone, if it is named. A SIM counts by the hardware that it was seen in last. Raises
    `NoAccounts`, `AccountNotFound` or `ManufacturerUnknown`.
    """
    scope, types = scope_of(reader, visible, question, generations), _Types(reader)
    if manufacturer is not None and not reader.tacs_of_manufacturer(manufacturer):
        message = f"no type has the manufacturer {shown(manufacturer)}; `tallystick import types` makes types known"
        raise ManufacturerUnknown(message)
    found: dict[str | None, Exported] = {} if manufacturer is None else {manufacturer: Exported()}
    by_sim = groupby(reader.mismatched_types(scope, question.window), lambda each: each.iccid)
    seen = (
        (iccid, {types.of(each.seen_tac).manufacturer for each in rows}) for iccid, rows in by_sim
    )
    concerned = (
        (iccid, makers) for iccid, makers in seen if manufacturer is None or manufacturer in makers
    )
    while some := dict(islice(concerned, SIMS_AT_ONCE)):
        for iccid, right in _corrections_of(reader, some):
            last = types.of(right[-1].imei.tac).manufacturer if right else None
            for maker in some[iccid] if manufacturer is None else {manufacturer}:
                _add(found.setdefault(maker, Exported()), iccid, right, is_theirs=maker == last)
    return found


def _corrections_of(
    reader: Reader, iccids: Iterable[int]
) -> Iterator[tuple[int, list[Correction]]]:
    asked = list(iccids)
    facts, first_uses = reader.facts_of_each(asked), _first_uses(reader, asked)
    for iccid in asked:
        seen, expected = facts[iccid]
        activations = [Activation(Moment(moment), Imei(imei)) for moment, imei in seen]
        expectations = [Expectation(Moment(since), Imei(imei)) for since, imei, _ in expected]
        yield (
            iccid,
            corrections(activations, with_first_use(activations, expectations, first_uses[iccid])),
        )


def _first_uses(reader: Reader, iccids: Iterable[int]) -> dict[int, FirstUse]:
    """What the account of each of some SIMs, all of them loaded, expects of it while no expectation is in force."""
    by_name, names = reader.first_uses(), reader.account_names()
    return {
        iccid: by_name[names[account_id]]
        for iccid, account_id in reader.accounts_of_sims(iccids).items()
    }


def _add(to: Exported, iccid: int, right: Sequence[Correction], *, is_theirs: bool) -> None:
    if not right:
        to.moved_back += 1
    elif not is_theirs:
        to.moved_on += 1
    else:
        to.sims += 1
        to.facts += (SimExpectation(Iccid(iccid), each.effective_from, each.imei) for each in right)


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

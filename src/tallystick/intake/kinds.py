"""The four kinds of facts that are taken in, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tallystick.core.errors import InvalidValue
from tallystick.core.facts import GENERATION_DEFAULT, GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn, parse_name
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.intake import recognise
from tallystick.intake.receipt import Fault
from tallystick.store import Batch, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.store import Facts, Store


KindName = Literal["sims", "expectations", "activations", "groups"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how one value is parsed, and how many plain ones are at once.

    `recognise` gives the parsed values of a whole column, null wherever it is not sure; those are left to
    `parse`, which alone says what is valid and what is not.
    """

    name: str
    parse: Callable[[str], Any]
    recognise: Callable[[pl.Series], pl.Series]
    required: bool = True
    default: Any = None

    @property
    def dtype(self) -> type[pl.DataType]:
        """What the parsed values are kept as: names as text, everything else as integers."""
        return pl.String if self.recognise is recognise.names else pl.Int64


@dataclass(frozen=True)
class Kind:
    """A kind of fact: its name, its value and its columns in the value's order."""

    name: KindName
    fact: type
    columns: tuple[Column, ...]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The columns by name, in the value's order."""
        return tuple(column.name for column in self.columns)

    def parse(self, values: Mapping[str, str | None]) -> tuple[Any, ...] | tuple[Fault, ...]:
        """One fact from its texts by column, or all the faults found; an empty text is an absent one."""
        parsed: list[Any] = []
        faults: list[Fault] = []
        for column in self.columns:
            text = values.get(column.name)
            if not text:
                if column.required:
                    faults.append(Fault(column.name, "is missing"))
                parsed.append(column.default)
                continue
            try:
                parsed.append(column.parse(text))
            except InvalidValue as refusal:
                faults.append(Fault(column.name, refusal.message))
        return tuple(faults) if faults else self.fact(*parsed)


def _generation(text: str) -> str:
    return parse_name("generation", text)


def _account(text: str) -> str:
    return parse_name("account", text)


def _group(text: str) -> str:
    return parse_name("group", text)


ICCID = Column("iccid", Iccid.parse, recognise.iccids)
IMEI = Column("imei", Imei.parse, recognise.imeis)
ACCOUNT = Column("account", _account, recognise.names)

KINDS: dict[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "sims",
            Sim,
            (
                ICCID,
                Column("mdn", Mdn.parse, recognise.mdns, required=False),
                ACCOUNT,
                Column("activation_date", parse_moment, recognise.moments),
                Column("generation", _generation, recognise.names, required=False, default=GENERATION_DEFAULT),
            ),
        ),
        Kind(
            "expectations",
            SimExpectation,
            (
                ICCID,
                Column("effective_from", parse_moment, recognise.moments, required=False, default=BEGINNING),
                IMEI,
            ),
        ),
        Kind(
            "activations",
            SimActivation,
            (ICCID, Column("activated_at", parse_moment, recognise.moments), IMEI),
        ),
        Kind("groups", GroupMember, (ACCOUNT, Column("group", _group, recognise.names), ICCID)),
    )
}


def judged_batch(store: Store, kind: Kind, facts: Facts) -> Batch:
    """A batch of facts; a frame of activations is judged in a snapshot, beside whoever writes."""
    if kind.fact is not SimActivation or not isinstance(facts, pl.DataFrame):
        return Batch(facts)
    with store.snapshot() as reader:
        return Batch(facts, judge(reader, facts))

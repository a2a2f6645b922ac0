"""The kinds of facts that are taken in, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import (
    GENERATION_DEFAULT,
    GroupMember,
    HardwareType,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.identifiers import TYPE_NAME_LENGTH_MAX, Iccid, Imei, Mdn, Tac, parse_name
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.intake import fast_parse
from tallystick.intake.receipt import Fault
from tallystick.intake.sources import LINE
from tallystick.store import Batch, shortlist_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.store import Facts, Store


KindName = Literal["sims", "expectations", "activations", "groups", "types"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how one value is parsed, and how many plain ones are at once.

    `recognise` gives the parsed values of a whole column, null wherever it is not sure; those are
    left to `parse`, which alone says what is valid and what is not. `also` is what files from
    elsewhere call it, the best first, as `plain_name` writes names.
    """

    name: str
    parse: Callable[[str], Any]
    recognise: Callable[[pl.Series], pl.Series]
    required: bool = True
    default: Any = None
    also: tuple[str, ...] = ()

    @property
    def dtype(self) -> type[pl.DataType]:
        """What the parsed values are kept as: names as text, everything else as integers."""
        return pl.String if self.recognise is fast_parse.names else pl.Int64


@dataclass(frozen=True)
class Kind:
    """A kind of fact: its name, its value and its columns in the value's order.

    `key` is the column in whose order the store keeps it. Files of a kind that `is_from_elsewhere`
    are made by others: their columns have other names too, and those that the kind does not need
    are passed over. A kind that `may_list` has values with several members, whose text is a column
    of its own (`listed`) in a frame. The ledger keeps who changed a kind that `is_ledgered`. Of a
    kind that `is_shortlisted` a snapshot tells beforehand what deserves a closer look. Of the facts
    that have one value in the columns of `told_apart_by` the last counts; without such columns
    every fact stays. Facts of a kind that `awaits_sims` say nothing until their SIM is loaded.
    """

    name: KindName
    fact: type
    columns: tuple[Column, ...]
    key: str = "iccid"
    is_from_elsewhere: bool = False
    may_list: bool = False
    is_ledgered: bool = False
    is_shortlisted: bool = False
    told_apart_by: tuple[str, ...] = ()
    awaits_sims: bool = False

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The columns by name, in the value's order."""
        return tuple(column.name for column in self.columns)

    def named(self, header: Sequence[str]) -> tuple[str, ...]:
        """The columns of a file by this kind's names.

        Of others with one name, the second and further get a number.
        """
        if not self.is_from_elsewhere:
            return tuple(header)
        told_apart = _told_apart(header, self.column_names)
        plain = [plain_name(name) for name in told_apart]
        names = list(told_apart)
        for column in self.columns:
            known = (name for name in (column.name, *column.also) if name in plain)
            if column.name not in told_apart and (found := next(known, None)):
                names[plain.index(found)] = column.name
        return tuple(names)

    def parse(self, values: Mapping[str, str | None]) -> tuple[Any, ...] | tuple[Fault, ...]:
        """One fact from its texts by column, or all the faults found.

        An empty text is an absent one.
        """
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


def plain_name(name: str) -> str:
    """The name of a column by its letters and digits alone.

    `Model Name`, `model_name` and `modelName` are one.
    """
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _told_apart(header: Sequence[str], own: Sequence[str]) -> list[str]:
    """Names that may stand several times, numbered from the second on; the kind's own are not."""
    taken = {LINE} - {*own}
    numbers: dict[str, int] = {}
    names: list[str] = []
    for name in header:
        unique = name
        while unique in taken and unique not in own:
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name} {numbers[name]}"
        taken.add(unique)
        names.append(unique)
    return names


def _generation(text: str) -> str:
    return parse_name("generation", text)


def _account(text: str) -> str:
    return parse_name("account", text)


def _group(text: str) -> str:
    return parse_name("group", text)


def _manufacturer(text: str) -> str:
    return parse_name("manufacturer", text, TYPE_NAME_LENGTH_MAX)


def _model(text: str) -> str:
    return parse_name("model", text, TYPE_NAME_LENGTH_MAX)


# What the columns are called by Osmocom (`name` and `name 2`, the second of that name, are brand
# and model), in the register of TACs that GSMA gives out, and in its Device Map.
MANUFACTURER_ALSO = (
    "gsmamanufacturer",
    "standardiseddevicevendor",
    "brandname",
    "gsmabrandname",
    "brand",
    "name",
)
MODEL_ALSO = (
    "modelname",
    "gsmamodelname",
    "standardiseddevicemodel",
    "marketingname",
    "gsmamarketingname",
    "standardisedmarketingname",
    "internalmodelname",
    "name2",
)

ICCID = Column("iccid", Iccid.parse, fast_parse.iccids)
IMEI = Column("imei", Imei.parse, fast_parse.imeis)
ALLOWED = Column("imei", Allowed.parse, fast_parse.imeis)
ACCOUNT = Column("account", _account, fast_parse.names)

KINDS: dict[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "sims",
            Sim,
            (
                ICCID,
                Column("mdn", Mdn.parse, fast_parse.mdns, required=False),
                ACCOUNT,
                Column("activation_date", parse_moment, fast_parse.moments, required=False),
                Column(
                    "generation",
                    _generation,
                    fast_parse.names,
                    required=False,
                    default=GENERATION_DEFAULT,
                ),
            ),
            told_apart_by=("iccid",),
        ),
        Kind(
            "expectations",
            SimExpectation,
            (
                ICCID,
                Column(
                    "effective_from",
                    parse_moment,
                    fast_parse.moments,
                    required=False,
                    default=BEGINNING,
                ),
                ALLOWED,
            ),
            may_list=True,
            is_ledgered=True,
            told_apart_by=("iccid", "effective_from"),
            awaits_sims=True,
        ),
        Kind(
            "activations",
            SimActivation,
            (ICCID, Column("activated_at", parse_moment, fast_parse.moments), IMEI),
            is_shortlisted=True,
            awaits_sims=True,
        ),
        Kind(
            "groups",
            GroupMember,
            (ACCOUNT, Column("group", _group, fast_parse.names), ICCID),
            told_apart_by=("account", "iccid"),
        ),
        Kind(
            "types",
            HardwareType,
            (
                Column("tac", Tac.parse, fast_parse.tacs),
                Column("manufacturer", _manufacturer, fast_parse.names, also=MANUFACTURER_ALSO),
                Column(
                    "model", _model, fast_parse.names, required=False, default="", also=MODEL_ALSO
                ),
            ),
            key="tac",
            is_from_elsewhere=True,
            told_apart_by=("tac",),
        ),
    )
}


def shortlisted_batch(store: Store, kind: Kind, facts: Facts) -> Batch:
    """A batch of facts.

    A frame of activations is shortlisted in a snapshot, beside whoever writes.
    """
    if not kind.is_shortlisted or not isinstance(facts, pl.DataFrame):
        return Batch(facts)
    with store.snapshot() as reader:
        return Batch(facts, shortlist_of(reader, facts))

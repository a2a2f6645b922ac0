"""The kinds of facts that are taken in, column by column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import (
    GENERATION_DEFAULT,
    GroupMember,
    HardwareType,
    Identity,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.identifiers import (
    MDN_LEFT_OUT,
    TYPE_NAME_LENGTH_MAX,
    Iccid,
    Imei,
    Imsi,
    Mdn,
    Msisdn,
    Tac,
    parse_name,
    without_imei_signs,
)
from tallystick.core.identities import Subscriber
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.intake import fast_parse
from tallystick.intake.receipt import Fault
from tallystick.intake.sources import LINE
from tallystick.store import Batch, by_iccid, shortlist_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.core.moments import Moment
    from tallystick.store import Facts, Store


KindName = Literal["sims", "expectations", "activations", "groups", "types", "identities"]


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

    `key` is the column in whose order facts are applied; those with one value of it stay in the
    order of their lines. Of the columns `one_of` a line needs at least one; `lacking` is said of a
    column that is empty and should not be. `fact` is made of a line's values by `make`, and a frame
    of facts of a frame of values by `gather`. Files of a kind that `is_from_elsewhere`
    are made by others: their columns have other names too, and those that the kind does not need
    are passed over. A kind that `may_list` has values with several members, whose text is a column
    of its own (`listed`) in a frame. The ledger keeps who changed a kind that `is_ledgered`. Of a
    kind that `is_shortlisted` a snapshot tells beforehand what deserves a closer look, and which
    SIMs the device database does not know.
    """

    name: KindName
    fact: type
    columns: tuple[Column, ...]
    key: str = "iccid"
    is_from_elsewhere: bool = False
    may_list: bool = False
    is_ledgered: bool = False
    is_shortlisted: bool = False
    one_of: tuple[str, ...] = ()
    lacking: str = "is missing"
    make: Callable[..., tuple[Any, ...]] | None = None
    gather: Callable[[pl.DataFrame], pl.DataFrame] | None = None

    @cached_property
    def fact_columns(self) -> dict[str, type[pl.DataType]]:
        """The columns of a frame of facts, in the order of the fact's fields, and their types."""
        dtypes = {column.name: column.dtype for column in self.columns}
        return {name: dtypes[name] for name in self.fact._fields if name in dtypes}  # type: ignore[attr-defined] # a NamedTuple

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
                if self._is_lacking(column, values):
                    faults.append(Fault(column.name, self.lacking))
                parsed.append(column.default)
                continue
            try:
                parsed.append(column.parse(text))
            except InvalidValue as refusal:
                faults.append(Fault(column.name, refusal.message))
        return tuple(faults) if faults else (self.make or self.fact)(*parsed)

    def _is_lacking(self, column: Column, values: Mapping[str, str | None]) -> bool:
        """Whether a column that is empty should not be."""
        is_first = self.one_of[:1] == (column.name,)
        return column.required or (is_first and not any(map(values.get, self.one_of)))


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


def _mdn(text: str) -> Mdn:
    """Read a phone number; one that cannot be read does not keep the SIM out."""
    try:
        return Mdn.read(text)
    except InvalidValue:
        return MDN_LEFT_OUT


def _allowed(text: str) -> Allowed:
    return Allowed.parse(without_imei_signs(text))


def _activation(
    iccid: Iccid | None, activated_at: Moment, imei: Imei, imsi: Imsi | None, msisdn: Msisdn | None
) -> SimActivation:
    """An activation of a line: its ICCID names the SIM, or else its IMSI, or else its MSISDN."""
    if iccid is not None:
        return SimActivation(iccid, activated_at, imei)
    if imsi is not None:
        return SimActivation(Subscriber.of_imsi(imsi), activated_at, imei)
    assert msisdn is not None  # noqa: S101 - a line has one of the three
    return SimActivation(Subscriber.of_msisdn(msisdn), activated_at, imei)


def _activations(values: pl.DataFrame) -> pl.DataFrame:
    """The same of a frame of values."""
    names = [pl.col("iccid")]
    if "imsi" in values.columns:
        names.append(Subscriber.IMSI_MAX - 2 * pl.col("imsi"))
    if "msisdn" in values.columns:
        names.append(Subscriber.MSISDN_MAX - 2 * pl.col("msisdn"))
    if len(names) == 1:
        return values
    name = pl.coalesce(names)
    return values.select(name.alias("iccid"), "activated_at", "imei")


ICCID = Column("iccid", Iccid.read, fast_parse.iccids)
IMEI = Column("imei", Imei.read, fast_parse.imeis)
ALLOWED = Column("imei", _allowed, fast_parse.imeis)
IMSI = Column("imsi", Imsi.read, fast_parse.imsis, required=False)
MSISDN = Column("msisdn", Msisdn.read, fast_parse.msisdns, required=False)
ACCOUNT = Column("account", _account, fast_parse.names)

KINDS: dict[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "sims",
            Sim,
            (
                ICCID,
                Column("mdn", _mdn, fast_parse.mdns, required=False),
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
        ),
        Kind(
            "activations",
            SimActivation,
            (
                replace(ICCID, required=False),
                Column("activated_at", parse_moment, fast_parse.moments),
                IMEI,
                IMSI,
                MSISDN,
            ),
            is_shortlisted=True,
            one_of=("iccid", "imsi", "msisdn"),
            make=_activation,
            gather=_activations,
        ),
        Kind("groups", GroupMember, (ACCOUNT, Column("group", _group, fast_parse.names), ICCID)),
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
        ),
        Kind(
            "identities",
            Identity,
            (
                ICCID,
                IMSI,
                MSISDN,
                Column(
                    "valid_from",
                    parse_moment,
                    fast_parse.moments,
                    required=False,
                    default=BEGINNING,
                ),
            ),
            key="valid_from",
            is_ledgered=True,
            one_of=("imsi", "msisdn"),
            lacking="is missing, and so is msisdn",
        ),
    )
}


def shortlisted_batch(store: Store, kind: Kind, facts: Facts) -> Batch:
    """A batch of facts.

    A frame of activations is shortlisted in a snapshot, beside whoever writes.
    """
    direct = by_iccid(facts) if kind.is_shortlisted else ()
    if not isinstance(direct, pl.DataFrame) or direct.is_empty():
        return Batch(facts)
    with store.snapshot() as reader:
        return Batch(facts, shortlist_of(reader, direct))

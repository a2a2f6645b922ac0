"""The kinds of facts that are taken in, column by column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

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
    TYPE_NAME_LENGTH_MAX,
    Iccid,
    Imei,
    Imsi,
    Msisdn,
    Tac,
    parse_name,
)
from tallystick.core.identities import Subscriber
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.written_values import (
    PLAIN,
    Conventions,
    is_absent,
    read_moment,
    read_name,
    read_tac,
    unwrapped,
)
from tallystick.intake import fast_parse
from tallystick.intake.columns import (
    ACCOUNT,
    ACCOUNT_OF_ROW,
    ACTIVATED_AT,
    ACTIVATION_DATE_ALSO,
    ALLOWED,
    FROM_WHEN_ON,
    ICCID,
    IMEI,
    IMSI,
    MANUFACTURER_ALSO,
    MDN,
    MODEL_ALSO,
    MSISDN,
    Column,
)
from tallystick.intake.plain_items import plain_activation
from tallystick.intake.receipt import Fault
from tallystick.store import Batch, by_iccid, shortlist_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.intake.sources import Source
    from tallystick.store import Facts, Store

KindName = Literal["sims", "expectations", "activations", "groups", "types", "identities"]


@dataclass(frozen=True)
class Kind:
    """A kind of fact: its name, its value and its columns in the value's order.

    `key` is the column in whose order facts are applied; those with one value of it stay in the
    order of their lines. Of the columns `one_of` a line needs at least one; `lacking` is said of a
    column that is empty and should not be. `fact` is made of a line's values by `make`, and a frame
    of facts of a frame of values by `gather`. Facts of a kind that `is_from_elsewhere` are made by
    others: calls may have fields that it does not know. A kind that `may_list` has values with
    several members, whose text is a column of its own (`listed`) in a frame. The ledger keeps who
    changed a kind that `is_ledgered`. Of a kind that `is_shortlisted` a snapshot tells beforehand
    what deserves a closer look. Of the facts that have the same values in the columns of
    `told_apart_by` the last counts; without such columns every fact stays. The first of them names
    the key to people. Facts of a kind that `awaits_sims` say nothing until their SIM is loaded.
    `recognise_item` gives the fact of a plain JSON value at once, None wherever it is not sure.
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
    one_of: tuple[str, ...] = ()
    lacking: str = "is missing"
    make: Callable[..., tuple[Any, ...]] | None = None
    gather: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    recognise_item: Callable[[Any], tuple[Any, ...] | None] | None = None

    @cached_property
    def fact_columns(self) -> dict[str, type[pl.DataType]]:
        """The columns of a frame of facts, in the order of the fact's fields, and their types."""
        dtypes = {column.name: column.dtype for column in self.columns}
        return {name: dtypes[name] for name in self.fact._fields if name in dtypes}  # type: ignore[attr-defined] # a NamedTuple

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The columns by name, in the value's order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns that every file of this kind has."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def moments(self) -> tuple[Column, ...]:
        """The columns whose values are moments."""
        return tuple(column for column in self.columns if column.is_moment)

    def parse(
        self, values: Mapping[str, str | None], conventions: Conventions = PLAIN
    ) -> tuple[Any, ...] | tuple[Fault, ...]:
        """One fact from its texts by column, or all the faults found.

        An empty text is an absent one.
        """
        parsed: list[Any] = []
        faults: list[Fault] = []
        for column in self.columns:
            text = self._text(column, values)
            if not text:
                if self._is_lacking(column, values):
                    faults.append(Fault(column.name, self.lacking + column.instead))
                parsed.append(column.default)
                continue
            try:
                parsed.append(column.read(text, conventions))
            except InvalidValue as refusal:
                faults.append(Fault(column.name, refusal.message))
        return tuple(faults) if faults else (self.make or self.fact)(*parsed)

    @staticmethod
    def _text(column: Column, values: Mapping[str, str | None]) -> str:
        """What a line has in a column, empty where it says that there is nothing."""
        text = unwrapped(values.get(column.name) or "", is_name=column.is_text)
        return "" if not column.is_text and is_absent(text) else text

    def _is_lacking(self, column: Column, values: Mapping[str, str | None]) -> bool:
        """Whether a column that is empty should not be."""
        if self.one_of[:1] != (column.name,):
            return column.required
        return not any(
            self._text(each, values) for each in self.columns if each.name in self.one_of
        )


def _generation(text: str) -> str:
    return parse_name("generation", text)


def _group(text: str) -> str:
    return read_name("group", text)


def _manufacturer(text: str) -> str:
    return read_name("manufacturer", text, TYPE_NAME_LENGTH_MAX)


def _model(text: str) -> str:
    return parse_name("model", text, TYPE_NAME_LENGTH_MAX)


def _named_text(name: int) -> str:
    """What names the SIM of an activation: its ICCID, or its IMSI or MSISDN in part."""
    if name >= 0:
        return Iccid.digits(name)
    subscriber = Subscriber(name)
    return f"{subscriber.kind} {subscriber.masked}"


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


KINDS: dict[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "sims",
            Sim,
            (
                ICCID,
                MDN,
                ACCOUNT,
                Column(
                    "activation_date",
                    read_moment,
                    fast_parse.moments,
                    required=False,
                    also=ACTIVATION_DATE_ALSO,
                    may_say_never=True,
                ),
                Column(
                    "generation",
                    _generation,
                    fast_parse.names,
                    required=False,
                    default=GENERATION_DEFAULT,
                    also=("networkgeneration",),
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
                    read_moment,
                    fast_parse.moments,
                    required=False,
                    default=BEGINNING,
                    also=("validfrom", *FROM_WHEN_ON),
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
            (
                replace(ICCID, required=False, form=_named_text),
                ACTIVATED_AT,
                IMEI,
                IMSI,
                MSISDN,
            ),
            is_shortlisted=True,
            awaits_sims=True,
            one_of=("iccid", "imsi", "msisdn"),
            make=_activation,
            gather=_activations,
            recognise_item=plain_activation,
        ),
        Kind(
            "groups",
            GroupMember,
            (
                ACCOUNT,
                Column(
                    "group",
                    _group,
                    fast_parse.names,
                    also=("groupname", "devicegroup", "devicegroupname"),
                ),
                ICCID,
            ),
            told_apart_by=("iccid", "account"),
        ),
        Kind(
            "types",
            HardwareType,
            (
                Column(
                    "tac",
                    read_tac,
                    fast_parse.tacs,
                    form=Tac,
                    also=("taccode", "tacnumber", "typeallocationcode"),
                ),
                Column("manufacturer", _manufacturer, fast_parse.names, also=MANUFACTURER_ALSO),
                Column(
                    "model", _model, fast_parse.names, required=False, default="", also=MODEL_ALSO
                ),
            ),
            key="tac",
            is_from_elsewhere=True,
            told_apart_by=("tac",),
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
                    read_moment,
                    fast_parse.moments,
                    required=False,
                    default=BEGINNING,
                    also=("effectivefrom", *FROM_WHEN_ON),
                ),
            ),
            key="valid_from",
            is_ledgered=True,
            told_apart_by=("subscriber", "valid_from"),
            one_of=("imsi", "msisdn"),
            lacking="is missing, and so is msisdn",
        ),
    )
}


def kind_of(name: KindName, account: str = "") -> Kind:
    """The kind of this name, whose facts are of an account where nothing names one."""
    kind = KINDS[name]
    said = replace(ACCOUNT, required=False, default=account)
    return _with_account(kind, said) if account else kind


def kind_in(kind: Kind, source: Source) -> Kind:
    """The kind as the lines of a source are held to it.

    In a table that has a column of accounts, each row has to name its own: in an export of merged
    cells the lower ones are empty, and mean the one above.
    """
    is_named = source.is_table and ACCOUNT.name in source.columns
    return _with_account(kind, ACCOUNT_OF_ROW) if is_named else kind


def _with_account(kind: Kind, account: Column) -> Kind:
    columns = (account if each.name == account.name else each for each in kind.columns)
    return replace(kind, columns=tuple(columns))


def require_account_column(name: KindName) -> None:
    """Refuse to say an account of facts whose kind names none. Raises `InvalidValue`."""
    if "account" in KINDS[name].column_names:
        return
    those = " and ".join(kind.name for kind in KINDS.values() if "account" in kind.column_names)
    message = f"an account goes with {those} only; facts of other kinds have none of their own"
    raise InvalidValue(message)


def shortlisted_batch(store: Store, kind: Kind, facts: Facts) -> Batch:
    """A batch of facts.

    A frame of activations is shortlisted in a snapshot, beside whoever writes. Of a store that is
    spread no snapshot is of one moment, so the transaction that takes them in does it.
    """
    direct = by_iccid(facts) if kind.is_shortlisted else ()
    if not isinstance(direct, pl.DataFrame) or direct.is_empty() or store.is_spread():
        return Batch(facts)
    with store.snapshot() as reader:
        return Batch(facts, shortlist_of(reader, direct))

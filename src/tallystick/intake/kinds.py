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
    masked,
    parse_name,
    shown,
)
from tallystick.core.identities import Subscriber
from tallystick.core.moments import BEGINNING, Moment, exact
from tallystick.core.written_values import (
    PLAIN,
    Conventions,
    is_absent,
    moment_or_never,
    read_allowed,
    read_iccid,
    read_imei,
    read_imsi,
    read_mdn,
    read_moment,
    read_msisdn,
    read_name,
    read_tac,
    unwrapped,
    with_check_digit,
)
from tallystick.intake import fast_parse
from tallystick.intake.plain_items import plain_activation
from tallystick.intake.receipt import Fault
from tallystick.store import Batch, by_iccid, shortlist_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tallystick.intake.sources import Source
    from tallystick.store import Facts, Store


KindName = Literal["sims", "expectations", "activations", "groups", "types", "identities"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how one value is parsed, and how many plain ones are at once.

    `recognise` gives the parsed values of a whole column, null wherever it is not sure; those are
    left to `parse`, which alone says what is valid and what is not. `also` is what files from
    elsewhere call it, the best first, as `plain_name` writes names; several names are of columns
    that are joined by a blank. `words` are those of which one in a name means the column, if
    nothing else in it tells more. `instead` says what to write where a value is missing. `form`
    gives what a value of a frame prints as; None, where it is what it prints. In a column
    that `may_say_never` some moments mean that something never happened: they are absent where
    the column may be, and refused where a line needs a moment.
    """

    name: str
    parse: Callable[[str], Any]
    recognise: Callable[[pl.Series], pl.Series]
    required: bool = True
    default: Any = None
    also: tuple[str | tuple[str, ...], ...] = ()
    words: frozenset[str] = frozenset()
    instead: str = ""
    form: Callable[[int], Any] | None = None
    may_say_never: bool = False

    @property
    def is_moment(self) -> bool:
        """Whether its values are moments, which mean what the source's conventions say."""
        return self.recognise is fast_parse.moments

    @property
    def is_identifier(self) -> bool:
        """Whether its values are digits that a number may have lost some of."""
        of_digits = {fast_parse.iccids, fast_parse.imeis, fast_parse.imsis, fast_parse.tacs}
        return self.recognise in of_digits

    @property
    def is_text(self) -> bool:
        """Whether its values are names, which have no other form."""
        return self.recognise is fast_parse.names

    def read(self, text: str, conventions: Conventions) -> Any:  # noqa: ANN401 - as `parse` gives
        """One value by a source's conventions. Raises `InvalidValue`."""
        if self.is_moment:
            return self._moment(text, conventions)
        value = self.parse(text)
        if isinstance(value, Iccid):
            return with_check_digit(value, conventions.check_digit)
        return value

    def _moment(self, text: str, conventions: Conventions) -> Moment | None:
        if not self.may_say_never:
            return read_moment(text, conventions)
        moment = moment_or_never(text, conventions)
        if moment is None and self.required:
            message = f"must be a moment; systems write {shown(text)} for never: take the line out"
            raise InvalidValue(message)
        return moment

    def text_of(self, value: Any) -> str:  # noqa: ANN401 - as `parse` gives
        """One value of a frame as a text; empty where there is none."""
        if value is None or value == BEGINNING:
            return ""
        if self.is_moment:
            return exact(Moment(value))
        return str(value) if self.form is None else str(self.form(value))

    @property
    def dtype(self) -> type[pl.DataType]:
        """What the parsed values are kept as: names as text, everything else as integers."""
        return pl.String if self.is_text else pl.Int64


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


def _account(text: str) -> str:
    return read_name("account", text)


def _group(text: str) -> str:
    return read_name("group", text)


def _manufacturer(text: str) -> str:
    return read_name("manufacturer", text, TYPE_NAME_LENGTH_MAX)


def _model(text: str) -> str:
    return parse_name("model", text, TYPE_NAME_LENGTH_MAX)


# What the columns are called by Osmocom (`name` and `name 2`, the second of that name, are brand
# and model), in the register of TACs that GSMA gives out, and in its Device Map.
MANUFACTURER_ALSO = (
    "manufacturername",
    "devicemanufacturer",
    "gsmamanufacturer",
    "vendor",
    "vendorname",
    "oem",
    "make",
    "hersteller",
    "constructeur",
    "fabricant",
    "fabricante",
    "produttore",
    "standardiseddevicevendor",
    "brandname",
    "gsmabrandname",
    "brand",
    "name",
)
MODEL_ALSO = (
    "modelname",
    "devicemodel",
    "gsmamodelname",
    "standardiseddevicemodel",
    "marketingname",
    "gsmamarketingname",
    "standardisedmarketingname",
    "internalmodelname",
    "modelnumber",
    "modell",
    "modele",
    "modelo",
    "modello",
    "name2",
)


def _mdn(text: str) -> Mdn:
    """Read a phone number; one that cannot be read does not keep the SIM out."""
    try:
        return read_mdn(text)
    except InvalidValue:
        return MDN_LEFT_OUT


def _mdn_text(mdn: int) -> str:
    """A phone number of a frame as a text, empty where it was left out."""
    return "" if mdn == MDN_LEFT_OUT else Mdn.digits(mdn)


def _imsi_text(imsi: int) -> str:
    """An IMSI of a frame in part, as people may see it."""
    return masked(Imsi.digits(imsi))


def _msisdn_text(msisdn: int) -> str:
    """An MSISDN of a frame in part, as people may see it."""
    return masked(Msisdn.digits(msisdn))


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


ICCID = Column(
    "iccid",
    read_iccid,
    fast_parse.iccids,
    form=Iccid,
    also=(
        "simiccid",
        "iccidnumber",
        "sim",
        "simnumber",
        "simcard",
        "simserialnumber",
        "activesimiccid",
        "icc",
        "sernb",  # as a vendor of SIMs calls it in its output files
    ),
    words=frozenset({"iccid", "ccid", "icc", "sim"}),
)
EXPECTED_IMEI = ("expectedimei", "allowedimei", "authorizedimeis")
IMEI_ALSO = (
    "imeisv",
    "deviceimei",
    "endpointimei",
    "imeinumber",
    "currentimei",
    "lastimei",
    "hardware",
    "pei",
)
IMEI_WORDS = frozenset({"imei", "imeisv"})
IMEI = Column(
    "imei",
    read_imei,
    fast_parse.imeis,
    also=(*IMEI_ALSO, "newimei", "postimei"),
    words=IMEI_WORDS,
    form=Imei,
)
ALLOWED = Column(
    "imei",
    read_allowed,
    fast_parse.imeis,
    form=Allowed,
    also=(*EXPECTED_IMEI, *IMEI_ALSO),
    words=IMEI_WORDS,
    instead=": write none where nothing is expected from then on, nowhere for a SIM in stock",
)
ACCOUNT = Column(
    "account",
    _account,
    fast_parse.names,
    also=(
        "accountname",
        "accountnumber",
        "accountid",
        "billingaccountnumber",
        "billingaccount",
        "ban",
        "konto",
        "compte",
        "cuenta",
        "conta",
        "customer",
        "customername",
        "kundennummer",
        "kunde",
        "kundenname",
        "cliente",
    ),
)
ACCOUNT_OF_ROW = replace(
    ACCOUNT,
    instead=", though the file has a column of accounts, of which cells may have been merged: "
    "write the account in each line, or take the column out and name one with --account",
)
IMSI = Column(
    "imsi",
    read_imsi,
    fast_parse.imsis,
    required=False,
    form=_imsi_text,
    also=("simimsi", "activesimimsi", "imsinumber", "servedimsi", "imsi1", "supi"),
    words=frozenset({"imsi"}),
)
MSISDN = Column(
    "msisdn",
    read_msisdn,
    fast_parse.msisdns,
    required=False,
    form=_msisdn_text,
    also=("simmsisdn", "msisdnnumber", "servedmsisdn", "msisdn1"),
    words=frozenset({"msisdn"}),
)
MDN = Column(
    "mdn",
    _mdn,
    fast_parse.mdns,
    required=False,
    form=_mdn_text,
    also=(
        "msisdn",
        "phonenumber",
        "mobilenumber",
        "wirelessnumber",
        "telephonenumber",
        "phone",
        "mtn",
        "ctn",
        "rufnummer",
        "telefonnummer",
        "mobilfunknummer",
        "numerodetelephone",
        "ndetelephone",
        "numerodetelefono",
        "numerodetelefone",
    ),
    words=frozenset({"mdn", "msisdn", "phone", "mobile"}),
)
DAY_AND_TIME = (
    ("date", "time"),
    ("datum", "uhrzeit"),
    ("datum", "zeit"),
    ("datum", "tijd"),
    ("datum", "tid"),
    ("dato", "tid"),
    ("date", "heure"),
    ("fecha", "hora"),
    ("data", "hora"),
    ("data", "ora"),
    ("data", "czas"),
    ("data", "godzina"),
)
"""A date and a time of day, in languages that portals are used in."""
HALF_OF_DAY = "ampm"
"""What a column is called that says in which half of the day a time of 12 hours is."""


def _with_halves(
    also: tuple[str | tuple[str, ...], ...],
) -> Iterator[str | tuple[str, ...]]:
    """Names of moments; before those of a day and a time, the same with the half of the day."""
    for each in also:
        if isinstance(each, tuple):
            yield (*each, HALF_OF_DAY)
        yield each


FROM_WHEN_ON = (
    "since",
    "from",
    "fromdate",
    "effectivedate",
    "effectivesince",
    "assignedat",
    "assigneddate",
    "installedat",
    "installdate",
    "installationdate",
    "pairedat",
)
ACTIVATED_AT = Column(
    "activated_at",
    read_moment,
    fast_parse.moments,
    also=(
        *_with_halves(
            (
                "simotadate",  # before the SIM's own activation date, which stands beside it
                ("activationdate", "activationtime"),
                "activationtime",
                "activationdate",
                "timestamp",
                ("eventdate", "eventtime"),
                "eventtime",
                "eventtimestamp",
                "occurredat",
                "detectedat",
                ("calldate", "calltime"),
                "callstarttime",
                "imeichangedate",
                "imeichangetime",
                ("startdate", "starttime"),
                "starttime",
                "sessionstart",
                "sessionstarttime",
                "lastsessionstart",
                "datesessionstarted",
                "sessionstartdate",
                "sessionstartedat",
                "start",
                "lastseen",
                "lastseenat",
                "lastseentime",
                "lastconnected",
                "lastconnectedat",
                "lastconnection",
                "lastconnectionat",
                "lastconnectiondate",
                "lastconnectiontime",
                "lastconnecttime",
                "lastactivity",
                "lastsession",
                "lastsessiondate",
                "lasttrafficdate",
                "lastcheckin",
                "lastcheckintime",
                "lastcontact",
                "lastsync",
                "lastsyncdatetime",
                "lastinventoryupdate",
                "lastluseen",
                "letzteaktivitat",
                "letzteverbindung",
                "derniereactivite",
                "derniereconnexion",
                "ultimaactividad",
                "ultimaconexion",
                "ultimaatividade",
                "ultimaconexao",
                "ultimaconnessione",
                "timegenerated",
                "datetime",
                "zeitstempel",
                "horodatage",
                "fechahora",
                "datahora",
                *DAY_AND_TIME,
                "datum",
                "fecha",
                "date",
                "time",
                "ts",
            )
        ),
    ),
    may_say_never=True,
)

ACTIVATION_DATE_ALSO = (
    "activated",
    "activatedat",
    "activateddate",
    "activatedon",
    "dateactivated",
    "dateofactivation",
    "aktivierungsdatum",
    "aktiviertam",
    "datedactivation",
    "fechadeactivacion",
    "fechaactivacion",
    "datadeativacao",
    "dataativacao",
    "datadiattivazione",
)
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

"""The columns of facts: how each is read, and what files from elsewhere call it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import (
    MDN_LEFT_OUT,
    Iccid,
    Imei,
    Imsi,
    Mdn,
    Msisdn,
    masked,
    shown,
)
from tallystick.core.moments import BEGINNING, Moment, exact
from tallystick.core.written_values import (
    Conventions,
    moment_or_never,
    read_allowed,
    read_iccid,
    read_imei,
    read_imsi,
    read_mdn,
    read_moment,
    read_msisdn,
    read_name,
    with_check_digit,
)
from tallystick.intake import fast_parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


def _account(text: str) -> str:
    return read_name("account", text)


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

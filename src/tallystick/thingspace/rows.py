"""A row of the report as it goes over the wire (contract, section 1, "Response 200")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from tallystick.core.facts import MismatchRow
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import Moment, parse_moment, wire, zone_named
from tallystick.store import joined

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_json_text = lru_cache(lambda text: msgspec.json.encode(text).decode())


def wire_row(  # noqa: PLR0913, PLR0917 - the columns of a row, as SQL passes them
    account: str,
    mdn: int | None,
    activation_date: int | None,
    iccid: int,
    pre_imei: int | None,
    post_imei: int,
    activated_at: int,
    zone_name: str,
) -> bytes:
    """Print one row: field order and no blanks as published.

    A field that is not known is left out.
    """
    zone = zone_named(zone_name)
    phone = "" if mdn is None else f'"mdn":"{Mdn.digits(mdn)}",'
    activated = (
        ""
        if activation_date is None
        else f'"activationDate":"{wire(Moment(activation_date), zone)}",'
    )
    before = "" if pre_imei is None else f'"preImei":"{Imei.digits(pre_imei)}",'
    return (
        f'{{"accountName":{_json_text(account)},{phone}{activated}'
        f'"iccid":"{Iccid.digits(iccid)}",{before}"postImei":"{Imei.digits(post_imei)}",'
        f'"simOtaDate":"{wire(Moment(activated_at), zone)}"}}'
    ).encode()


def devices_of(rows: Iterator[bytes]) -> Generator[bytes, None, None]:
    """`{"devices":[…]}` around the rows, as parts to be joined.

    The rows come many at a time, with commas between.
    """
    yield b'{"devices":['
    yield next(rows, b"")
    for more in rows:
        yield b","
        yield more
    yield b"]}"


def devices_in(
    rows: Iterator[bytes], kept_zone: str, zone_name: str
) -> Generator[bytes, None, None]:
    """The whole body of an answer with these kept rows, moved to a zone, as parts to be joined."""
    return devices_of(joined(in_zone(rows, kept_zone, zone_name)))


def with_reasons(
    explained: Iterator[list[tuple[bytes, bytes]]], kept_zone: str, zone_name: str
) -> Iterator[list[bytes]]:
    """Rows with the fields of their reasons at their ends, many at a time, moved to the zone."""
    for portion in explained:
        rows = in_zone((row for row, _ in portion), kept_zone, zone_name)
        yield [
            row[:-1] + b"," + reasons[1:] for row, (_, reasons) in zip(rows, portion, strict=True)
        ]


class Row(msgspec.Struct, rename="camel", omit_defaults=True):
    """One row, read back."""

    account_name: str
    mdn: str | None = None
    activation_date: str | None = None
    iccid: str = ""
    pre_imei: str | None = None
    post_imei: str = ""
    sim_ota_date: str = ""


COLUMNS = MismatchRow._fields
"""Our own names of a row's fields."""


def columns_of(row: bytes) -> tuple[str | None, ...]:
    """The fields of a row in the order of `COLUMNS`, as they are printed.

    None where one is not known.
    """
    read = read_row(row)
    return (
        read.account_name,
        read.mdn,
        read.activation_date,
        read.iccid,
        read.pre_imei,
        read.post_imei,
        read.sim_ota_date,
    )


def columns_in(
    rows: Iterator[bytes], kept_zone: str, zone_name: str
) -> Iterator[tuple[str | None, ...]]:
    """The same of kept rows, moved to a zone."""
    return map(columns_of, in_zone(rows, kept_zone, zone_name))


read_row = msgspec.json.Decoder(Row).decode


def in_zone(rows: Iterator[bytes], kept_zone: str, zone_name: str) -> Iterator[bytes]:
    """The same rows with their times printed in another zone than the store keeps them in."""
    if kept_zone == zone_name:
        return rows
    return (_moved(row, zone_name) for row in rows)


def _moved(row: bytes, zone_name: str) -> bytes:
    read, zone = read_row(row), zone_named(zone_name)
    if read.activation_date is not None:
        read.activation_date = wire(parse_moment(read.activation_date), zone)
    read.sim_ota_date = wire(parse_moment(read.sim_ota_date), zone)
    return msgspec.json.encode(read)

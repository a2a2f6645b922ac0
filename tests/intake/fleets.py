"""A fleet large enough for several slices, and its facts as files in every format."""

from __future__ import annotations

import gzip
import io
import random
from typing import TYPE_CHECKING, Any

import polars as pl
import zstandard

from tallystick.core.facts import GroupMember, HardwareType, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn, Tac
from tallystick.core.moments import BEGINNING, Moment, parse_moment, wire
from tallystick.intake import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from tallystick.intake import KindName
    from tallystick.store import Store

DAY = 86_400_000_000
START = parse_moment("2026-03-01T00:00:00Z")
ACCOUNTS = ("0342077109-00001", 'Ünïcode "quoted", \\ account')

FACTS: dict[type, KindName] = {
    Sim: "sims",
    SimExpectation: "expectations",
    SimActivation: "activations",
    GroupMember: "groups",
    HardwareType: "types",
}


def fleet(sims: int, seed: int = 1) -> dict[KindName, list[Any]]:
    """Facts by kind, unordered; every third SIM is in foreign hardware, some facts repeat."""
    chance = random.Random(seed)
    made: dict[KindName, list[Any]] = {kind: [] for kind in KINDS}
    for number in range(sims):
        iccid = Iccid.parse(f"8914800000{chance.randrange(10**9):09d}"[: chance.choice((18, 19))])
        home, foreign = (Imei.parse(f"{chance.randrange(10**15):015d}") for _ in range(2))
        account = ACCOUNTS[number % 2]
        mdn = Mdn.parse(f"{chance.randrange(10**10):010d}") if number % 5 else None
        made["sims"].append(
            Sim(iccid, mdn, account, _moment(chance), "5G" if number % 11 == 0 else "4G")
        )
        since = BEGINNING if number % 4 else _moment(chance)
        made["expectations"].append(SimExpectation(iccid, since, home))
        for _ in range(chance.randrange(5)):
            made["activations"].append(
                SimActivation(
                    iccid,
                    _moment(chance),
                    foreign if number % 3 == 0 and chance.random() < 0.5 else home,
                )
            )
        if number % 2:
            made["groups"].append(GroupMember(account, f"group {number % 3}", iccid))
        made["types"].append(
            HardwareType(
                Tac(number * 97 % 10**8), f'maker, "{number % 5}"', "" if number % 7 else "Ä 1"
            )
        )
    for facts in made.values():
        facts.extend(chance.sample(facts, len(facts) // 10))
        chance.shuffle(facts)
    return made


def _moment(chance: random.Random) -> Moment:
    return Moment(START + chance.randrange(60 * DAY) // 1_000_000 * 1_000_000)


def texts(
    kind: KindName, facts: Sequence[tuple[Any, ...]], zone: tzinfo
) -> dict[str, list[str | None]]:
    """The columns of some facts, as texts."""
    columns: dict[str, list[str | None]] = {}
    for position, name in enumerate(KINDS[kind].fact_columns):
        values = [fact[position] for fact in facts]
        if name in {"activation_date", "effective_from", "activated_at"}:
            columns[name] = [None if value == BEGINNING else wire(value, zone) for value in values]
        else:
            columns[name] = [None if value is None else str(value) for value in values]
    return columns


def csv_of(columns: dict[str, list[str | None]]) -> bytes:
    """The columns as CSV."""
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_csv().encode()


def parquet_of(columns: dict[str, Any]) -> bytes:
    """The columns as Parquet."""
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def ndjson_of(columns: dict[str, list[str | None]]) -> bytes:
    """The columns as NDJSON."""
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_ndjson().encode()


def _dated(columns: dict[str, list[str | None]], dtype: pl.Datetime) -> bytes:
    moments = {"activation_date", "effective_from", "activated_at"} & columns.keys()
    dated: dict[str, Any] = dict(columns)
    for name in moments:
        counts = [None if text is None else parse_moment(text) for text in columns[name]]
        dated[name] = pl.Series(counts, dtype=pl.Int64).cast(pl.Datetime("us")).cast(dtype)
    return parquet_of(dated)


FORMATS: dict[str, tuple[str, Callable[[dict[str, list[str | None]]], bytes]]] = {
    "csv": (".csv", csv_of),
    "csv.gz": (".csv.gz", lambda columns: gzip.compress(csv_of(columns))),
    "csv.zst": (".CSV.ZST", lambda columns: zstandard.ZstdCompressor().compress(csv_of(columns))),
    "csv with other columns first": (
        ".csv",
        lambda columns: csv_of(dict(reversed(columns.items()))),
    ),
    "ndjson": (".ndjson", ndjson_of),
    "ndjson.gz": (".ndjson.gz", lambda columns: gzip.compress(ndjson_of(columns))),
    "parquet of texts": (".parquet", parquet_of),
    "parquet of datetimes": (".parquet", lambda columns: _dated(columns, pl.Datetime("us"))),
    "parquet of datetimes in milliseconds": (
        ".parquet",
        lambda columns: _dated(columns, pl.Datetime("ms")),
    ),
    "parquet of datetimes in a zone": (
        ".parquet",
        lambda columns: _dated(columns, pl.Datetime("us", "Asia/Kathmandu")),
    ),
    "parquet.zst": (
        ".parquet.zst",
        lambda columns: zstandard.ZstdCompressor().compress(parquet_of(columns)),
    ),
    "parquet.gz": (".parquet.gz", lambda columns: gzip.compress(parquet_of(columns))),
}


def write_file(
    path: Path, kind: KindName, facts: Sequence[tuple[Any, ...]], zone: tzinfo, form: str = "csv"
) -> Path:
    """A file of some facts in some format; the path gets the format's suffix."""
    suffix, make = FORMATS[form]
    whole = path.with_name(path.name + suffix)
    whole.write_bytes(make(texts(kind, facts, zone)))
    return whole


def take_all(store: Store, facts: Sequence[Any]) -> None:
    """Facts straight into the store, without a file."""
    with store.transaction() as writer:
        for kind in FACTS:
            of_kind: list[Any] = [fact for fact in facts if type(fact) is kind]
            writer.take(kind, of_kind)

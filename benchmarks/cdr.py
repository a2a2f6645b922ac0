"""Usage records in 1NCE's shape beside a plain file of the same activations: read, and imported."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from benchmarks.figures import Figure, figure
from benchmarks.fleets import activations_in_all, first_activations, made
from benchmarks.processes import import_of
from benchmarks.stores import Given, waiting_store
from tallystick.intake.checking import check_source
from tallystick.intake.kinds import KINDS
from tallystick.intake.mappings import ANY
from tallystick.intake.mappings.presets import preset
from tallystick.intake.sources import open_source
from tallystick.operations.synth import FleetFormat

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.intake.mappings import Mapping

ROUNDS = 5
ROWS_MAX = 1_000_000
PRESET = "1nce-cdr"
COLUMNS = {
    "id": "3405691582",
    "event_start_timestamp": "",
    "event_stop_timestamp": "2026-03-01 10:45:12",
    "organisation_id": "1234",
    "organisation_name": "Example Metering GmbH",
    "endpoint_id": "10023456",
    "sim_id": "1045678",
    "iccid": "",
    "imsi": "901405100000011",
    "operator_id": "4",
    "operator_name": "Vodafone",
    "country_id": "74",
    "operator_country_name": "Germany",
    "traffic_type_id": "5",
    "traffic_type_description": "Data",
    "volume": "0.004512",
    "volume_tx": "0.002256",
    "volume_rx": "0.002256",
    "cost": "0.0004512",
    "currency_id": "1",
    "currency_code": "EUR",
    "currency_symbol": "E",
    "ratezone_tariff_id": "398",
    "ratezone_tariff_name": "1NCE 1",
    "ratezone_id": "2615",
    "ratezone_name": "1NCE 1",
    "endpoint_name": "",
    "endpoint_ip_address": "10.208.14.61",
    "endpoint_tags": "",
    "endpoint_imei": "",
    "msisdn_msisdn": "882285100000011",
    "sim_production_date": "2023-08-11 00:00:00",
    "operator_mncs": "02",
    "country_mcc": "262",
}
"""The columns in 1NCE's order, with a text for each that is not of an activation."""


class Shape(NamedTuple):
    """A file, the mapping that reads it, and the option that names that."""

    what: str
    file: Path
    mapping: Mapping
    options: tuple[str, ...] = ()


def cdr(given: Given) -> list[Figure]:
    """Rows a second of the processor of both shapes, read alone and imported, in turn."""
    rows = min(given.rows, ROWS_MAX, activations_in_all(given.folder, given.sims))
    plain = first_activations(given.folder, given.sims, rows, FleetFormat.CSV)
    records = made(plain.with_name(f"cdr-{rows}.csv"), partial(_write, plain))
    shapes = (
        Shape("usage records of 34 columns", records, preset(PRESET), ("--map", PRESET)),
        Shape("plain file of 3 columns", plain, ANY),
    )
    figures = []
    for what, work in (("read", _read), ("imported", partial(_import, given))):
        rounds = [[rows / work(shape) / 1e6 for shape in shapes] for _ in range(ROUNDS + 1)][1:]
        figures += [
            figure(f"{shape.what}, {rows:,} rows {what}, by the processor", "M/s", rates)
            for shape, rates in zip(shapes, zip(*rounds, strict=True), strict=True)
        ]
    return figures


def _write(plain: Path, path: Path) -> None:
    """The activations of a plain file as usage records, all in quotes; empty values in none."""
    moment = pl.col("activated_at").str.replace("T", " ").str.strip_suffix("Z")
    fields = {name: pl.lit(text or None) for name, text in COLUMNS.items()}
    fields |= {
        "iccid": pl.col("iccid"),
        "event_start_timestamp": moment,
        "endpoint_name": pl.col("iccid"),
        "endpoint_imei": pl.col("imei"),
    }
    texts = pl.scan_csv(plain, infer_schema=False).select(**fields)
    texts.sink_csv(path, quote_style="non_numeric")


def _read(shape: Shape) -> float:
    """Seconds of the processor to read and check a file."""
    kind, started = KINDS["activations"], time.process_time()
    with open_source(str(shape.file), kind, mapping=shape.mapping) as source:
        for checked in check_source(source, kind):
            assert not checked.rejects, checked.rejects[:1]
    return time.process_time() - started


def _import(given: Given, shape: Shape) -> float:
    """Seconds of the processor that an import takes as a process."""
    with given.stores.copied(waiting_store(given, given.sims)) as address:
        done = import_of(address, "activations", shape.file, *shape.options)
    receipt = json.loads(done.printed)
    assert receipt["read"] == receipt["accepted"] + receipt["duplicate"], receipt
    return done.cpu_s

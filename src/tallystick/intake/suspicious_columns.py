"""The rules of `core.suspicious_values`, a column at a time; tests hold them to each other.

Columns are of compact integers (core/identifiers.py).
"""

from __future__ import annotations

import polars as pl

from tallystick.core.allowed import FORM_BITS, HARDWARE, TAC_FORM
from tallystick.core.identifiers import Iccid, Imei, Imsi
from tallystick.core.identities import Subscriber
from tallystick.core.suspicious_values import (
    A_BODY,
    COUNTED_UP,
    ONES,
    ROUNDED_DIVISOR,
    STRIPPED_FIRST,
    STRIPPED_LAST,
    TEST_BODIES,
    WHOLE_IMEI,
    WHOLE_IMSI,
)
from tallystick.intake.check_digits import remainders, weighted_sums

IS_ONE_IMEI = (pl.col("imei") >= 0) & ((pl.col("imei") & FORM_BITS) != TAC_FORM)
"""Whether an expectation names one IMEI; a TAC, a word and several values do not."""


def stripped_zeros(imeis: pl.Series) -> pl.Series:
    """Which IMEIs have lost their leading zero."""
    imei = pl.col("imei")
    frame = imeis.rename("imei").to_frame()
    begins_with_1 = imei.is_between(STRIPPED_FIRST, STRIPPED_LAST) & (imei % Imei.LENGTHS == 0)
    suspects = frame.select(begins_with_1).to_series()
    if not suspects.any():
        return suspects
    number = imei // (Imei.LENGTHS * 10 ** (Imei.LENGTH_MAX - Imei.LENGTH_MIN))
    return suspects & (weighted_sums(frame.select(number).to_series()) == 0)


def placeholders(imeis: pl.Series) -> pl.Series:
    """Which values are an IMEI that is no device's own; TACs and words are none."""
    hardware = pl.col("imei") // HARDWARE
    no_device = (
        (hardware // A_BODY).is_in(sorted(TEST_BODIES))
        | (hardware % ONES == 0)
        | (hardware == COUNTED_UP)
    )
    return imeis.rename("imei").to_frame().select(IS_ONE_IMEI & no_device).to_series()


def swapped(activations: pl.DataFrame) -> pl.Series:
    """Which activations have an IMSI and an IMEI that are probably each other's."""
    subscriber, imei = pl.col("iccid"), pl.col("imei")
    imsi = (Subscriber.IMSI_MAX - subscriber) // 2
    are_whole = (
        (subscriber <= Subscriber.IMSI_MAX)
        & (subscriber % 2 == 0)
        & (imsi % Imsi.LENGTHS == WHOLE_IMSI)
        & (imei % Imei.LENGTHS == WHOLE_IMEI)
    )
    digits = activations.select(
        imsi=imsi // Imsi.LENGTHS, imei=imei // Imei.LENGTHS // 10, are_whole=are_whole
    )
    is_imei = weighted_sums(digits["imei"].abs()) == 0
    is_filled = digits["imei"] % 10 == 0
    looks_so = weighted_sums(digits["imsi"].abs()) == 0
    return digits["are_whole"] & looks_so & ~is_imei & ~is_filled


def ending_in_zeros(iccids: pl.Series) -> pl.Series:
    """Which ICCIDs end in zeros behind their 15th digit."""
    rest: pl.Series = iccids % ROUNDED_DIVISOR
    return rest < Iccid.LENGTHS


def lacking_check_digits(iccids: pl.Series) -> pl.Series:
    """Which ICCIDs do not end with their check digit."""
    return remainders(iccids) != 0

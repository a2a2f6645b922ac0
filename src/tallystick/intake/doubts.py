"""Doubtful facts counted: those of a frame a column at once, others one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.identifiers import MDN_LEFT_OUT
from tallystick.core.suspicious_values import has_stripped_zeros, is_in_future
from tallystick.intake import fast_parse
from tallystick.intake.receipt import Doubts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tallystick.core.moments import Moment
    from tallystick.intake.kinds import Kind
    from tallystick.store import Facts


def doubts_of(kind: Kind, facts: Facts, unknown: Collection[int], now: Moment) -> Doubts:
    """What is doubtful in facts; `unknown` are their SIMs that the device database lacks."""
    return (
        _in_columns(facts, unknown, now)
        if isinstance(facts, pl.DataFrame)
        else _one_by_one(kind, facts, unknown, now)
    )


def _in_columns(facts: pl.DataFrame, unknown: Collection[int], now: Moment) -> Doubts:
    return Doubts(
        int(facts["iccid"].is_in(pl.Series(list(unknown), dtype=pl.Int64).implode()).sum())
        if unknown
        else 0,
        len(fast_parse.stripped_zeros(facts["imei"])) if "imei" in facts.columns else 0,
        int((facts["activated_at"] > now).sum()) if "activated_at" in facts.columns else 0,
        int((facts["mdn"] == MDN_LEFT_OUT).sum()) if "mdn" in facts.columns else 0,
    )


def _one_by_one(kind: Kind, facts: Sequence[Any], unknown: Collection[int], now: Moment) -> Doubts:
    names = kind.column_names
    return Doubts(
        sum(fact.iccid in unknown for fact in facts) if unknown else 0,
        sum(has_stripped_zeros(fact.imei) for fact in facts) if "imei" in names else 0,
        sum(is_in_future(fact.activated_at, now) for fact in facts)
        if "activated_at" in names
        else 0,
        sum(fact.mdn == MDN_LEFT_OUT for fact in facts) if "mdn" in names else 0,
    )

"""Reasons as they are told: one JSON object, the same in every answer and in the store.

    {"cause":"theft","reasons":[{"code":"expected","imei":"352099001761481",
     "since":"2026-03-01T00:00:00Z","change_set_id":12},…]}

The keys of a reason are `code`, `imei`, `since`, `change_set_id`, `iccids` and `count`; what does
not belong to it is left out.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Iccid
from tallystick.core.moments import parse_moment, wire
from tallystick.core.reasons import Cause, Code, Reason, cause_of, likely_cause

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo


def encode(reasons: Iterable[Reason], zone: tzinfo) -> bytes:
    """Print the likely cause and the reasons, with times in a zone; no blanks."""
    every = list(reasons)
    listed = ",".join([_encoded(reason, zone) for reason in every])
    return f'{{"cause":"{likely_cause(every)}","reasons":[{listed}]}}'.encode()


def beginning_of(cause: Cause) -> bytes:
    """What is printed with this cause begins with these bytes, and nothing else does."""
    return f'{{"cause":"{cause}"'.encode()


def code_in(code: Code) -> bytes:
    """What is printed with a reason of this code holds these bytes, and nothing else does."""
    return f'"code":"{code}"'.encode()


CODE = re.compile(rb'"code":"([a-z-]+)"')


def _encoded(reason: Reason, zone: tzinfo) -> str:
    if reason.imei is None and reason.since is None and not reason.count:
        return _plain(reason.code)
    imei = "" if reason.imei is None else f',"imei":"{reason.imei}"'
    since = "" if reason.since is None else f',"since":"{wire(reason.since, zone)}"'
    by = f',"change_set_id":{reason.change_set_id}' if reason.change_set_id else ""
    others = f',"iccids":{_texts(reason.iccids)},"count":{reason.count}' if reason.count else ""
    return f'{{"code":"{reason.code}"{imei}{since}{by}{others}}}'


@lru_cache
def _plain(code: Code) -> str:
    return f'{{"code":"{code}"}}'


def _texts(iccids: Iterable[Iccid]) -> str:
    return "[" + ",".join(f'"{iccid}"' for iccid in iccids) + "]"


class Extra(NamedTuple):
    """Reasons that are told behind those of a SIM alone: their codes, and how they are printed."""

    codes: frozenset[Code]
    printed: bytes


def extra_of(reasons: Iterable[Reason], zone: tzinfo) -> Extra | None:
    """Some reasons, to be told behind others; None where there are none."""
    every = list(reasons)
    if not every:
        return None
    return Extra(
        frozenset(each.code for each in every),
        ",".join([_encoded(each, zone) for each in every]).encode(),
    )


def append(own: bytes, more: Extra) -> bytes:
    """What was printed with more reasons behind; the cause is that of all of them.

    Nothing is read back but the codes: an answer may have ten thousand of these.
    """
    # The first reason is the expected IMEI, which hardly two rows share; the others are of a few
    # kinds.
    _, _, behind = own.partition(b"},")
    return b'{"cause":"%b","reasons":%b,%b]}' % (
        _cause(behind, more.codes),
        own[own.index(b"[") : -2],
        more.printed,
    )


@lru_cache(4096)
def _cause(own: bytes, more: frozenset[Code]) -> bytes:
    return cause_of(more | {Code(code.decode()) for code in CODE.findall(own)}).encode()


SUMMARY = ("cause", "reasons")
"""What the columns of a summary are called."""


def summary(text: bytes) -> tuple[str, str]:
    """Give the cause, and the reasons in one line for people, of what was printed."""
    row = json.loads(text)
    return row["cause"], "; ".join(map(_in_words, row["reasons"]))


def _in_words(reason: dict[str, Any]) -> str:
    """As in `expected 352099001761481 since 2026-03-01T00:00:00Z`."""
    words = [reason["code"]]
    if "imei" in reason:
        words.append(reason["imei"])
    if "since" in reason:
        words.append(f"since {reason['since']}")
    if "change_set_id" in reason:
        words.append(f"by change set {reason['change_set_id']}")
    if "count" in reason:
        more = reason["count"] - len(reason["iccids"])
        words += [*reason["iccids"], *([f"and {more} more"] if more else [])]
    return " ".join(words)


def decode(text: bytes) -> list[Reason]:
    """The reasons that were printed, with their moments to the second."""
    return [_read(each) for each in json.loads(text)["reasons"]]


def _read(told_reason: dict[str, Any]) -> Reason:
    if len(told_reason) == 1:
        return _plain_reason(told_reason["code"])
    imei, since = told_reason.get("imei"), told_reason.get("since")
    return Reason(
        Code(told_reason["code"]),
        None if imei is None else Allowed.parse(imei),
        None if since is None else parse_moment(since),
        tuple(map(Iccid.parse, told_reason.get("iccids", ()))),
        told_reason.get("count", 0),
        told_reason.get("change_set_id", 0),
    )


@lru_cache
def _plain_reason(code: str) -> Reason:
    return Reason(Code(code))

"""Causes and reasons in words for people."""

from __future__ import annotations

import re
from typing import Any

from tallystick.core.allowed import NOWHERE, SEPARATOR, WORD_OF
from tallystick.core.counted import counted
from tallystick.core.explanations import RowState
from tallystick.core.identifiers import Tac
from tallystick.core.reasons import Cause, Code
from tallystick.store.listing import Order

CAUSES = {
    Cause.THEFT: "Theft",
    Cause.CLONE: "Clone",
    Cause.SWAP_PAIR: "Swapped pair",
    Cause.PAPERWORK: "Paperwork",
    Cause.REPLACEMENT: "Replacement",
    Cause.UNCLEAR: "Unclear",
}
"""The likely causes, in the order in which a chart stacks them."""

STATES = {
    RowState.OPEN: "Open",
    RowState.PROPOSED: "Proposed",
    RowState.EXPLAINED: "Explained",
}
"""What is being done about a row."""

ORDERS = {
    Order.NEWEST: "Newest first",
    Order.OLDEST: "Oldest first",
    Order.ICCID: "By SIM",
    Order.ACCOUNT: "By account",
    Order.IMEI: "By hardware seen",
}
"""The orders of a list."""

REASONS = {
    Code.FIRST_USE: "Held to its first use",
    Code.SAME_MODEL: "Another unit of the model",
    Code.OTHER_MODEL: "Another model",
    Code.NOT_A_VALID_IMEI: "Not a valid IMEI",
    Code.CHECK_DIGIT_WRONG: "Check digit wrong",
    Code.NEVER_WHERE_EXPECTED: "Never seen where expected",
    Code.ALWAYS_HERE: "Never seen elsewhere",
    Code.STILL_THERE: "Still there",
    Code.MOVED_BACK: "Moved back",
    Code.MOVED_ON: "Moved on",
}
"""The reasons that a list is narrowed down by, in a few words each."""

SENTENCES = {
    Code.EXPECTED: "It was expected {where} {since}{by}.",
    Code.FIRST_USE: "Nobody said where it belongs: the account holds it to its first hardware.",
    Code.SAME_MODEL: "It was seen in another unit of the expected model.",
    Code.OTHER_MODEL: "It was seen in hardware of another model.",
    Code.NOT_A_VALID_IMEI: "The IMEI it was seen in is no device's own.",
    Code.CHECK_DIGIT_WRONG: "The check digit of the IMEI it was seen in is wrong.",
    Code.NEVER_WHERE_EXPECTED: "Before this it was never seen where it is expected.",
    Code.ALWAYS_HERE: "It was never seen in any other hardware.",
    Code.STILL_THERE: "It was not seen in other hardware since.",
    Code.MOVED_BACK: "It was next seen where it is expected, at {moment}.",
    Code.MOVED_ON: "It was next seen in yet other hardware, at {moment}.",
    Code.EXPECTED_FOR_ANOTHER_SIM: "The hardware belongs to {others}.",
    Code.SWAP_PAIR: "It is in the hardware of a SIM that is in its own: {others}.",
    Code.SEEN_WITH_OTHER_SIMS: "The same hardware was seen with {others}.",
}


ABBREVIATIONS = frozenset({"iccid", "imei", "mdn", "tac"})
WORD = re.compile("[a-z]+")


def capitalised(message: str) -> str:
    """A message as a sentence begins; the name of a file at its beginning stays as it is."""
    first, blank, others = message.partition(" ")
    if first in ABBREVIATIONS:
        return first.upper() + blank + others
    return first.capitalize() + blank + others if WORD.fullmatch(first) else message


def where_of(value: str) -> str:
    """Where a SIM is expected, by the value of an expectation as it was given."""
    if value == WORD_OF[NOWHERE]:
        return "in no hardware"
    members = (
        f"hardware of model {each}" if len(each) == Tac.LENGTH_MAX else each
        for each in value.split(SEPARATOR)
    )
    return "in " + " or ".join(members)


def sentence_of(reason: dict[str, Any]) -> str:
    """One reason, as `core/reason_json.py` prints it, as a sentence. SIMs are named by count."""
    since = reason.get("since")
    moment = since.replace("T", " ").replace("Z", " UTC") if since else ""
    change_set = reason.get("change_set_id")
    count = reason.get("count", 0)
    return SENTENCES[Code(reason["code"])].format(
        where=where_of(reason.get("imei", "")),
        since=f"since {moment}" if since else "from the beginning",
        moment=moment,
        by=f", by change set {change_set}" if change_set else "",
        others=counted(count, "other SIM", "other SIMs"),
    )

"""A few SIMs, and what is told of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tallystick.core.facts import GroupMember, Identity, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.window import Window
from tallystick.thingspace.rows import read_row
from tests.kept import report_of

if TYPE_CHECKING:
    from tallystick.core.allowed import Allowed
    from tallystick.store import Store

ICCIDS = [Iccid.parse(f"8914800000080000{number:04d}") for number in range(1200)]
ONE, TWO, THREE = ICCIDS[:3]
HOME, FOREIGN, THIRD = (
    Imei.parse(text) for text in ("352099001761481", "357152091234562", "010203040506070")
)
MDN = Mdn.parse("5096300001")
EVERYTHING = Window(Moment(0), Moment(10**15))


def sim(
    iccid: Iccid, account: str = "a", mdn: Mdn | None = None, date: int = 1, generation: str = "4G"
) -> Sim:
    """A SIM."""
    return Sim(iccid, mdn, account, Moment(date), generation)


def expected(iccid: Iccid, imei: Imei | Allowed = HOME, since: int = BEGINNING) -> SimExpectation:
    """An expectation."""
    return SimExpectation(iccid, Moment(since), imei)


def seen(iccid: Iccid, imei: Imei = FOREIGN, at: int = 10) -> SimActivation:
    """An activation."""
    return SimActivation(iccid, Moment(at), imei)


def take(
    store: Store, *facts: Sim | SimExpectation | SimActivation | GroupMember | Identity
) -> None:
    """Each fact in a transaction of its own."""
    for fact in facts:
        with store.transaction() as writer:
            writer.take(type(fact), [fact])


def rows(store: Store, *accounts: str, **scope: object) -> list[tuple[str, str, str]]:
    """The report as ICCID, IMEI before, IMEI found."""
    read = map(read_row, report_of(store, EVERYTHING, *accounts, **scope))  # type: ignore[arg-type] # scope words
    return [(row.iccid, row.pre_imei or "", row.post_imei) for row in read]


def mismatch(iccid: Iccid, pre: Imei = HOME, post: Imei = FOREIGN) -> tuple[str, str, str]:
    """A row as `rows` gives it."""
    return str(iccid), str(pre), str(post)


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python in a process of its own, with this one's modules."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

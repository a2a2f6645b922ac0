"""Where a SIM was seen, beside where it was expected: within a window, and no more than is drawn.

`histories` reads a SIM's history page by page; what stands here reads one window of it, and so many
facts at most, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.errors import SimNotFound
from tallystick.core.moments import Moment
from tallystick.core.pairing import Run, stays, with_first_use
from tallystick.core.window import Window
from tallystick.fleet import ledger

if TYPE_CHECKING:
    from collections.abc import Container

    from tallystick.core.facts import Sim
    from tallystick.core.identifiers import Iccid
    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.fleet.ledger import Entry
    from tallystick.store import Reader

ACTIVATIONS_MAX = 1_000
EXPECTATIONS_MAX = 200
ROWS_MAX = 1_000
LEDGER_MAX = 200


@dataclass(frozen=True, slots=True)
class Timeline:
    """One SIM in a window: its stays in order of time, and what was expected until its end.

    `begins_at` is where the stays begin: later than the window where there are more activations
    than are read. `has_more_expectations` is whether older ones are left out.
    """

    sim: Sim
    begins_at: Moment
    is_cut: bool
    stays: list[Pairing]
    expectations: list[Expectation]
    has_more_expectations: bool


def timeline(reader: Reader, iccid: Iccid, window: Window, visible: Container[str]) -> Timeline:
    """Give the timeline of a SIM.

    `visible` are the accounts that the asker may see. A SIM of another account and one that is not
    loaded are refused alike. Raises `SimNotFound`.
    """
    sim = visible_sim(reader, iccid, visible)
    newest = reader.newest_activations(iccid, window, ACTIVATIONS_MAX + 1)
    activations = newest[:ACTIVATIONS_MAX][::-1]
    is_cut = len(newest) > ACTIVATIONS_MAX
    expectations, has_more = _expectations(reader, sim, window.latest)
    begins_at = activations[0].activated_at if is_cut else window.earliest
    # Whether a stay opened a row follows from what came before it, which may lie before the cut.
    since = Window(Moment(begins_at - 1), window.latest)
    opened = {
        (activated_at, post_imei)
        for _, _, _, post_imei, _, activated_at in reader.rows_of_sim(iccid, since, ROWS_MAX)
    }
    runs = [Run.of(activation) for activation in activations]
    seen = [
        replace(stay, reported=(int(stay.opened_at), int(stay.imei)) in opened)
        for stay in stays(runs, expectations)
    ]
    return Timeline(sim, begins_at, is_cut, seen, expectations, has_more)


def visible_sim(reader: Reader, iccid: Iccid, visible: Container[str]) -> Sim:
    """Give a SIM of the accounts that the asker may see. Raises `SimNotFound`."""
    sim = reader.sim(iccid)
    if sim is None or sim.account not in visible:
        raise SimNotFound(no_such_sim(iccid))
    return sim


def no_such_sim(iccid: Iccid) -> str:
    """What is said of a SIM that is not loaded, or not visible to the asker."""
    return f"there is no SIM with the ICCID {iccid}"


def _expectations(reader: Reader, sim: Sim, latest: Moment) -> tuple[list[Expectation], bool]:
    """What was expected of a SIM, in order, and whether some of it is left out.

    What follows from its account's policy of first use is among it.
    """
    newest = reader.newest_expectations(sim.iccid, latest, EXPECTATIONS_MAX + 1)
    oldest, has_more = reader.first_expectation(sim.iccid), len(newest) > EXPECTATIONS_MAX
    put = newest[:EXPECTATIONS_MAX][::-1]
    if has_more and oldest is not None:
        put.insert(0, oldest)
    home = reader.first_activation(sim.iccid)
    first_use = reader.first_uses()[sim.account]
    return with_first_use([home] if home else [], put, first_use), has_more


def recent_log(reader: Reader, iccid: Iccid) -> list[Entry] | None:
    """Give every value that a SIM's expectations ever had; None where they are too many to list."""
    if reader.count_of_values(iccid, LEDGER_MAX + 1) > LEDGER_MAX:
        return None
    return ledger.log(reader, str(iccid))

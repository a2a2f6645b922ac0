"""`tallystick verify`."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

import typer

from tallystick.cli.shared import AsJson, current_settings, print_json, progress, say, store_of
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, wire
from tallystick.operations.verify import Deviation, Difference
from tallystick.operations.verify import verify as verify_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from tallystick.store.verifying import KeptRow

SHOWN_MAX = 20
EXIT_DIFFERENT = 1


def verify(as_json: AsJson = False) -> None:
    """Recompute every row by the rule, and exit with 1 where the kept answer differs."""
    sims = rows = 0
    shown, faults = list[Difference](), Counter[Deviation]()
    with store_of(current_settings()) as store, progress("Verifying") as advance:
        with store.snapshot() as reader:
            sims_in_all = reader.counts().sims
        for verified in verify_store(store, wire_row):
            sims, rows = sims + verified.sims, rows + verified.rows
            shown.extend(verified.differences[: SHOWN_MAX - len(shown)])
            faults.update(difference.deviation for difference in verified.differences)
            advance(sims, sims_in_all)
    counts = {fault.value: faults[fault] for fault in Deviation}
    if as_json:
        differences = list(map(_described, shown))
        print_json({"sims": sims, "rows": rows, **counts, "differences": differences})
    else:
        _print(sims, rows, counts, shown)
    if faults:
        raise typer.Exit(EXIT_DIFFERENT)


def _print(sims: int, rows: int, counts: dict[str, int], shown: list[Difference]) -> None:
    for difference in shown:
        described = _described(difference)
        say(f"{described['fault']} row of SIM {described['iccid']} at {described['activated_at']}")
        for side in ("kept", "right"):
            if described[side]:
                say(f"    {side:5} {described[side]}")
    differing = sum(counts.values())
    if differing > len(shown):
        say(f"and {differing - len(shown)} more")
    told = ", ".join(f"{count} {fault}" for fault, count in counts.items())
    say(f"{sims} SIMs, {rows} rows kept: {told if differing else 'every one as the rule has it'}")


def _described(difference: Difference) -> dict[str, str | None]:
    row = difference.kept or difference.right
    assert row is not None  # noqa: S101 - a difference has at least one side
    return {
        "fault": difference.deviation.value,
        "iccid": str(Iccid(row.iccid)),
        "activated_at": wire(Moment(row.activated_at), UTC),
        "kept": _text(difference.kept),
        "right": _text(difference.right),
    }


def _text(row: KeptRow | None) -> str | None:
    """The columns, and the row as it reads."""
    if row is None:
        return None
    columns = (row.account, row.generation, Imei(row.pre_imei), Imei(row.post_imei))
    printed = (row.wire, row.reasons or b"without reasons")
    return " ".join([*map(str, columns), *(each.decode(errors="replace") for each in printed)])

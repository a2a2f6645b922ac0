"""`tallystick verify`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.command import EXIT_DIFFERENT
from tallystick.cli.output import AsJson, print_json, progress, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.counted import counted
from tallystick.core.errors import StoreBroken
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, wire
from tallystick.operations.integrity import Checked, Damage, check_integrity
from tallystick.operations.verify import (
    Attributions,
    Deviation,
    Difference,
    Verified,
    verify_attributions,
)
from tallystick.operations.verify import verify as verify_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from tallystick.store import Store
    from tallystick.store.verifying import KeptRow

SHOWN_MAX = 20
UNFINISHED = (
    "a change of many SIMs is not finished, so that rows may differ: wait for the process that "
    "does it, or run `tallystick init` where it was killed"
)


def verify(
    integrity: Annotated[
        bool,
        typer.Option(
            "--integrity",
            help="First let the database check itself, and all facts for impossible values.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every row by the rule, and exit with 1 where the kept answer differs."""
    with store_of(current_settings()) as store:
        checks = _check_integrity(store) if integrity else []
        damage = [finding for check in checks for finding in check.damage]
        if not as_json:
            _print_checks(checks, damage)
        totals = _verify(store) if not damage else _verified_as_far_as_it_can_be_read(store, damage)
    if as_json:
        print_json(totals.described() | _described_checks(checks, damage))
    else:
        totals.print()
    if damage or not totals.is_right:
        raise typer.Exit(EXIT_DIFFERENT)


def _verified_as_far_as_it_can_be_read(store: Store, damage: list[Damage]) -> _Totals:
    """Compare a damaged store with the rule; where it breaks off, that is damage too."""
    try:
        return _verify(store)
    except StoreBroken as broken:
        damage.append(Damage("kept answer", broken.message))
        return _Totals()


def _check_integrity(store: Store) -> list[Checked]:
    checks: list[Checked] = []
    with progress("Checking") as advance:
        for check in check_integrity(store):
            checks.append(check)
            advance(len(checks), len(checks) + 1)
    return checks


def _print_checks(checks: list[Checked], damage: list[Damage]) -> None:
    for finding in damage:
        say(f"damage: {finding.check}: {finding.text}")
    if damage:
        say("Stop the server, copy the store, and see docs/howto/repair-a-damaged-store.md.")
    elif checks:
        say(f"no damage found; checked: {', '.join(check.check for check in checks)}")


def _described_checks(checks: list[Checked], damage: list[Damage]) -> dict[str, Any]:
    """What was checked, for programs; nothing where nothing was."""
    if not checks:
        return {}
    return {
        "checks": [check.check for check in checks],
        "damage": [finding._asdict() for finding in damage],
    }


@dataclass
class _Totals:
    """What the comparison with the rule came to."""

    sims: int = 0
    rows: int = 0
    shown: list[Difference] = field(default_factory=list)
    deviations: Counter[Deviation] = field(default_factory=Counter)
    named: int = 0
    misattributed: int = 0

    def add_named(self, attributions: Attributions) -> None:
        """Count activations that name their SIM by IMSI or MSISDN."""
        self.named += attributions.activations
        self.misattributed += attributions.wrong

    @property
    def is_right(self) -> bool:
        """Whether everything is as the rules have it."""
        return not self.deviations and not self.misattributed

    def add(self, verified: Verified) -> None:
        """Count a range of SIMs."""
        self.sims += verified.sims
        self.rows += verified.rows
        self.shown.extend(verified.differences[: SHOWN_MAX - len(self.shown)])
        self.deviations.update(difference.deviation for difference in verified.differences)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows deviate, by how they do."""
        return {deviation.value: self.deviations[deviation] for deviation in Deviation}

    def described(self) -> dict[str, Any]:
        """All of it for programs."""
        differences = [_described(difference) for difference in self.shown]
        counts = {"sims": self.sims, "rows": self.rows, **self.counts}
        named = (
            {"named_activations": self.named, "misattributed": self.misattributed}
            if self.named
            else {}
        )
        return counts | named | {"differences": differences}

    def print(self) -> None:
        """All of it for people."""
        for difference in self.shown:
            _print(_described(difference))
        differing = sum(self.counts.values())
        if differing > len(self.shown):
            say(f"and {differing - len(self.shown):,} more")
        counts = ", ".join(f"{count:,} {fault}" for fault, count in self.counts.items())
        verdict = counts if differing else "every one as the rule has it"
        sims = counted(self.sims, "SIM", "SIMs")
        say(f"{sims}, {counted(self.rows, 'row', 'rows')} kept: {verdict}")
        if self.named:
            named = counted(self.named, "activation", "activations")
            wrong = f"{self.misattributed:,}" if self.misattributed else "none"
            say(f"{named} by IMSI or MSISDN: {wrong} misattributed")


def _verify(store: Store) -> _Totals:
    totals = _Totals()
    with progress("Verifying") as advance:
        with store.snapshot() as reader:
            sims_in_all = reader.count_of_all_sims()
            if reader.unfinished_work():
                say(UNFINISHED, err=True)
        for verified in verify_store(store, wire_row):
            totals.add(verified)
            advance(totals.sims, sims_in_all)
        for attributions in verify_attributions(store):
            totals.add_named(attributions)
    return totals


def _print(described: dict[str, str | None]) -> None:
    """One row that is not as it should be, for people."""
    say(f"{described['fault']} row of SIM {described['iccid']} at {described['activated_at']}")
    for side in ("kept", "right"):
        if described[side]:
            say(f"    {side:5} {described[side]}")


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
    pre_imei = "no IMEI" if row.pre_imei is None else Imei(row.pre_imei)
    columns = (row.account, row.generation, pre_imei, Imei(row.post_imei))
    printed = (row.wire, row.reasons or b"without reasons")
    return " ".join([*map(str, columns), *(each.decode(errors="replace") for each in printed)])

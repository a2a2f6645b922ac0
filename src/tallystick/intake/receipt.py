"""What became of the facts that were handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.intake.doubt_kinds import NO_DOUBTS, Doubts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.intake.sources import Notes

REJECTS_SHOWN_MAX = 20
"""How many rejects a receipt repeats.

The others are counted, and written to the rejects file if there is one.
"""

FAULTS_SHOWN_MAX = 5
"""How many faults of one line or header are told.

No kind has more columns, so only strange ones have more.
"""


class Fault(NamedTuple):
    """One thing wrong with one line: in which column (empty: the line as such), and what."""

    column: str
    reason: str

    def __str__(self) -> str:
        return (
            self.reason
            if not self.column or self.reason.startswith(self.column)
            else f"{self.column} {self.reason}"
        )


class Reject(NamedTuple):
    """A line that was refused.

    Its number in the file, from 1, all its faults, and its values as they came.
    """

    line: int
    faults: tuple[Fault, ...]
    values: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All faults in one sentence."""
        return in_one_sentence([str(fault) for fault in self.faults])


def in_one_sentence(faults: Sequence[str]) -> str:
    """Faults, capped and counted."""
    listed = "; ".join(faults[:FAULTS_SHOWN_MAX])
    more = len(faults) - FAULTS_SHOWN_MAX
    return f"{listed}; and {more:,} more faults" if more > 0 else listed


@dataclass(slots=True)
class Receipt:
    """Counts of lines, and the first rejects.

    `read` is the sum of the other three; `doubts` are among the taken; `notes` say how a file was
    read. `unattributed` counts activations that wait until it is known whose number they name.
    `change_set_id` is the number of the change set that a file has made, 0 where it made none;
    `is_proposed` is whether that only proposes what the file says.
    """

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    seconds: float = 0.0
    accounts_made: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    doubts: Doubts = NO_DOUBTS
    notes: Notes | None = None
    unattributed: int = 0
    change_set_id: int = 0
    is_proposed: bool = False

    @property
    def read(self) -> int:
        """Lines with something on them, the header aside."""
        return self.accepted + self.duplicate + self.rejected

    def reject(self, reject: Reject) -> None:
        """Count a reject, and keep it while there are few."""
        self.rejected += 1
        if len(self.rejects) < REJECTS_SHOWN_MAX:
            self.rejects.append(reject)

    def add(self, other: Receipt) -> None:
        """Count another file's lines in."""
        self.accepted += other.accepted
        self.duplicate += other.duplicate
        self.rejected += other.rejected
        self.seconds += other.seconds
        self.accounts_made += other.accounts_made
        self.rejects = (self.rejects + other.rejects)[:REJECTS_SHOWN_MAX]
        self.doubts = self.doubts.and_also(other.doubts)
        self.unattributed += other.unattributed

    def described(self, place: str = "line") -> dict[str, Any]:
        """The receipt for programs.

        Counts, seconds, and rejects by their place, the line or what else tells them.
        """
        rejects = [{place: reject.line, "reason": reject.reason} for reject in self.rejects]
        notes = {} if self.notes is None else self.notes.described()
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            **self.doubts.described(),
            "unattributed": self.unattributed,
            "seconds": round(self.seconds, 6),
            "accounts_made": self.accounts_made,
            "rejects": rejects,
            **notes,
        }

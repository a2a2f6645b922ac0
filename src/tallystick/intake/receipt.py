"""What became of the facts that were handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

REJECTS_SHOWN_MAX = 20
"""How many rejects a receipt repeats; the others are counted, and written to the rejects file if there is one."""


class Fault(NamedTuple):
    """One thing wrong with one line: in which column (empty: the line as such), and what."""

    column: str
    reason: str

    def __str__(self) -> str:
        return self.reason if not self.column or self.reason.startswith(self.column) else f"{self.column} {self.reason}"


class Reject(NamedTuple):
    """A line that was refused: its number in the file, from 1, all its faults, and its values as they came."""

    line: int
    faults: tuple[Fault, ...]
    values: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All faults in one sentence."""
        return "; ".join(map(str, self.faults))


@dataclass(slots=True)
class Receipt:
    """Counts of lines, and the first rejects. `read` is the sum of the other three."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    seconds: float = 0.0
    accounts_made: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

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

    def described(self) -> dict[str, Any]:
        """The receipt for programs: counts, seconds, and the first rejects."""
        rejects = [{"line": reject.line, "reason": reject.reason} for reject in self.rejects]
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
            "accounts_made": self.accounts_made,
            "rejects": rejects,
        }

"""`python -m benchmarks.undoubted ...`: the project's command, whose imports look for no doubts.

What finds doubts is replaced where imports call it, in this process alone: the project itself has
no way to leave them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.cli import main
from tallystick.intake import bulk, checking
from tallystick.intake.doubt_kinds import NO_DOUBTS

if TYPE_CHECKING:
    from tallystick.intake.doubt_kinds import Doubts

FINDS_DOUBTS = (
    (checking, "doubts_of_values"),
    (bulk, "doubts_of_keys"),
    (bulk, "doubts_of_sims"),
    (bulk, "doubts_of_hardware"),
)
"""The modules that imports are made of, and what each finds doubts with."""


def no_doubts(*_: object) -> Doubts:
    """Find none, whatever the facts are."""
    return NO_DOUBTS


def leave_doubts_out() -> None:
    """Have imports of this process find no doubts. Raises `LookupError` where one is found anew."""
    for module, name in FINDS_DOUBTS:
        if not hasattr(module, name):
            message = f"{module.__name__} has no {name}: correct FINDS_DOUBTS"
            raise LookupError(message)
        setattr(module, name, no_doubts)


if __name__ == "__main__":
    leave_doubts_out()
    main()

"""What one undisturbed import makes of some files, and that others make the same of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.intake import Receipt, import_file
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.kept import Everything, everything_in, rule_of

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store

Imported = tuple[Receipt, Everything]
"""The receipt of the activations, and all that is in the store then."""


def load_fleet(store: Store, files: Path) -> None:
    """Import the SIMs and expectations of a folder with files of each kind."""
    for kind in ("sims", "expectations"):
        import_file(store, kind, str(files / f"{kind}.csv"))


def imported_at_once(files: Path, folder: Path) -> Imported:
    """Import all files of a folder undisturbed, into a store on SQLite in another one."""
    with open_store(f"sqlite:///{folder}/store.db", wire_row) as store:
        store.init("UTC")
        load_fleet(store, files)
        receipt = import_file(store, "activations", str(files / "activations.csv"))
        return receipt, everything_in(store)


def check_same(store: Store, receipt: Receipt, at_once: Imported, rows_min: int) -> None:
    """Hold an import to the undisturbed one, and to the rule: more rows than so many follow."""
    receipt_at_once, everything_at_once = at_once
    assert (receipt.read, receipt.accepted, receipt.duplicate, receipt.rejected) == (
        receipt_at_once.read,
        receipt_at_once.accepted,
        receipt_at_once.duplicate,
        receipt_at_once.rejected,
    )
    everything = everything_in(store)
    assert everything == everything_at_once
    assert everything.kept == rule_of(everything)
    assert len(everything.kept) > rows_min

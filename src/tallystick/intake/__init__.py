"""Facts in: files and calls, checked value by value, and answered with a receipt."""

from tallystick.intake.bulk import import_file
from tallystick.intake.doubt_kinds import WORDINGS, Doubt, DoubtName, Doubts
from tallystick.intake.doubts import doubts_of_call
from tallystick.intake.items import check_items, doubts_of_items, read_items
from tallystick.intake.kinds import KINDS, Kind, KindName
from tallystick.intake.live import LiveIntake, idempotency_key
from tallystick.intake.options import ImportOptions, LinesLimit
from tallystick.intake.progress import Progress
from tallystick.intake.proposals import (
    Trial,
    described_row,
    propose_facts,
    propose_file,
    try_facts,
    try_file,
)
from tallystick.intake.receipt import Fault, Receipt, Reject
from tallystick.intake.sources import STANDARD_INPUT

__all__ = [
    "KINDS",
    "STANDARD_INPUT",
    "WORDINGS",
    "Doubt",
    "DoubtName",
    "Doubts",
    "Fault",
    "ImportOptions",
    "Kind",
    "KindName",
    "LinesLimit",
    "LiveIntake",
    "Progress",
    "Receipt",
    "Reject",
    "Trial",
    "check_items",
    "described_row",
    "doubts_of_call",
    "doubts_of_items",
    "idempotency_key",
    "import_file",
    "propose_facts",
    "propose_file",
    "read_items",
    "try_facts",
    "try_file",
]

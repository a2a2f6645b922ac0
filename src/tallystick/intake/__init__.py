"""Facts in: files and batches, checked value by value, taken in whole transactions, answered with a receipt."""

from tallystick.intake.importing import Progress, import_file
from tallystick.intake.kinds import KINDS, Kind
from tallystick.intake.receipt import Fault, Receipt, Reject

__all__ = ["KINDS", "Fault", "Kind", "Progress", "Receipt", "Reject", "import_file"]

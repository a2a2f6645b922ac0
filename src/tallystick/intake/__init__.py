"""Facts in: files and calls, checked value by value, and answered with a receipt."""

from tallystick.intake.bulk import import_file
from tallystick.intake.doubt_kinds import WORDINGS, Doubt, DoubtName, Doubts
from tallystick.intake.doubts import doubts_of_call
from tallystick.intake.items import CheckedItems, check_items, doubts_of_expectations, read_items
from tallystick.intake.kinds import KINDS, Kind, KindName, require_account_column
from tallystick.intake.lanes import CONNECTIONS_MAX
from tallystick.intake.live import LiveIntake, idempotency_key
from tallystick.intake.mappings import (
    ANY,
    Mapping,
    checked,
    mapping_of,
    preset,
    preset_for,
    preset_text,
    presets,
)
from tallystick.intake.options import ImportOptions, LinesLimit
from tallystick.intake.preview import Preview, preview_file
from tallystick.intake.progress import Listeners, Progress
from tallystick.intake.proposals import (
    Trial,
    described_row,
    propose_facts,
    propose_file,
    try_facts,
    try_file,
    try_identities_file,
)
from tallystick.intake.receipt import Fault, Receipt, Reject
from tallystick.intake.recorded import (
    ListedImport,
    forget_old,
    listed,
    listed_one,
    rejects_of,
)
from tallystick.intake.reject_lines import RejectLines
from tallystick.intake.sources import (
    SEPARATORS,
    STANDARD_INPUT,
    Notes,
    file_of,
    members_of,
    text_lines,
)

__all__ = [
    "ANY",
    "CONNECTIONS_MAX",
    "KINDS",
    "SEPARATORS",
    "STANDARD_INPUT",
    "WORDINGS",
    "CheckedItems",
    "Doubt",
    "DoubtName",
    "Doubts",
    "Fault",
    "ImportOptions",
    "Kind",
    "KindName",
    "LinesLimit",
    "ListedImport",
    "Listeners",
    "LiveIntake",
    "Mapping",
    "Notes",
    "Preview",
    "Progress",
    "Receipt",
    "Reject",
    "RejectLines",
    "Trial",
    "check_items",
    "checked",
    "described_row",
    "doubts_of_call",
    "doubts_of_expectations",
    "file_of",
    "forget_old",
    "idempotency_key",
    "import_file",
    "listed",
    "listed_one",
    "mapping_of",
    "members_of",
    "preset",
    "preset_for",
    "preset_text",
    "presets",
    "preview_file",
    "propose_facts",
    "propose_file",
    "read_items",
    "rejects_of",
    "require_account_column",
    "text_lines",
    "try_facts",
    "try_file",
    "try_identities_file",
]

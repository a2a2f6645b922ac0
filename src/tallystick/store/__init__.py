"""What is kept: the only room that speaks SQL."""

from tallystick.store.batches import Facts, rows_of
from tallystick.store.connection import TURN_WAIT_S_MAX, joined
from tallystick.store.facts import Taken
from tallystick.store.kept import Refreshed, RowEvent
from tallystick.store.ledger import LISTED
from tallystick.store.progress import ImportProgress
from tallystick.store.reader import Reader
from tallystick.store.report import Scope
from tallystick.store.shortlist import Batch, Shortlist, shortlist_of
from tallystick.store.store import Store, open_store
from tallystick.store.verifying import KeptRow
from tallystick.store.writer import Tried, Writer

__all__ = [
    "LISTED",
    "TURN_WAIT_S_MAX",
    "Batch",
    "Facts",
    "ImportProgress",
    "KeptRow",
    "Reader",
    "Refreshed",
    "RowEvent",
    "Scope",
    "Shortlist",
    "Store",
    "Taken",
    "Tried",
    "Writer",
    "joined",
    "open_store",
    "rows_of",
    "shortlist_of",
]

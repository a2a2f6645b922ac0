"""What is kept: the only room that speaks SQL."""

from tallystick.store.batches import Facts, by_iccid, by_subscriber, iccids_of, rows_of
from tallystick.store.connection import TURN_WAIT_S_MAX, joined
from tallystick.store.facts import Taken
from tallystick.store.kept import Refreshed, RowEvent
from tallystick.store.ledger import LISTED
from tallystick.store.progress import ImportProgress
from tallystick.store.reader import Reader
from tallystick.store.report import Scope
from tallystick.store.shortlist import Batch, Shortlist, shortlist_of
from tallystick.store.store import Store, open_store
from tallystick.store.touched import Lane, Touched
from tallystick.store.verifying import KeptRow
from tallystick.store.writer import LEDGERED_KINDS, Tried, Writer

__all__ = [
    "LEDGERED_KINDS",
    "LISTED",
    "TURN_WAIT_S_MAX",
    "Batch",
    "Facts",
    "ImportProgress",
    "KeptRow",
    "Lane",
    "Reader",
    "Refreshed",
    "RowEvent",
    "Scope",
    "Shortlist",
    "Store",
    "Taken",
    "Touched",
    "Tried",
    "Writer",
    "by_iccid",
    "by_subscriber",
    "iccids_of",
    "joined",
    "open_store",
    "rows_of",
    "shortlist_of",
]

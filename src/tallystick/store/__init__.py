"""What is kept: the only room that speaks SQL."""

from tallystick.store.asking import joined
from tallystick.store.batches import Facts, rows_of
from tallystick.store.facts import Taken
from tallystick.store.judging import Batch, Judged, judge
from tallystick.store.progress import ImportProgress
from tallystick.store.reader import Reader
from tallystick.store.report import Scope
from tallystick.store.store import Store, open_store
from tallystick.store.verifying import KeptRow
from tallystick.store.writer import Refreshed, Tried, Writer

__all__ = [
    "Batch",
    "Facts",
    "ImportProgress",
    "Judged",
    "KeptRow",
    "Reader",
    "Refreshed",
    "Scope",
    "Store",
    "Taken",
    "Tried",
    "Writer",
    "joined",
    "judge",
    "open_store",
    "rows_of",
]

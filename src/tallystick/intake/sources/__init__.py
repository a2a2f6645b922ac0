"""Where facts come from: files of lines or columns, read in blocks of bounded size.

A block is a frame of texts, one row a line, with the number of its first line. Lines that are no
record at all (bad quoting, wrong number of fields, not UTF-8, too long) come as rejects beside it.
"""

from tallystick.intake.sources.blocks import LINE, REASON, Block, Notes, Source
from tallystick.intake.sources.csv import SEPARATORS
from tallystick.intake.sources.json import block_of, no_object
from tallystick.intake.sources.json_objects import Records, first_that_fits
from tallystick.intake.sources.opening import open_source, text_lines
from tallystick.intake.sources.packed import (
    STANDARD_INPUT,
    file_of,
    is_read_once,
    members_of,
    to_be_read_again,
)

__all__ = [
    "LINE",
    "REASON",
    "SEPARATORS",
    "STANDARD_INPUT",
    "Block",
    "Notes",
    "Records",
    "Source",
    "block_of",
    "file_of",
    "first_that_fits",
    "is_read_once",
    "members_of",
    "no_object",
    "open_source",
    "text_lines",
    "to_be_read_again",
]

"""Bounds of what is read of a file at once, so that no file takes more than some memory."""

BLOCK_BYTES = 16 << 20
LINE_BYTES_MAX = 1 << 20
# Each line that is refused is kept, with its values, until its block has been handed on.
# No file of usual lines, of 32 bytes and more, has blocks that are cut for this.
LINES_A_BLOCK_MAX = 1 << 19
PARQUET_ROWS = 1 << 18
# Lines are made a frame so many at a time: a list of their fields takes far more memory.
LINES_A_FRAME = 1 << 13
COLUMNS_MAX = 1_000
COLUMN_NAME_LENGTH_MAX = 250
# Each name of JSON objects is looked at once, and each set of those that may be columns is looked
# through once, at some 20 µs a name.
DIFFERENT_NAMES_MAX = 50_000
# Zstandard packs up to 128 KiB into four bytes, so so many of them make at most 32 MiB.
ZSTANDARD_BYTES = 1 << 10
# A workbook and a JSON document are held whole.
WORKBOOK_BYTES_MAX = 256 << 20
CELLS_MAX = 8_000_000
DOCUMENT_BYTES_MAX = 256 << 20
# Files in an archive, and what one of them may unpack to where it has to be read from its end.
ARCHIVE_FILES_MAX = 1_000
SPOOLED_BYTES_MAX = 1 << 30

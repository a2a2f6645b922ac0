"""How much of a file is read at once."""

BLOCK_BYTES = 16 << 20
LINE_BYTES_MAX = 1 << 20

"""A file opened as a source, by its name."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from tallystick.intake.sources.blocks import Source, check_columns, share_of_bytes
from tallystick.intake.sources.csv import csv_block, header_of
from tallystick.intake.sources.json import ndjson_block
from tallystick.intake.sources.lines import Lines
from tallystick.intake.sources.packed import bytes_of, format_of, unpacked
from tallystick.intake.sources.parquet import parquet_source
from tallystick.intake.sources.refusals import refusing, refusing_each

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.intake.kinds import Kind


@contextmanager
def open_source(path: str, kind: Kind, spooled: IO[bytes] | None = None) -> Iterator[Source]:
    """Open a CSV, NDJSON or Parquet file by suffix, `.gz` and `.zst` too.

    `-` is CSV on standard input. `spooled` has the bytes of a path that can be read once only.
    Raises `FileRefused` where the file as a whole is not readable as facts of this kind.
    """
    suffix, packed = format_of(path)
    with ExitStack() as opened:
        with refusing(path, "cannot be read"):
            file = spooled or opened.enter_context(bytes_of(path))
            if spooled:
                spooled.seek(0)
            plain = opened.enter_context(unpacked(file, packed))
            source = (
                parquet_source(path, plain, kind)
                if suffix == ".parquet"
                else text_source(path, file, plain, kind, suffix)
            )
        yield source


def text_source(name: str, file: IO[bytes], plain: IO[bytes], kind: Kind, suffix: str) -> Source:
    """A file of lines as a source."""
    lines = Lines(plain)
    columns = kind.column_names
    blocks, first_line = lines.blocks(lambda text: ndjson_block(text, kind)), 1
    if suffix == ".csv":
        header = header_of(name, lines, kind)
        columns = header.columns
        check_columns(name, columns, kind)
        blocks, first_line = lines.blocks(lambda text: csv_block(text, header)), header.line + 1
    blocks = refusing_each(name, "cannot be read", blocks)
    return Source(name, share_of_bytes(file), columns, first_line, blocks)

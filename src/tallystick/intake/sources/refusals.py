"""What goes wrong in reading a file, as a refusal that names it."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import zstandard

from tallystick.core.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.intake.sources.blocks import Block

NOT_PACKED_SO = "it is damaged, or is not packed as its name says"
PACKED_OTHERWISE = "it is packed in a way that is not read: unpack it, or pack it by Deflate"
LOCKED = "it has a password"
CUT_OFF = "it ends before its data does"
DAMAGED = "it is damaged, or is not of the format that its name says"


@contextmanager
def refusing(name: str, what: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read, and nothing else, into a refusal that names it.

    Texts of the libraries are not repeated: they speak to those who know their code.
    """
    try:
        yield
    except (
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        zlib.error,
        zstandard.ZstdError,
    ) as error:
        message = f"{name}: {what}: {NOT_PACKED_SO}"
        raise FileRefused(message) from error
    except NotImplementedError as error:
        message = f"{name}: {what}: {PACKED_OTHERWISE}"
        raise FileRefused(message) from error
    except EOFError as error:
        message = f"{name}: {what}: {CUT_OFF}"
        raise FileRefused(message) from error
    except OSError as error:
        message = f"{name}: {what}: {error.strerror or DAMAGED}"
        raise FileRefused(message) from error
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,  # Polars panics on some damaged Parquet files
    ) as error:
        message = f"{name}: {what}: {DAMAGED}"
        raise FileRefused(message) from error


def refusing_each(
    name: str, what: str, blocks: Iterator[Callable[[], Block]]
) -> Iterator[Callable[[], Block]]:
    """Blocks that are read as before, with what goes wrong in reading them as a refusal."""

    def read(block: Callable[[], Block]) -> Block:
        with refusing(name, what):
            return block()

    with refusing(name, what):
        for block in blocks:
            yield partial(read, block)

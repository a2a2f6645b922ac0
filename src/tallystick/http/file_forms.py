"""Forms that carry a file: their fields, and the file streamed to the disk within a bound."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import falcon
from falcon.media.multipart import MultipartFormHandler, MultipartParseOptions

from tallystick.core.errors import FileRefused, InvalidValue, Refusal
from tallystick.http.bodies import BodyTooLarge, BodyTooSlow, discard, media_type_of
from tallystick.http.calls import WaitingForBody, call_of
from tallystick.http.cookies import ForeignForm
from tallystick.http.media_types import MULTIPART

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from falcon import Request
    from falcon.media.multipart import BodyPart, MultipartForm

FILE_FIELD = "file"
FILE_BYTES_MAX = 64 << 20
FIELDS_BYTES_MAX = 64 << 10
FIELD_BYTES_MAX = 8 << 10
FIELDS_MAX = 20
PART_BYTES = 256 << 10
NAME_LENGTH_MAX = 60  # the last characters of a longer name: the suffix is among them
NAMELESS = "file"


class SentFile(NamedTuple):
    """A file on the disk under the name that its sender gave it, and its SHA-256."""

    path: Path
    digest: str

    def without_folder(self, text: str) -> str:
        """A text about the file that names it as its sender does, and not where it lies here."""
        return text.replace(f"{self.path.parent}{os.sep}", "")


class FileForm:
    """A form with a file that is read part by part.

    `fields` has what was read so far, of a form that is refused too. `admit` is called once, with
    the fields that stand before the file, and raises where nothing more may be read.
    """

    def __init__(self, req: Request, admit: Callable[[dict[str, str]], None]) -> None:
        self.fields: dict[str, str] = {}
        self._req = req
        self._admit = admit

    def read(self, folder: Path) -> SentFile | None:
        """Read the whole form, its file into a folder; None where none was chosen.

        Raises `ForeignForm`, `BodyTooLarge`, `BodyTooSlow`, `InvalidValue`, or `FileRefused` where
        the disk does not take the file.
        """
        if media_type_of(self._req) != MULTIPART:
            raise ForeignForm  # the forms of our pages are sent so
        with WaitingForBody(self._req):  # the call takes its seat again before it is refused
            sent, refusal = self._received(folder)
        if refusal is not None:
            raise refusal
        return sent

    def _received(self, folder: Path) -> tuple[SentFile | None, Refusal | None]:
        """The file, and why the form is refused."""
        try:
            return self._read_parts(folder), None
        except Refusal as refusal:
            return None, refusal
        except (falcon.HTTPError, UnicodeDecodeError):
            call = call_of(self._req)
            if call is not None and call.is_too_slow:
                return None, BodyTooSlow()
            message = "the form cannot be read, or its end did not come; send it again"
            return None, InvalidValue(message)

    def _parts(self) -> MultipartForm:
        """The parts of the form, which are read from the body as they are asked for."""
        if self._req.content_length is None:
            message = "the form does not state its length"
            raise InvalidValue(message)
        options = MultipartParseOptions()
        options.max_body_part_count = FIELDS_MAX
        options.max_body_part_buffer_size = FIELD_BYTES_MAX
        bytes_read_max = min(self._req.content_length, FILE_BYTES_MAX + FIELDS_BYTES_MAX)
        return MultipartFormHandler(options).deserialize(
            self._req.stream, self._req.content_type, bytes_read_max
        )

    def _read_parts(self, folder: Path) -> SentFile | None:
        """Read the fields, and keep the file in a folder; None where there is none."""
        sent = None
        is_admitted = False
        for part in self._parts():
            if part.name != FILE_FIELD:
                self.fields[part.name or ""] = part.get_data().decode()
                continue
            if is_admitted:
                message = "the form may have one file"
                raise InvalidValue(message)
            self._admit(self.fields)
            is_admitted = True
            self._require_bounded()
            sent = _kept(part, folder)
        if not is_admitted:
            self._admit(self.fields)
        return sent

    def _require_bounded(self) -> None:
        """Raise `BodyTooLarge` where the form with its file is larger than it may be."""
        if (self._req.content_length or 0) > FILE_BYTES_MAX + FIELDS_BYTES_MAX:
            discard(self._req)
            message = f"the file must not be larger than {FILE_BYTES_MAX:,} bytes"
            raise BodyTooLarge(message)


def _kept(part: BodyPart, folder: Path) -> SentFile | None:
    """The file of a part, in a folder, for its owner alone; None where no file was chosen."""
    if not part.filename:
        return None
    path, digest = folder / plain_file_name(part.filename), sha256()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while piece := part.stream.read(PART_BYTES):
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        message = (
            f"the file {path.name}: the server cannot keep it while it is read: {error.strerror}"
        )
        raise FileRefused(message) from error
    return SentFile(path, digest.hexdigest())


def plain_file_name(text: str) -> str:
    """The name of a file as its sender gave it, without folders and what no line can show."""
    name = text.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter if letter.isprintable() else "_" for letter in name)
    return shown[-NAME_LENGTH_MAX:].lstrip(". ") or NAMELESS

"""In which encoding a text is, found by its first bytes, and its text in UTF-8."""

from __future__ import annotations

import codecs
import re
from typing import IO, TYPE_CHECKING, get_args

from tallystick.core.identifiers import shown
from tallystick.intake.mappings.mapping import Encoding
from tallystick.intake.sources import limits

if TYPE_CHECKING:
    from collections.abc import Callable

UTF_8 = "utf-8"
WINDOWS_1252 = "windows-1252"
SHIFT_JIS = "cp932"
MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
LOOKED_AT_BYTES = 512  # of a text that may be UTF-16: every other byte of plain letters is zero
CHARACTER_BYTES_MAX = 4
KANA = re.compile("[\u3041-\u30ff]")  # Japanese has them; bytes of old systems seldom look so
UNREADABLE = "tallystick-unreadable"
WORD = re.compile(rb"[A-Za-z]{0,20}[\x80-\xff][A-Za-z\x80-\xff]{0,20}")
OTHERS = f"one of {', '.join(get_args(Encoding))}"
"""The encodings that may be named."""
NAME_IT = f'name its encoding in a mapping file as encoding = "…", {OTHERS}'
"""What to do where the encoding of a text is not found."""


def _as_no_utf_8(error: UnicodeError) -> tuple[str, int]:
    """What cannot be read becomes what is not UTF-8 either, so that its line is refused."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(UNREADABLE, _as_no_utf_8)


class Text:
    """A file's text in UTF-8, without a byte order mark, and the encoding that it was in.

    The `hints` say what to look at where that had to be guessed.
    """

    def __init__(self, file: IO[bytes], encoding: str | None = None) -> None:
        self._file = file
        self._first = file.read(limits.BLOCK_BYTES)
        self.encoding = encoding or encoding_of(self._first)
        if self.encoding == "utf-16":
            is_big = self._first.startswith(codecs.BOM_UTF16_BE)
            self.encoding = "utf-16-be" if is_big else "utf-16-le"
        is_guessed = encoding is None and self.encoding == WINDOWS_1252
        self.hints = (_guessed_hint(self._first),) if is_guessed else ()
        self._decode = self._decoder()
        self._has_old_ends = b"\r" in self._first and b"\n" not in self._first
        self._is_begun = False

    def _decoder(self) -> Callable[[bytes, bool], bytes] | None:
        if self.encoding == UTF_8:
            return None
        decoder = codecs.getincrementaldecoder(self.encoding)(UNREADABLE)
        return lambda part, final: decoder.decode(part, final).encode(UTF_8, "surrogateescape")

    def read(self, size: int) -> bytes:
        """The next part of the text, empty at its end."""
        text, part = b"", b"\n"
        while part and not text:
            part, self._first = self._first or self._file.read(size), b""
            text = self._decode(part, not part) if self._decode else part
            if self._has_old_ends:  # as old systems, and spreadsheets for them, end a line
                text = text.replace(b"\r", b"\n")
        if self._is_begun:
            return text
        self._is_begun = True
        return text.removeprefix(codecs.BOM_UTF8)


def encoding_of(start: bytes) -> str:
    """The encoding of a text, by its first bytes.

    Where nothing is UTF-8 that is not ASCII, it is Windows-1252, or Japanese where it cannot be
    that. A text in which both stand is UTF-8, and its broken lines are refused.
    """
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    zeros = start[:LOOKED_AT_BYTES]
    if zeros.count(0) * 3 > len(zeros):
        first, second = any(zeros[::2]), any(zeros[1::2])
        return UTF_8 if first == second else "utf-16-le" if first else "utf-16-be"
    if start.isascii() or b"\0" in zeros:
        return UTF_8
    decoded = start.decode(UTF_8, "replace")
    cut_off = start[-CHARACTER_BYTES_MAX:]
    broken = decoded.count("\ufffd")
    if not broken or (broken == 1 and decoded.endswith("\ufffd") and not cut_off.isascii()):
        return UTF_8
    if _is_shift_jis(start):
        return SHIFT_JIS
    has_utf_8 = any(ord(letter) > 127 and letter != "\ufffd" for letter in set(decoded))  # noqa: PLR2004 - ASCII
    return UTF_8 if has_utf_8 or _has_no_letter(start) else WINDOWS_1252


def _guessed_hint(start: bytes) -> str:
    """What to say of a text in one of the encodings that are not told from Windows-1252."""
    words = (match[0].decode(WINDOWS_1252, "replace") for match in WORD.finditer(start))
    example = shown(next(words))
    return (
        f"the text is not UTF-8, and is read as Windows-1252: its first word with a letter beyond "
        f"ASCII is read as {example}. If that is wrong, {NAME_IT}"
    )


def _is_shift_jis(start: bytes) -> bool:
    """Whether a text is Japanese as spreadsheets write it there, and cannot be Windows-1252."""
    if not _has_no_letter(start):
        return False
    try:
        text = codecs.getincrementaldecoder(SHIFT_JIS)().decode(start)
    except UnicodeDecodeError:
        return False
    return KANA.search(text) is not None


def _has_no_letter(start: bytes) -> bool:
    """Whether a byte stands for nothing in Windows-1252."""
    return any(byte in start for byte in b"\x81\x8d\x8f\x90\x9d")

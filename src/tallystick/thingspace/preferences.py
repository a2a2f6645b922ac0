"""The header `Prefer` (RFC 7240): what a client would like an answer to have besides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcon import Request, Response

COVERAGE = "coverage"
REASONS = "reasons"
INCLUDABLE = (COVERAGE, REASONS)
"""What `Prefer: include=…` may name."""
PART = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


def included(req: Request) -> tuple[str, ...]:
    """What an answer is to include.

    It may be asked for as `include=a`, `include="a, b"` or `include=a,b`, among any other
    preferences.
    """
    wanted: set[str] = set()
    is_include = False
    for part in PART.findall(req.get_header("Prefer") or ""):
        name, has_value, value = part.partition(";")[0].partition("=")
        is_include = name.strip().lower() == "include" if has_value else is_include
        if is_include:
            words = value if has_value else name
            wanted.update(word.strip().lower() for word in words.strip().strip('"').split(","))
    return tuple(word for word in INCLUDABLE if word in wanted)


def say_applied(resp: Response, words: tuple[str, ...]) -> None:
    """Say which of them the answer includes; nothing where there is none."""
    if words:
        value = words[0] if len(words) == 1 else f'"{",".join(words)}"'
        resp.set_header("Preference-Applied", f"include={value}")

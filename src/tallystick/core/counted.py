"""Counts in words: `1 row`, `2,000 rows`."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {one if number == 1 else many}"

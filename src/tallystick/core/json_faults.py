"""What is wrong with a text that is no JSON, in words that do not speak of our parsers."""

from __future__ import annotations

TOO_DEEP = "it is nested too deeply"


def fault_of_json(error: Exception) -> str:
    """What a parser complained of, in a sentence's end."""
    return TOO_DEEP if isinstance(error, RecursionError) else str(error)

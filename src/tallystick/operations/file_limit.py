"""How many connections a worker may hold, by how many files the system lets it open."""

from __future__ import annotations

FILES_BESIDE = 256  # open files of a worker that are no connections of callers, at most


def connections_allowed(files_max: int) -> int:
    """The connections for which there are files, with a fifth of them left over."""
    return max(1, (files_max - FILES_BESIDE) * 4 // 5)

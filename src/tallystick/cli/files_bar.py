"""The progress bar of `tallystick import`: one for all files of a call."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tallystick.core.identifiers import printable
from tallystick.intake import STANDARD_INPUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.intake import Progress as FileProgress


class FilesBar:
    """The file at hand, the share of all files that is done, rows a second and the time left.

    Files count by their bytes, or each as one where the size of some is not known.
    """

    def __init__(self, paths: Sequence[str], bar: Progress) -> None:
        sizes = [_size_bytes(path) for path in paths]
        known = [size for size in sizes if size is not None]
        self._weights = known if len(known) == len(sizes) and any(known) else [1] * len(paths)
        self._bar = bar
        self._task = bar.add_task("", total=None, facts=0, rate=0.0)
        self._file = 0
        self._done = 0  # the weight of the files behind
        self._facts_before = 0
        self._facts = 0

    def begin(self, path: str) -> None:
        """This file, the next one, is at hand."""
        count = f" ({self._file + 1}/{len(self._weights)})" if len(self._weights) > 1 else ""
        self._bar.update(self._task, description=f"{printable(Path(path).name)}{count}")

    def show(self, progress: FileProgress) -> None:
        """So far the file at hand has come."""
        self._facts = self._facts_before + progress.facts
        done = (
            None
            if progress.share is None
            else self._done + self._weights[self._file] * progress.share
        )
        rate = self._facts / max(self._bar.tasks[0].elapsed or 0, 1e-3)
        total = None if done is None else sum(self._weights)
        self._bar.update(self._task, completed=done, total=total, facts=self._facts, rate=rate)

    def end(self) -> None:
        """The file at hand is done with."""
        self._done += self._weights[self._file]
        self._file += 1
        self._facts_before = self._facts

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Out of the way of what is printed in the block."""
        self._bar.stop()
        yield
        self._bar.start()


@contextmanager
def files_bar(paths: Sequence[str]) -> Iterator[FilesBar]:
    """A bar on standard error while the block runs, if that is a terminal that can show one."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(None),
        TaskProgressColumn(),
        TextColumn("{task.fields[facts]:,} facts"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,  # or what is printed to a file would go to the terminal
        redirect_stderr=False,
        disable=not console.is_interactive,
    ) as bar:
        yield FilesBar(paths, bar)


def _size_bytes(path: str) -> int | None:
    """A file's size; 0 of one that is not there, and None of what has none."""
    if path != STANDARD_INPUT and not Path(path).exists():
        return 0
    return Path(path).stat().st_size if Path(path).is_file() else None

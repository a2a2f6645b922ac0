"""The project's command as a process of its own: its seconds and its peak memory."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_S = 0.05


class Run(NamedTuple):
    """One run that has ended well; `cpu_s` are the processor's seconds, the system's among them."""

    seconds: float
    peak_mib: float
    printed: bytes
    cpu_s: float


def command(*words: str) -> list[str]:
    """The words that run the program of this interpreter's environment."""
    return [sys.executable, "-m", "tallystick", *words]


def undoubted(*words: str) -> list[str]:
    """The same program, whose imports look for no doubts."""
    return [sys.executable, "-m", "benchmarks.undoubted", *words]


def environment(address: str) -> dict[str, str]:
    """What tells the program its store."""
    return os.environ | {"TALLYSTICK_DATABASE": address}


def import_of(address: str, kind: str, file: Path, *options: str) -> Run:
    """`tallystick import` of one file."""
    return run(command("import", kind, str(file), "--json", *options), environment(address))


def run(words: Sequence[str], variables: dict[str, str]) -> Run:
    """Run a command to its end.

    The peak is the process's own, looked up while it runs: what the system says of an ended child
    may be what its parent had when it started it.
    """
    started, peak, cpu_before_s = time.perf_counter(), 0.0, _cpu_of_ended_s()
    with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE) as process:
        ended = os.pidfd_open(process.pid)
        while not select.select([ended], [], [], LOOK_S)[0]:
            peak = max(peak, memory_mib(process.pid, "VmHWM"))
        seconds = time.perf_counter() - started
        os.close(ended)
        assert process.stdout is not None
        printed = process.stdout.read()
    assert process.returncode == 0, f"{' '.join(words)}: exit status {process.returncode}"
    return Run(seconds, peak, printed, _cpu_of_ended_s() - cpu_before_s)


def _cpu_of_ended_s() -> float:
    """The processor's seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_mib(process: int, row: str) -> float:
    """The memory of a process and its children: VmRSS now, VmHWM at its highest."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
        return sum(_mib(pid, row) for pid in [str(process), *children])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended meanwhile


def _mib(pid: str, row: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(row)), 0.0)

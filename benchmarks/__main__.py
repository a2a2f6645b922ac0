"""`python -m benchmarks`: measure, and print the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path

import apsw

from benchmarks.figures import table
from benchmarks.imports import imports
from benchmarks.live import live
from benchmarks.wire import memory, wire

BENCHMARKS = {"wire": wire, "memory": memory, "import": imports, "live": live}


def main() -> None:
    """Run the benchmarks that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sims", type=int, default=1_000_000, help="size of the larger store")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="may be given several times")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "tallystick-benchmarks")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args()
    given.data.mkdir(parents=True, exist_ok=True)
    figures = [each for name in given.only or BENCHMARKS for each in BENCHMARKS[name](given.data, given.sims)]
    if given.json:
        print(json.dumps([each._asdict() for each in figures]))
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}\n")
    print(table(figures))


if __name__ == "__main__":
    main()

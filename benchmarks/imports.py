"""`tallystick import activations`, with detection, beside `sqlite3 .import` into a bare table, without."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, figure, in_turn
from benchmarks.served import make_fleet
from tallystick.intake import import_file
from tallystick.store import open_store
from tallystick.synth import Format
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
BARE = "CREATE TABLE activations (iccid, imei, activated_at);\n.mode csv\n.import --skip 1 {file} activations\n"


def imports(folder: Path, sims: int) -> list[Figure]:
    """The same activations into an empty table of ours, from CSV and from Parquet, and into a bare one."""
    csv, parquet = (make_fleet(folder, sims, output)["activations"] for output in (Format.CSV, Format.PARQUET))
    start = _store_without_activations(folder, sims)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target = Path(place) / "target.db"
        bare = Path(place) / "bare.db"
        ours, columns, theirs = in_turn(
            ROUNDS, _ours(start, target, csv), _ours(start, target, parquet), _theirs(bare, csv)
        )
        lines = _ours(start, target, csv)()["read"]
        grown = target.stat().st_size - start.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rates = [[lines / seconds / 1e6 for seconds in runs] for runs in (ours, columns, theirs)]
    floor = figure(f"sqlite3 .import of {lines:,} lines, bare table", "M/s", rates[2])
    from_csv, from_parquet = (figure(what, "M/s", runs) for what, runs in zip(("CSV", "Parquet"), rates, strict=False))
    return [
        *(
            each._replace(what=f"import activations, {each.what}", ratio=f"{each.median / floor.median:.2f} x .import")
            for each in (from_csv, from_parquet)
        ),
        floor,
        figure("disk for each activation, log and mismatches included", "bytes", [grown / lines]),
        figure("peak memory", "MiB", [peak]),
    ]


def _store_without_activations(folder: Path, sims: int) -> Path:
    path = folder / f"waiting-{sims}.db"
    if not path.exists():
        files = make_fleet(folder, sims, Format.PARQUET)
        with open_store(f"sqlite:///{path}", wire_row) as store:
            store.init("UTC")
            for kind in ("sims", "expectations"):
                import_file(store, kind, str(files[kind]))
    return path


def _ours(start: Path, target: Path, file: Path) -> Callable[[], dict[str, int]]:
    def run() -> dict[str, int]:
        environment = os.environ | {"TALLYSTICK_DATABASE": f"sqlite:///{target}"}
        command = [sys.executable, "-m", "tallystick", "import", "activations", str(file), "--json"]
        shutil.copy(start, target)  # a copy takes a twentieth of the time, and counts against us
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        return dict(json.loads(done.stdout))

    return run


def _theirs(bare: Path, file: Path) -> Callable[[], object]:
    def run() -> None:
        bare.unlink(missing_ok=True)
        subprocess.run(["sqlite3", str(bare)], input=BARE.format(file=file).encode(), check=True)

    return run

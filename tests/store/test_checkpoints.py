"""SQLite's log is carried over whatever happens to the disk meanwhile.

The limit of a file's size stands for a disk that is full: a limit of the process, which needs no
rights, and which is lifted again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.store.few import start

if TYPE_CHECKING:
    from pathlib import Path

ON_A_FULL_DISK = """
import json, resource, sys, time
from pathlib import Path
from tallystick.background import Loops
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.store import open_store
from tallystick.store.engines import checkpoints
from tallystick.thingspace.rows import wire_row

def wait_until(is_so):
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until, "it does not come about"
        time.sleep(0.02)

class Timer:
    now = 0.0
    def __call__(self):
        return self.now

def activations(first, count):
    imei = Imei.parse("352099001761481")
    return [SimActivation(Iccid.parse(f"89{n:016}"), Moment(n), imei) for n in range(first, first + count)]

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

url, path = sys.argv[1], Path(sys.argv[2])
checkpoints.PAGES_NUDGE = 10
with open_store(url, wire_row) as store:
    store.init("UTC")
    with store.transaction() as writer:
        writer.take(SimActivation, activations(0, 100_000))
size = path.stat().st_size
timer = Timer()
loops = Loops(timer, lambda failures: 0.01)
with open_store(url, wire_row, loops) as store:
    limit(size)
    for first in range(100_000, 120_000, 1_000):
        with store.transaction() as writer:
            writer.take(SimActivation, activations(first, 1_000))
    time.sleep(0.2)
    timer.now = 61
    wait_until(lambda: loops.failing())
    failing = [work.name for work in loops.failing()]
    size_when_full = path.stat().st_size
    limit(resource.RLIM_INFINITY)
    wait_until(lambda: path.stat().st_size > size)
    wait_until(lambda: not loops.failing())
    with store.snapshot() as reader:
        kept = reader.counts().activations
    print(json.dumps({"failing": failing, "grown": size_when_full - size, "kept": kept}))
"""


def test_the_log_is_carried_over_again_when_a_full_disk_has_room(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    process = start(ON_A_FULL_DISK, f"sqlite:///{path}", str(path))
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(out) == {"failing": ["checkpoints"], "grown": 0, "kept": 120_000}

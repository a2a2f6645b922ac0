"""No file takes more than some memory, however little it is packed into."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pytest
import zstandard

from tallystick.intake import KINDS
from tallystick.intake.checking import check_source
from tallystick.intake.sources import limits, open_source

if TYPE_CHECKING:
    from pathlib import Path

tells_its_peak = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
HEADER = b"iccid,imei,activated_at\n"
MEBIBYTE = 1 << 20
BAD_LINES = 1 << 19  # which take 230 MiB where all are held
# Reads a file, gives its good and bad lines, and by how many MiB that raised the peak of memory.
# Blocks have few lines here: a file that shows what whole blocks take is read for a minute.
LINES_A_BLOCK = 1 << 15
READ = f"""
import sys
from pathlib import Path
from tallystick.intake import KINDS
from tallystick.intake.checking import check_source
from tallystick.intake.sources import limits, open_source

limits.LINES_A_BLOCK_MAX = {LINES_A_BLOCK}

def peak_mib():
    # What getrusage tells is no less than what the process had that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10

kind, facts, rejects, before = KINDS["activations"], 0, 0, peak_mib()
with open_source(sys.argv[1], kind) as source:
    for checked in check_source(source, kind):
        facts += len(checked.facts)
        rejects += len(checked.rejects)
print(facts, rejects, peak_mib() - before)
"""


def read_in_a_process_of_its_own(path: Path) -> tuple[int, ...]:
    """Good lines, bad lines, and how many MiB of memory reading them took."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(map(int, done.stdout.split()))


@tells_its_peak
def test_a_gibibyte_packed_into_a_few_bytes_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.zst"
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    parts = [HEADER, *[b"x" * (16 * MEBIBYTE)] * 64]
    packed = [packer.compress(part) for part in parts]
    path.write_bytes(b"".join(packed) + packer.flush())
    assert path.stat().st_size < 50_000
    facts, rejects, mib = read_in_a_process_of_its_own(path)
    assert (facts, rejects) == (0, 1)
    assert mib < 250


@tells_its_peak
def test_the_rows_of_a_parquet_file_are_never_held_whole(tmp_path: Path) -> None:
    path, rows = tmp_path / "a.parquet", 10_000_000
    row = {
        "iccid": "89148000000800000001",
        "imei": "352099001761481",
        "activated_at": "2026-03-01T00:00:00Z",
    }
    columns = [pl.repeat(text, rows, eager=True).alias(name) for name, text in row.items()]
    pl.DataFrame(columns).write_parquet(path, row_group_size=rows)
    assert path.stat().st_size < 50_000
    facts, rejects, mib = read_in_a_process_of_its_own(path)
    assert (facts, rejects) == (rows, 0)
    assert mib < 250


@tells_its_peak
def test_bad_lines_are_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"x\n" * BAD_LINES)
    facts, rejects, mib = read_in_a_process_of_its_own(path)
    assert (facts, rejects) == (0, BAD_LINES)
    assert mib < 150


def test_a_long_text_that_a_parquet_file_repeats_is_cut_like_a_long_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(limits, "LINE_BYTES_MAX", 1_000)
    path = tmp_path / "a.parquet"
    iccids = [f"891480000008000000{number:02}" for number in range(50)]
    imeis = ["352099001761481" if number % 2 else "3" * 2_000 for number in range(50)]
    moments = ["2026-03-01"] * 50
    pl.DataFrame({"iccid": iccids, "imei": imeis, "activated_at": moments}).write_parquet(path)
    kind = KINDS["activations"]
    with open_source(str(path), kind) as source:
        blocks = list(check_source(source, kind))
    rejects = [reject for block in blocks for reject in block.rejects]
    assert len(blocks) > 4
    assert [reject.line for reject in rejects] == list(range(1, 51, 2))
    assert {reject.reason for reject in rejects} == {"the line is longer than 1,000 bytes"}
    assert sum(len(block.facts) for block in blocks) == 25


@pytest.mark.parametrize("lines_a_block", [1, 3, 7])
def test_lines_keep_their_numbers_however_few_of_them_a_block_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines_a_block: int
) -> None:
    monkeypatch.setattr(limits, "LINES_A_BLOCK_MAX", lines_a_block)
    monkeypatch.setattr(limits, "LINES_A_FRAME", 2)
    path = tmp_path / "a.csv"
    good = b'8914800000080000000%d,"352099001761481",2026-03-01\n'
    lines = [b"\n" if number % 3 == 0 else good % (number % 10) for number in range(40)]
    path.write_bytes(HEADER + b"".join(lines) + b"bad\n")
    kind = KINDS["activations"]
    with open_source(str(path), kind) as source:
        blocks = list(check_source(source, kind))
    assert max(block.lines for block in blocks) <= lines_a_block
    assert [reject.line for block in blocks for reject in block.rejects] == [42]
    assert sum(len(block.facts) for block in blocks) == 26

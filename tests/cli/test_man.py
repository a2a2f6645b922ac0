from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from docs.generate import command_tree

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_the_manual_page_has_every_command_and_every_option(run: Run) -> None:
    page = run("man").stdout
    assert page.isascii()
    for path, command in command_tree():
        if path[1:] and not getattr(command, "commands", {}):
            heading = rf".SS \fB{' '.join(path)}\fR".replace("-", r"\-")
            _, _, behind = page.partition(f"\n{heading}")
            section = behind.partition("\n.S")[0]
            assert command.help.split()[0] in section
            for option in (each for each in command.params if each.param_type_name == "option"):
                assert rf"\fB{option.opts[0]}".replace("-", r"\-") in section
    assert r"\fB\-\-format\fR \fItable|json|csv|ndjson|parquet\fR" in page
    assert r"\fB\-\-rejects\fR \fIPATH\fR" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_roff_reads_the_manual_page_without_a_warning(run: Run) -> None:
    command = ["groff", "-man", "-ww", "-z"]
    page = run("man").stdout
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""

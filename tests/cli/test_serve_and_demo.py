from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.serving import free_port

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Start

START_S_MAX = 60
IN_USE = os.strerror(errno.EADDRINUSE)
BASH = shutil.which("bash")


@pytest.fixture
def port() -> str:
    return str(free_port())


def wait_until_it_answers(port: str, host: str = "127.0.0.1") -> None:
    for _ in range(START_S_MAX * 10):
        try:
            with urlopen(f"http://{host}:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    message = f"nothing answers at port {port}"
    raise TimeoutError(message)


def test_serve_makes_the_store_if_told_and_answers_until_interrupted(
    start: Start, port: str
) -> None:
    process = start("serve", "--create", "--host", "::1", "--port", port)
    assert process.stdout
    said = process.stdout.readline().decode()
    assert said.startswith(f"Serving tallystick.db at http://[::1]:{port}, workers: 1.")
    wait_until_it_answers(port, "[::1]")
    assert Path("tallystick.db").exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(START_S_MAX) == 0


def test_a_port_that_somebody_listens_on_is_refused_with_the_ways_to_name_another(
    run: Run,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        refused = run("serve", "--create", "--port", str(taken))
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"error: cannot listen on 127.0.0.1 port {taken}: {IN_USE}; change TALLYSTICK_HOST or "
        "TALLYSTICK_PORT, or give another --port\n"
    )


@pytest.mark.skipif(
    not (BASH and shutil.which("curl")), reason="the calls that are printed are made with curl"
)
def test_the_calls_that_demo_prints_work_as_pasted_and_answer_as_told(
    start: Start, run: Run, port: str
) -> None:
    Path("tallystick-demo.db").write_bytes(b"left over from another run")
    process = start("demo", "--port", port)
    assert process.stdout
    printed: list[str] = []
    while not printed or "Serving at" not in printed[-1]:
        line = process.stdout.readline().decode()
        assert line, f"it ended early: {printed}"
        printed.append(line)
    wait_until_it_answers(port)
    pasted = "".join(line for line in printed[1:-1])
    answered = subprocess.run(
        [str(BASH)], input=pasted.encode(), capture_output=True, check=True
    ).stdout.decode()
    told = [line.removeprefix("#   ") for line in printed if line.startswith("#   ")]
    assert answered == "".join(told)
    assert told[-2] == "1 row\n"
    assert "'postImei': '987603420573553'" in told[-1]
    assert int(told[0].split()[0]) > 100
    assert run("verify", env={"TALLYSTICK_DATABASE": "sqlite:///tallystick-demo.db"}).exit_code == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(START_S_MAX) == 0

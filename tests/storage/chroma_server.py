"""A real Chroma server on the loopback, of the installed wheel; it can be killed and restarted."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

_SECONDS = 180.0


class ChromaProcess:
    """A server in a process of its own, with its data in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.address = f"chroma+{self.url}"

    def start(self) -> None:
        program = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"
        options = ["--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port)]
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "log.txt"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, "run", *options],
                stdout=output,
                stderr=output,
                env=os.environ,
            )
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/api/v2/heartbeat", timeout=1).is_success:
                    return
            assert self._process.poll() is None, log.read_text(errors="replace")
            time.sleep(0.05)
        raise AssertionError("the Chroma server did not start")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def collections(self) -> dict[str, int]:
        """Return how many vectors each collection holds."""
        base = f"{self.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
        with httpx.Client() as client:
            listed = client.get(base, params={"limit": 1000}).json()
            return {
                one["name"]: int(client.get(f"{base}/{one['id']}/count").text) for one in listed
            }

"""Secrets of a command line: in no file, no message and no folder that a killed run leaves."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.durability import programs
from tests.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]
SECRET = "geheim"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder with a short path, as they have: a socket's path must fit into it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_killed_ingest_leaves_no_secret(tmp_path: Path, temporary: Path) -> None:
    data, gate = tmp_path / "data", threading.Event()
    docs = programs.write_folder(tmp_path / "docs", 30, 1, seed=1)  # read in worker processes
    with OpenAIServer(gate=gate) as server:
        env = programs.environment(
            data, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk-test", TMPDIR=temporary
        )
        line = programs.command("ingest", docs, "--password", SECRET)
        with programs.started(line, env) as holder:
            programs.wait_until(lambda: server.requests, "a request")
            refused = programs.run("ingest", docs, "--lock-timeout", "0", env=env)
            assert refused.returncode == 6
            assert f"process {holder.pid} " in refused.stderr
            assert "--password ********" in refused.stderr
            assert SECRET not in refused.stderr
            holder.send_signal(signal.SIGKILL)
            _, said = holder.communicate()
            assert "KNOW_PASSWORDS_FILE" in said
            assert SECRET not in said
        [left] = data.glob("locks/*.holder")
        assert SECRET not in left.read_text()
        assert SECRET not in (data / "catalog.db").read_bytes().decode("latin-1")
        for path in temporary.iterdir():
            os.utime(path, (0, 0), follow_symlinks=False)
        gate.set()
        assert programs.run("ingest", docs, "--lock-timeout", "0", env=env).returncode == 0
    assert not list(temporary.iterdir())


def test_the_history_of_a_failed_run_holds_no_login(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 1, 1, seed=1)
    env = programs.environment(
        data,
        OPENAI_BASE_URL=f"http://bob:{SECRET}@127.0.0.1:9/v1",
        OPENAI_API_KEY="sk-test",
        KNOW_EMBEDDING_RETRIES=0,
    )
    started = time.monotonic()
    done = programs.run("ingest", docs, env=env)
    assert time.monotonic() - started < programs.LIMIT
    assert done.returncode == 5, done.stderr
    assert SECRET not in done.stderr + done.stdout
    with closing(sqlite3.connect(data / "catalog.db")) as sql:
        told = [row[0] or "" for row in sql.execute("SELECT report FROM runs")]
    assert SECRET not in "".join(told)

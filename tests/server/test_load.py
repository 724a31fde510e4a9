"""Many clients at once, while datasets are written and processes die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.conftest import environment, write_files

pytestmark = pytest.mark.slow

CLIENTS, SECONDS = 64, 5.0


@pytest.fixture
def server():
    """`knowledge serve` in a process of its own: (process, address)."""
    command = [sys.executable, "-m", "knowledge", "serve", "--port", "0", "--log", "off"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    line = process.stdout.readline()
    assert line.startswith("serving on ")
    yield process, line.split()[-1]
    process.kill()
    process.wait()
    process.stdout.close()


def ask(url, until):
    """Ask until it is time; return the statuses and seconds of all replies."""
    found = []
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while time.monotonic() < until:
            started = time.monotonic()
            reply = client.get("/api/v1/retrieve", params={"query": "signing key", "top_k": 3})
            found.append((reply.status_code, time.monotonic() - started))
            assert reply.json()["hits"][0]["name"] == "keys.md"
    return found


def test_many_clients_get_answers_while_an_ingest_runs_and_dies(library, server, tmp_path):
    process, url = server
    write_files(tmp_path / "more", {f"{n}.txt": f"text {n} about gardens" for n in range(2_000)})
    ask(url, time.monotonic() + 1)
    before = psutil.Process(process.pid).memory_info().rss
    until = time.monotonic() + SECONDS

    def write():
        while time.monotonic() < until:
            command = [sys.executable, "-m", "knowledge", "ingest", str(tmp_path / "more"), "-q"]
            writer = subprocess.Popen(command, env=environment(), start_new_session=True)
            time.sleep(SECONDS / 3)
            if writer.poll() is None:
                os.killpg(writer.pid, signal.SIGKILL)  # its readers too
            writer.wait()

    writing = threading.Thread(target=write)
    writing.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = [
            one for part in pool.map(lambda _: ask(url, until), range(CLIENTS)) for one in part
        ]
    writing.join()
    assert {status for status, _ in found} == {200}
    assert len(found) > CLIENTS
    grown = psutil.Process(process.pid).memory_info().rss - before
    assert grown < 300 * 2**20


def test_a_server_that_is_killed_loses_nothing(library, server, run):
    process, url = server
    with httpx.Client(base_url=url, trust_env=False) as client:
        for number in range(3):
            path = f"/api/v1/datasets/new/files?name={number}.txt"
            job = client.post(path, content=f"apples {number}".encode()).json()["job"]
            while client.get(f"/api/v1/jobs/{job['id']}").json()["job"]["state"] != "done":
                time.sleep(0.05)
        client.post("/api/v1/datasets/new/files?name=9.txt", content=b"pears " * 100_000)
    process.kill()
    process.wait()
    assert len(run("list-files", "-d", "new", "--json").json["files"]) >= 3
    assert run("doctor", "--offline", "--json").code == 0
    assert run("retrieve", "apples", "-d", "new", "--json").json["hits"]


def test_sigterm_ends_it_with_0(library, server):
    process, url = server
    ask(url, time.monotonic() + 0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0

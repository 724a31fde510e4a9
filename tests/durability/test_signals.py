"""Ctrl-C and SIGTERM: files that were complete are published, nothing is half-visible."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.durability import programs
from tests.durability.invariants import check_clean, check_readable
from tests.openai_server import OpenAIServer, Reply, Request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has other signals"),
]

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SIGNALS = pytest.mark.parametrize("number", CODES)
ANSWERED = 3
SOON = 45.0
"""Seconds; much less than an answer may take."""


def stuck_after(answered: int, gate: threading.Event) -> Callable[[Request], Reply | None]:
    """Answer so many requests; let the others wait."""
    lock, count = threading.Lock(), [0]

    def script(_: Request) -> None:
        with lock:
            count[0] += 1
            waits = count[0] > answered
        if waits:
            gate.wait(600)

    return script


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that answers a few requests and lets all others wait until the gate is open."""
    gate = threading.Event()
    with OpenAIServer(script=stuck_after(ANSWERED, gate)) as running:
        running.opened = gate
        yield running
        gate.set()


def slow_environment(data: Path, server: OpenAIServer) -> dict[str, str]:
    """Return an environment in which each text is a request, one after the other."""
    return programs.environment(
        data,
        OPENAI_BASE_URL=server.base_url,
        OPENAI_API_KEY="sk-test",
        KNOW_EMBEDDING_BATCH_SIZE=1,
        VS_EMBEDDING_PARALLEL_THREAD=1,
    )


@pytest.mark.parametrize(
    ("number", "files"),
    [(signal.SIGINT, 5), (signal.SIGINT, 40), (signal.SIGTERM, 5)],
    ids=["while it waits", "while it reads", "SIGTERM"],
)
def test_complete_files_are_published(
    tmp_path: Path, server: OpenAIServer, number: signal.Signals, files: int
) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", files, 1, seed=1)
    env = slow_environment(data, server)
    with programs.started(programs.command("ingest", docs), env) as process:
        programs.wait_until(lambda: len(server.requests) > ANSWERED, "a request that waits")
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)  # although the answer never comes
    assert process.returncode == CODES[number], err
    assert "Traceback" not in err
    assert "Exception" not in err
    state = check_clean(data)
    assert len(state.files) == ANSWERED
    assert state.generation == 1

    server.opened.set()
    before = len(server.requests)
    report = programs.run_json("ingest", docs, env=env)
    assert report["files"]["unchanged"] == ANSWERED
    assert report["files"]["ingested"] == files - ANSWERED
    assert len(server.requests) - before == files - ANSWERED
    assert len(check_clean(data).files) == files


@pytest.mark.parametrize("files", [5, 40], ids=["while it waits", "while it reads"])
def test_a_second_signal_does_no_harm(tmp_path: Path, server: OpenAIServer, files: int) -> None:
    number = signal.SIGINT
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", files, 1, seed=1)
    env = slow_environment(data, server)
    with programs.started(programs.command("ingest", docs), env) as process:
        programs.wait_until(lambda: len(server.requests) > ANSWERED, "a request that waits")
        process.send_signal(number)
        time.sleep(0.3)
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)
    assert process.returncode in (CODES[number], -number), err
    assert len(check_readable(data).files) in (0, ANSWERED)
    server.opened.set()
    programs.run_json("ingest", docs, env=env)
    assert len(check_clean(data).files) == files


@SIGNALS
def test_a_signal_while_waiting_for_the_lock(tmp_path: Path, number: signal.Signals) -> None:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.storage.lock import write_lock

    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 2, 1, seed=1)
    with KnowledgeBase.open(data) as kb:
        kb.ingest(docs)
        lock = kb.folder.lock(kb.dataset("default").key)
    before = check_clean(data)
    with write_lock(lock, "default", 0, print):
        line = programs.command("ingest", docs, "--force")
        with programs.started(line, programs.environment(data)) as process:
            assert process.stderr.readline().startswith("waiting for process")
            process.send_signal(number)
            _, err = process.communicate(timeout=programs.LIMIT)
        assert process.returncode == CODES[number]
        assert "Traceback" not in err
    assert check_clean(data) == before


@SIGNALS
def test_a_signal_at_any_moment_of_the_writing(tmp_path: Path, number: signal.Signals) -> None:
    """Whole files only, whenever it comes; what is missing comes with the next run."""
    docs = programs.write_folder(tmp_path / "docs", 40, 30, seed=1)
    calm = programs.environment(tmp_path / "calm")
    line = programs.command("ingest", docs, "--quiet")
    seconds = programs.seconds_of_writing(line, calm)
    whole = check_clean(tmp_path / "calm").files
    data = tmp_path / "data"
    env = programs.environment(data)
    for part in range(3):
        with programs.started(line, env) as process:
            programs.wait_until(
                lambda process=process: (
                    process.poll() is not None or programs.holds_lock(data, process.pid)
                ),
                "the lock",
            )
            timer = threading.Timer(seconds * (part + 0.5) / 3, process.send_signal, (number,))
            timer.start()
            _, err = process.communicate(timeout=programs.LIMIT)
            timer.join()
        # The very end of a process has the default handlers again.
        assert process.returncode in (0, CODES[number], -number), err
        assert "Traceback" not in err
        if not programs.run_json("list-datasets", env=env)["datasets"]:
            continue  # it was made for this run, from which nothing came
        for path, chunks in check_clean(data).files.items():
            assert chunks == whole[path], f"{path} is half-written"
    programs.run_json("ingest", docs, env=env)
    assert check_clean(data).files == whole

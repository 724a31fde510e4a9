"""Ctrl-C and SIGTERM: files that were complete are published, nothing is half-visible."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests import hostile_server as hostile
from tests.durability import programs
from tests.durability.invariants import check_clean, check_readable
from tests.openai_server import OpenAIServer, Reply, Request
from tests.storage.chroma_server import ChromaProcess

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
    [(signal.SIGTERM, 5), (signal.SIGINT, 40)],
    ids=["while it waits", "while it reads"],
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
    from knowledge.storage.local.lock import write_lock

    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 2, 1, seed=1)
    with KnowledgeBase.open(data) as kb:
        kb.ingest(docs)
        lock = kb._shared.store.folder.lock(kb.datasets.get("default").key)
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


def test_a_signal_at_any_moment_of_the_writing(tmp_path: Path) -> None:
    """Whole files only, whenever it comes; what is missing comes with the next run."""
    docs = programs.write_folder(tmp_path / "docs", 40, 30, seed=1)
    calm = programs.environment(tmp_path / "calm")
    line = programs.command("ingest", docs, "--quiet")
    seconds = programs.seconds_of_writing(line, calm)
    whole = check_clean(tmp_path / "calm").files
    data = tmp_path / "data"
    env = programs.environment(data)
    for part, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGINT)):
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


COMMANDS = {
    "ingest": ("ingest", "{docs}", "--force"),
    "watch": ("watch", "{docs}"),
    "retrieve": ("retrieve", "a new question"),
    "rerank": ("retrieve", "amber", "--mode", "keyword", "--rerank", "{url}"),
    "ask": ("ask", "amber", "--mode", "keyword"),
    "embed": ("embed", "amber"),
    "models test": ("models", "test", "openai"),
    "eval": ("eval", "default", "--queries", "{questions}"),
    "reembed": ("reembed", "default", "--embedding-model-provider", "openai:other"),
    "page": ("ingest", "{url}/page", "--allow-private-hosts"),
    "repository": ("ingest", "git+{tls}/o/r.git"),
}
DIES_WITHIN = 20.0
"""Seconds, on a busy machine; the requests may take 120."""

HANGING_LOOK_UP = """
import ctypes, os, socket

mutex, real = ctypes.create_string_buffer(256), socket.getaddrinfo

def getaddrinfo(host, *args, **kwargs):
    if host == "hangs.test":  # in C, where no signal ends it
        open(os.environ["LOOKED_UP"], "w").close()
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
    return real(host, *args, **kwargs)

socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents, questions for them, and a data folder that holds them."""
    home = tmp_path_factory.mktemp("filled")
    programs.write_folder(home / "docs", 3, 1, seed=1)
    programs.write_text(home / "docs" / "amber.txt", "The amber lamp stands in the hall.")
    (home / "questions.jsonl").write_text('{"question": "amber", "file": "file0.txt"}\n')
    with OpenAIServer() as running:
        env = programs.environment(
            home / "data",
            OPENAI_BASE_URL=running.base_url,
            OPENAI_API_KEY="sk-test",
            KNOW_EMBEDDING_MODEL_PROVIDER="openai",
            KNOW_EMBEDDING_CACHE=0,
        )
        programs.run_json("ingest", home / "docs", env=env)
    return home


def ended_by(
    number: signal.Signals,
    name: str,
    filled: Path,
    data: Path,
    url: str,
    begun: Callable[[], object],
    **variables: object,
) -> None:
    """Start a command, send it a signal when it has begun to wait; it must end at once."""
    shutil.copytree(filled / "data", data)
    docs = shutil.copytree(filled / "docs", data.with_name("docs"))
    (docs / "new.txt").write_text("What a watch finds new is embedded.\n")
    env = programs.environment(
        data,
        OPENAI_BASE_URL=url,
        OPENAI_API_KEY="sk-test",
        OPENAI_MODEL="m",
        KNOW_EMBEDDING_MODEL_PROVIDER="openai",
        KNOW_EMBEDDING_CACHE=0,
        **variables,
    )
    places = {
        "docs": docs,
        "url": url,
        "tls": url.replace("http://", "https://"),
        "questions": filled / "questions.jsonl",
    }
    line = programs.command(*[part.format(**places) for part in COMMANDS[name]])
    with programs.started(line, env) as process:
        programs.wait_until(lambda: begun() or process.poll() is not None, "a request that waits")
        time.sleep(0.2)
        assert process.poll() is None, process.communicate()
        started = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)
        seconds = time.monotonic() - started
    assert process.returncode == CODES[number], err
    assert "Traceback" not in err
    assert seconds < DIES_WITHIN
    check_clean(data)


def in_turn(*names: str) -> pytest.MarkDecorator:
    """Give each command one of the signals: they are handled in one place."""
    return pytest.mark.parametrize(("name", "number"), list(zip(names, cycle(CODES), strict=False)))


@in_turn(*(name for name in COMMANDS if name != "repository"))
def test_a_signal_ends_a_request_under_way(
    tmp_path: Path, filled: Path, name: str, number: signal.Signals
) -> None:
    behaviour = hostile.silent if number == signal.SIGINT else hostile.dripping
    with hostile.HostileServer(behaviour) as running:
        begun = lambda: running.connections  # noqa: E731
        ended_by(number, name, filled, tmp_path / "data", running.url, begun)


@in_turn("ingest", "retrieve", "ask", "embed", "reembed", "watch")
def test_a_signal_ends_a_pause_before_another_try(
    tmp_path: Path, filled: Path, name: str, number: signal.Signals
) -> None:
    with OpenAIServer(script=lambda _: Reply(503, "busy", {"Retry-After": "100"})) as running:
        begun = lambda: running.requests  # noqa: E731
        ended_by(number, name, filled, tmp_path / "data", running.base_url, begun)


@in_turn("ingest", "retrieve", "ask", "embed", "page", "repository")
def test_a_signal_ends_the_look_up_of_a_name(
    tmp_path: Path, filled: Path, name: str, number: signal.Signals
) -> None:
    mark = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(HANGING_LOOK_UP)
    ended_by(
        number,
        name,
        filled,
        tmp_path / "data",
        "http://hangs.test",
        mark.exists,
        PYTHONPATH=tmp_path,
        LOOKED_UP=mark,
    )


@SIGNALS
def test_a_signal_ends_what_waits_for_a_server_of_vectors(
    tmp_path: Path, number: signal.Signals
) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 400, 1, seed=1)
    chroma = ChromaProcess(tmp_path / "chroma")
    chroma.start()
    try:
        env = programs.environment(data, KNOW_VECTORS=chroma.address)
        with programs.started(programs.command("ingest", docs), env) as process:
            programs.wait_until(lambda: programs.holds_lock(data, process.pid), "a writer")
            chroma.signal(signal.SIGSTOP)
            time.sleep(1.0)  # nothing it asks is answered any more
            process.send_signal(number)
            _, err = process.communicate(timeout=SOON)
        assert process.returncode == CODES[number], err
        assert "Traceback" not in err
        chroma.signal(signal.SIGCONT)
        programs.run_json("ingest", docs, env=env)
        assert len(programs.run_json("list-files", env=env)["files"]) == 400
        assert programs.run("doctor", env=env).returncode == 0
    finally:
        chroma.kill()

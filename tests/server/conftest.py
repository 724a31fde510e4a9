"""A server on a real port, in a thread of the tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from knowledge.server.options import ServeRequest
from knowledge.server.serving import Started, serve
from knowledge.settings.reading import Settings


@dataclass
class Running:
    """A server that runs, and a client of it."""

    started: Started
    lines: list[str]
    client: httpx.Client
    thread: threading.Thread
    data: str = ""
    failed: list[BaseException] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.started.url

    def stop(self) -> None:
        self.started.stop()
        self.thread.join(40)
        assert not self.thread.is_alive()
        self.client.close()


def start(token: str = "", **options) -> Running:
    """Start a server on a free port; ``settings`` are those of the environment, with flags."""
    flags = options.pop("flags", {})
    lines: list[str] = []
    ready = threading.Event()
    started: list[Started] = []
    failed: list[BaseException] = []

    def told(one: Started) -> None:
        started.append(one)
        ready.set()

    def run() -> None:
        try:
            settings = Settings.read(**flags)
            serve(ServeRequest(**{"port": 0, **options}), settings, log=lines.append, ready=told)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    if failed:
        raise failed[0]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = httpx.Client(base_url=started[0].url, headers=headers, timeout=30, trust_env=False)
    return Running(started[0], lines, client, thread, flags.get("data_dir", ""), failed)


@pytest.fixture
def served() -> Iterator:
    """Start servers: ``served(read_only=True)``; they end with the test."""
    running: list[Running] = []

    def call(**options) -> Running:
        running.append(start(**options))
        return running[-1]

    yield call
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, ingested_once):
    """One server for all tests of a module that only read: the small folder's dataset."""
    import shutil

    data = tmp_path_factory.mktemp("shared") / "data"
    shutil.copytree(ingested_once[1], data)
    running = start(flags={"data_dir": str(data)})
    yield running
    running.stop()


@pytest.fixture
def client(library, served) -> httpx.Client:
    """A client of a server of the small folder's dataset."""
    return served().client

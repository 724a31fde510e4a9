from __future__ import annotations

from pathlib import Path

import pytest

from knowledge import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.chat_server import ChatServer
from tests.conftest import write_files

FILES = Path(__file__).parent / "files"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def flows_file(tmp_path):
    """Write a flows file; return its path."""

    def write(text: str, name: str = "flows.yaml") -> Path:
        write_files(tmp_path / "flows", {name: text})
        return tmp_path / "flows" / name

    return write


@pytest.fixture
def kb(tmp_path):
    """Open the knowledge base of this test, with settings; ``notes`` holds what it says."""
    opened = []

    def open_(**settings):
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in settings.items()
        }
        notes: list[str] = []
        one = KnowledgeBase(Settings.read(**settings), notify=notes.append)
        one.notes = notes
        opened.append(one)
        return one

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def chat(monkeypatch):
    """Start a server with a chat model, and name it in the environment."""
    started = []

    def start(answers, **options):
        server = ChatServer(answers, **options).__enter__()
        started.append(server)
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "m")
        monkeypatch.setenv("KNOW_CHAT_RETRIES", "0")
        return server

    yield start
    for server in started:
        server.__exit__()

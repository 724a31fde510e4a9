"""What the tests of storage share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs
from tests.storage.chroma_server import ChromaProcess
from tests.storage.command_lines import CommandLines, command_lines
from tests.storage.disks import small_disk
from tests.storage.qdrant_servers import use_qdrant


@pytest.fixture(scope="session")
def command_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLines]:
    """Command lines in children of one process."""
    with command_lines(tmp_path_factory.mktemp("lines")) as started:
        yield started


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents, more documents, a data folder and an archive of it."""
    home = tmp_path_factory.mktemp("base")
    programs.write_folder(home / "docs", 3, 4, seed=1)
    programs.write_folder(home / "more", 8, 40, seed=2, prefix="more")
    with KnowledgeBase.open(home / "data", chunk_size=40, chunk_overlap=0) as kb:
        kb.ingest(home / "docs")
        kb.sharing.export("default", home / "all.zip")
    return home


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six megabytes."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    """A Chroma server, shared by tests that leave it running."""
    server = ChromaProcess(tmp_path_factory.mktemp("chroma"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a Qdrant that the environment names, with a prefix of this test's own."""
    client = use_qdrant(monkeypatch)
    prefix = os.environ["KNOW_COLLECTION_PREFIX"]
    yield client
    for one in client.get_collections().collections:
        if one.name.startswith(prefix):
            client.delete_collection(one.name)

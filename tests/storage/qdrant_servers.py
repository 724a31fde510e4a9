"""Qdrant for tests: the client's own local mode, or the server that KNOW_TEST_QDRANT_URL names."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient

from knowledge.settings.reading import Settings
from knowledge.storage.servers.connections import Servers
from knowledge.storage.servers.qdrant import QdrantServer

REAL = os.environ.get("KNOW_TEST_QDRANT_URL", "")
ADDRESS = f"qdrant+{REAL}" if REAL else "qdrant://memory.invalid:6333"


class OneAtATime:
    """A client in this process for many threads, which it does not expect."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                return method(*arguments, **options)

        return call


def use_qdrant(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the environment name a Qdrant, with a prefix of its own; return a client of it."""
    client: Any = QdrantClient(REAL) if REAL else OneAtATime(QdrantClient(":memory:"))
    if not REAL:
        monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: client)
    monkeypatch.setenv("KNOW_VECTORS", ADDRESS)
    monkeypatch.setenv("KNOW_COLLECTION_PREFIX", f"test-{uuid.uuid4().hex[:8]}")
    return client


def qdrant_servers(folder: Path) -> Servers:
    """Return what gives a Qdrant, with a prefix of collections of its own."""
    prefix = f"contract-{uuid.uuid4().hex[:8]}"
    settings = Settings.read(environ={}, folder=folder, vectors=ADDRESS, collection_prefix=prefix)
    servers = Servers(settings)
    if not REAL:
        place = servers.place
        servers._open[place] = QdrantServer(place, "", client=QdrantClient(":memory:"))
    return servers

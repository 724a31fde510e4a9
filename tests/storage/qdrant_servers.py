"""Qdrant for tests: the client's own local mode, or the server that KNOW_TEST_QDRANT_URL names."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from qdrant_client import QdrantClient

from knowledge.settings.reading import Settings
from knowledge.storage.servers.connections import Servers
from knowledge.storage.servers.qdrant import QdrantServer


def qdrant_servers(folder: Path) -> Servers:
    """Return what gives a Qdrant, with a prefix of collections of its own."""
    real = os.environ.get("KNOW_TEST_QDRANT_URL", "")
    address = f"qdrant+{real}" if real else "qdrant://memory.invalid:6333"
    prefix = f"contract-{uuid.uuid4().hex[:8]}"
    settings = Settings.read(environ={}, folder=folder, vectors=address, collection_prefix=prefix)
    servers = Servers(settings)
    if not real:
        place = servers.place
        servers._open[place] = QdrantServer(place, "", client=QdrantClient(":memory:"))
    return servers

"""Embedders for loopback servers."""

from __future__ import annotations

import pytest

from knowledge.embeddings.registry import create_embedder
from knowledge.settings.reading import Settings

KEY = "key-secret-0123456789abcdef"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def connect(tmp_path):
    """Build embedders by the provider's name and its variables, and close them at the end."""
    made = []

    def build(provider, *, model=None, dimensions=None, **environ):
        given = {name: value for name, value in environ.items() if value is not None}
        settings = Settings.read(environ=given, folder=tmp_path)
        made.append(
            create_embedder(provider, settings=settings, model=model, dimensions=dimensions)
        )
        return made[-1]

    yield build
    for embedder in made:
        getattr(embedder, "close", lambda: None)()

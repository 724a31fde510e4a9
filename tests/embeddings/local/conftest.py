from __future__ import annotations

from collections.abc import Callable

import pytest

from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.registry import create_embedder
from knowledge.settings.reading import Settings
from tests.embeddings.local.models import write_transformer


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.read(environ={}, folder=tmp_path / "here")


@pytest.fixture
def create(settings) -> Callable[..., Embedder]:
    """Create an embedder by the name that a user writes, with settings as flags."""

    def made(name: str, *, dimensions: int | None = None, **flags: object) -> Embedder:
        return create_embedder(name, settings=settings.override(**flags), dimensions=dimensions)

    return made


@pytest.fixture
def folder(tmp_path):
    """A model folder: mean pooling, 8 dimensions, texts of up to 32 tokens."""
    return write_transformer(tmp_path / "model", pooling={"pooling_mode_mean_tokens": True})

"""A model that counts letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.model import EmbedderSpec


class Letters:
    def __init__(self) -> None:
        self.spec = EmbedderSpec("python:tests.retrieval.letters:Letters", "letters", 26)
        self.endpoint = ""
        self.max_input_tokens = None
        self.max_batch = 100
        self.cacheable = False

    @classmethod
    def from_settings(cls, settings, *, model=None, dimensions=None):
        return cls()

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        vectors = np.array(
            [[text.lower().count(chr(97 + n)) + 0.01 for n in range(26)] for text in texts],
            dtype=np.float32,
        )
        return Embeddings(vectors)

    def embed_query(self, text: str) -> Embeddings:
        return self.embed_documents([text])

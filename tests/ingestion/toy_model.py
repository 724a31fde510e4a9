"""A local model for actors, which one text kills as a fault in native code would."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from knowledge.embeddings.embedder import Embedder, Embeddings
from knowledge.errors import UsageError
from knowledge.model import EmbedderSpec

POISON = "a text that ends the process"


class ToyEmbedder:
    """Counts letters."""

    def __init__(self, *, is_mortal: bool = False) -> None:
        self.spec = EmbedderSpec("toy", "letters", 4)
        self.endpoint = ""
        self.max_input_tokens: int | None = None
        self.max_batch = 16
        self.cacheable = False
        self._is_mortal = is_mortal

    @classmethod
    def from_settings(cls, *_: Any, **__: Any) -> Self:
        return cls()

    def report_to(self, notify: Callable[[str], None]) -> None:
        if self._is_mortal:
            notify("a note")

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        if self._is_mortal and POISON in texts:
            os._exit(1)
        counts = [[1.0, *(text.count(letter) for letter in "eot")] for text in texts]
        rows = np.array(counts, np.float32)
        return Embeddings(rows / np.linalg.norm(rows, axis=1, keepdims=True), len(texts))

    def embed_query(self, text: str) -> Embeddings:
        return self.embed_documents([text])


@dataclass(frozen=True)
class ToyModel:
    """What the actors are told."""

    is_there: bool = True

    def open(self) -> Embedder:
        if not self.is_there:
            raise UsageError("there is no model")
        return ToyEmbedder(is_mortal=True)

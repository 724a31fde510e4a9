"""Passages embedded by whoever reads their file, with a model that is light enough for it.

The run's pool has less to do then, and the process that writes too. The vectors are those that the
pool would make, checked as it checks them. Whatever goes wrong here is left to the pool, which
embeds the texts by itself, and says what is the matter as it always does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.ingestion.workers.allocator import give_back
from knowledge.ingestion.workers.loading import LoadedFile

if TYPE_CHECKING:
    from knowledge.embeddings.embedder import Embedder
    from knowledge.embeddings.portable import PortableModel


@dataclass(slots=True)
class PassageEmbedder:
    """Embeds the passages of files, by the model that their tasks name; keeps it open."""

    _model: PortableModel | None = None
    _embedder: Embedder | None = None

    def with_vectors(self, loaded: LoadedFile) -> LoadedFile:
        """Return a loaded file with its passages' vectors, where its task names a model for it."""
        if loaded.task.model is None or not loaded.passages:
            return loaded
        from knowledge.embeddings.portable import embed_checked

        try:
            texts = [passage.embedding_text for passage in loaded.passages]
            vectors, tokens = embed_checked(self._opened(loaded.task.model), texts)
        except Exception:  # noqa: BLE001  the pool meets it too, and its error is the run's
            return loaded
        return replace(loaded, vectors=vectors, vector_tokens=tokens)

    def _opened(self, model: PortableModel) -> Embedder:
        """Return the embedder; a model that failed to load is not tried again for each file."""
        if self._model != model:
            self._model, self._embedder = model, None
            embedder = model.open()
            if callable(prepare := getattr(embedder, "prepare", None)):
                prepare()
            give_back()  # what loading a model took for the time being: each reader has it once
            self._embedder = embedder
        if self._embedder is None:
            raise ValueError("it could not be loaded")
        return self._embedder

"""Passages embedded by whoever reads their file, with a model that is light enough for it.

The run's pool has less to do then, and the process that writes too. The vectors are those that the
pool would make, checked as it checks them. Whatever goes wrong here is left to the pool, which
embeds the texts by itself, and says what is the matter as it always does.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        try:
            vectors, tokens = self._embed(
                loaded.task.model, [passage.embedding_text for passage in loaded.passages]
            )
        except Exception:  # noqa: BLE001  the pool meets it too, and its error is the run's
            return loaded
        return replace(loaded, vectors=vectors, vector_tokens=tokens)

    def _embed(self, model: PortableModel, given: Sequence[str]) -> tuple[bytes, tuple[int, ...]]:
        """Return unit vectors, float32 one after the other, and each text's tokens.

        Raises
        ------
        KnowledgeError
            The model can't be loaded, or fails.
        ValueError
            It does not count each text's tokens, or one of its vectors is of no use.
        """
        from knowledge.embeddings.pool.checks import check_answer
        from knowledge.embeddings.sendable import sendable

        embedder = self._opened(model)
        texts = [sendable(text) for text in given]
        vectors: list[bytes] = []
        tokens: list[int] = []
        for start in range(0, len(texts), embedder.max_batch):
            batch = texts[start : start + embedder.max_batch]
            answer = embedder.embed_documents(batch)
            checked = check_answer(
                answer.vectors, batch, dimensions=model.spec.dimensions, who=str(model.spec)
            )
            if checked.unusable or answer.counts is None:
                raise ValueError("not all of the answer is of use")
            vectors.append(checked.vectors.tobytes())
            tokens += answer.counts
        return b"".join(vectors), tuple(tokens)

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

"""A plugin for ``llm`` with the embedding model that all share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import llm


@llm.hookimpl
def register_embedding_models(register: object) -> None:
    """Offer the model."""
    register(BenchModel())  # type: ignore[operator]


class BenchModel(llm.EmbeddingModel):  # type: ignore[misc]
    """The model that all share."""

    model_id = "bench"
    batch_size = int(os.environ.get("BENCH_BATCH", "64"))

    def embed_batch(self, items: Iterable[str | bytes]) -> Iterator[list[float]]:
        """Embed some texts."""
        from embedding import embed

        yield from embed([str(item) for item in items])

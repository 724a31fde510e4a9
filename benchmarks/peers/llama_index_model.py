"""The model that all share, as LlamaIndex asks for it."""

from __future__ import annotations

from embedding import embed
from llama_index.core.base.embeddings.base import BaseEmbedding


class BenchEmbedding(BaseEmbedding):
    """The model that all share."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return embed([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return embed(texts)

    def _get_query_embedding(self, query: str) -> list[float]:
        return embed([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return embed([query])[0]

"""LlamaIndex's classes: ``llama-index:llama_index.embeddings.openai.OpenAIEmbedding``."""

from __future__ import annotations

from knowledge.embeddings.foreign import ForeignEmbedder


class LlamaIndexEmbedder(ForeignEmbedder):
    """Calls an object of LlamaIndex."""

    provider = "llama-index"
    example = "llama_index.embeddings.openai.OpenAIEmbedding"

"""LangChain's embedding classes: ``langchain:langchain_openai.OpenAIEmbeddings?model=name``."""

from __future__ import annotations

from knowledge.embeddings.foreign import ForeignEmbedder


class LangChainEmbedder(ForeignEmbedder):
    """Calls an object of LangChain."""

    provider = "langchain"
    example = "langchain_openai.OpenAIEmbeddings?model=text-embedding-3-small"

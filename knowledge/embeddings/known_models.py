"""Sizes of well-known models' vectors, to notice a server that answers with others."""

from __future__ import annotations

import re

_SIZES: tuple[tuple[str, int], ...] = (
    (r"text-embedding-3-large", 3072),
    (r"text-embedding-(3-small|ada-002)", 1536),
    (r"bge-m3", 1024),
    (r"bge-small-en", 384),
    (r"bge-small-zh", 512),
    (r"bge-base", 768),
    (r"bge-large", 1024),
    (r"e5-small", 384),
    (r"e5-base", 768),
    (r"e5-large", 1024),
    (r"gte-small", 384),
    (r"gte-base", 768),
    (r"gte-large", 1024),
    (r"nomic-embed-text", 768),
    (r"mxbai-embed-(large|2d-large)", 1024),
    (r"mxbai-embed-xsmall", 384),
    (r"all-?minilm", 384),
    (r"all-mpnet-base", 768),
    (r"qwen3-embedding[-:]0\.6b", 1024),
    (r"qwen3-embedding[-:]4b", 2560),
    (r"qwen3-embedding[-:]8b", 4096),
    (r"arctic-embed2|arctic-embed-l", 1024),
    (r"arctic-embed-(xs|s)\b", 384),
    (r"arctic-embed-m", 768),
    (r"embeddinggemma", 768),
    (r"jina-embeddings-v2-small", 512),
    (r"jina-embeddings-v2-base", 768),
    (r"jina-embeddings-v3", 1024),
    (r"embed-(english|multilingual)-v3", 1024),
    (r"embed-(english|multilingual)-light-v3", 384),
    (r"mistral-embed", 1024),
)
_PATTERNS = tuple((re.compile(pattern), size) for pattern, size in _SIZES)


def known_dimensions(model: str) -> int | None:
    """Return the size that a model's vectors have by themselves; ``None`` where we do not know."""
    name = model.lower()
    return next((size for pattern, size in _PATTERNS if pattern.search(name)), None)

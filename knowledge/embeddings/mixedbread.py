"""Mixedbread: https://www.mixedbread.com/api-reference/endpoints/embeddings/create-embeddings.

Its API has no field for what a text is for: its ``prompt`` is put before the texts, as the
instructions of ``instructed`` are, which know its models.
"""

from __future__ import annotations

from typing import Any

from knowledge.embeddings.compatible import CompatibleEmbedder
from knowledge.embeddings.hosted import Purpose


class MixedbreadEmbedder(CompatibleEmbedder):
    """Embeds with a model of Mixedbread."""

    name = "mixedbread"
    max_batch = 256

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        del purpose
        return {"encoding_format": "float", "normalized": True, **self._sized("dimensions")}

"""Mistral: https://docs.mistral.ai/api/endpoint/embeddings."""

from __future__ import annotations

from typing import Any

from knowledge.embeddings.compatible import CompatibleEmbedder
from knowledge.embeddings.hosted import Purpose


class MistralEmbedder(CompatibleEmbedder):
    """Embeds with a model of Mistral."""

    name = "mistral"

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        del purpose  # its models take questions and documents alike
        return {"encoding_format": "float", **self._sized("output_dimension")}

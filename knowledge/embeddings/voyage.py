"""Voyage AI: https://docs.voyageai.com/reference/embeddings-api."""

from __future__ import annotations

from typing import Any

from knowledge.embeddings.compatible import CompatibleEmbedder
from knowledge.embeddings.hosted import Purpose


class VoyageEmbedder(CompatibleEmbedder):
    """Embeds with a model of Voyage AI, which refuses a text that is too long rather than cut it.

    ``encoding_format`` is left out: the service knows no ``float``, which it gives by itself.
    """

    name = "voyage"
    own_instructions = True
    max_batch = 1000

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        return {
            "input_type": str(purpose),
            "truncation": False,
            **self._sized("output_dimension"),
        }

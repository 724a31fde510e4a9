"""LocalAI and LM Studio: OpenAI's protocol at the address that each has by default.

LocalAI: https://localai.io/features/embeddings/. LM Studio: https://lmstudio.ai/docs/api.
"""

from __future__ import annotations

from knowledge.embeddings.compatible import CompatibleEmbedder


class LocalAIEmbedder(CompatibleEmbedder):
    """Embeds with a model of LocalAI."""

    name = "localai"


class LMStudioEmbedder(CompatibleEmbedder):
    """Embeds with a model loaded in LM Studio, which answers one request after the other."""

    name = "lmstudio"
    default_threads = 1

"""Jina AI: https://api.jina.ai/redoc."""

from __future__ import annotations

import re
from typing import Any

from knowledge.embeddings.compatible import CompatibleEmbedder
from knowledge.embeddings.hosted import Purpose

_RETRIEVAL = {Purpose.DOCUMENT: "retrieval.passage", Purpose.QUERY: "retrieval.query"}
_CODE = {Purpose.DOCUMENT: "nl2code.passage", Purpose.QUERY: "nl2code.query"}
_WITHOUT_TASK = re.compile(r"jina-(embeddings-v[12]|clip|colbert)")


class JinaEmbedder(CompatibleEmbedder):
    """Embeds with a model of Jina AI, which refuses a text that is too long rather than cut it."""

    name = "jina"
    own_instructions = True
    max_batch = 512

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        return {
            "embedding_type": "float",
            "truncate": False,
            **self._task(purpose),
            **self._sized("dimensions"),
        }

    def _task(self, purpose: Purpose) -> dict[str, str]:
        """Return the task; the models before v3 take none."""
        if _WITHOUT_TASK.match(self.spec.model):
            return {}
        tasks = _CODE if self.spec.model.startswith("jina-code") else _RETRIEVAL
        return {"task": tasks[purpose]}

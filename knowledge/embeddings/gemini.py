"""Gemini: https://ai.google.dev/api/embeddings, by an API key of Google AI Studio."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from knowledge.embeddings.answers import read_vector, stack_vectors
from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.hosted import HostedEmbedder, Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

TASKS = {Purpose.DOCUMENT: "RETRIEVAL_DOCUMENT", Purpose.QUERY: "RETRIEVAL_QUERY"}
"""Google's names for what a text is embedded for."""


class GeminiEmbedder(HostedEmbedder):
    """Embeds with a model of the Gemini API."""

    name = "gemini"
    own_instructions = True
    key_header = "x-goog-api-key"
    max_batch = 100

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        name = "models/" + self.spec.model.removeprefix("models/")
        common: dict[str, Any] = {"model": name}
        if takes_task(name):
            common["taskType"] = TASKS[purpose]
        if self._dimensions:
            common["outputDimensionality"] = self._dimensions
        requests = [{**common, "content": {"parts": [{"text": text}]}} for text in texts]
        path = f"/{quote(name)}:batchEmbedContents"
        answer = self._client.post(path, {"requests": requests}, texts=len(texts))
        found = answer.get("embeddings")
        items = found if isinstance(found, list) else []
        values = [item.get("values") if isinstance(item, dict) else None for item in items]
        return Embeddings(stack_vectors([read_vector(value) for value in values]))

    @staticmethod
    def _base_path(path: str) -> str:
        return path.rstrip("/") or "/v1beta"


def takes_task(model: str) -> bool:
    """Tell whether a model of Google knows task types: gemini-embedding-2 and later do not."""
    return not re.search(r"gemini-embedding-(?!001)|models/embedding-001", model)

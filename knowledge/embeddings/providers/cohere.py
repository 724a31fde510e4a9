"""Cohere: https://docs.cohere.com/reference/embed, version 2 of its API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose
from knowledge.remote.answers import read_rows, token_count

if TYPE_CHECKING:
    from collections.abc import Sequence

_INPUT_TYPES = {Purpose.DOCUMENT: "search_document", Purpose.QUERY: "search_query"}


class CohereEmbedder(HostedEmbedder):
    """Embeds with a model of Cohere, which refuses a text that is too long rather than cut it."""

    name = "cohere"
    own_instructions = True
    max_batch = 96

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        body: dict[str, Any] = {
            "model": self.spec.model,
            "texts": list(texts),
            "input_type": _INPUT_TYPES[purpose],
            "embedding_types": ["float"],
            "truncate": "NONE",
        }
        if self._dimensions:
            body["output_dimension"] = self._dimensions
        answer = self._client.post("/embed", body, texts=len(texts))
        found = answer.get("embeddings")
        # Some gateways answer as version 1 did, with the vectors themselves.
        vectors = read_rows(found.get("float") if isinstance(found, dict) else found)
        return Embeddings(vectors, _billed_tokens(answer.get("meta")))

    @staticmethod
    def _base_path(path: str) -> str:
        return re.sub(r"(/v[12])?(/embed)?/*$", "", path) + "/v2"


def _billed_tokens(meta: Any) -> int | None:
    units = meta.get("billed_units") if isinstance(meta, dict) else None
    return token_count(units.get("input_tokens")) if isinstance(units, dict) else None

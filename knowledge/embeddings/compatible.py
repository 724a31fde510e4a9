"""Services whose requests and answers are OpenAI's, but for a field or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knowledge.embeddings.hosted import HostedEmbedder, Purpose
from knowledge.embeddings.openai_answer import read_embeddings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.embeddings.embedder import Embeddings


class CompatibleEmbedder(HostedEmbedder):
    """Posts to ``/embeddings``; a subclass says in `_fields` what its service wants beside."""

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        body = {"model": self.spec.model, "input": list(texts), **self._fields(purpose)}
        return read_embeddings(self._client.post("/embeddings", body, texts=len(texts)))

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        """Return the fields of a request beside the model and the texts."""
        del purpose  # OpenAI's protocol does not ask
        return {"encoding_format": "float", **self._sized("dimensions")}

    def _sized(self, field: str) -> dict[str, int]:
        """Return the dimensions to ask for, under the service's name for them."""
        return {field: self._dimensions} if self._dimensions else {}

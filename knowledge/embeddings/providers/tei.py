"""Text Embeddings Inference by its own API, ``POST /embed``.

https://huggingface.github.io/text-embeddings-inference/. Unlike its ``/v1/embeddings``, ``/embed``
refuses a text that is too long, where it is asked to, rather than embed its beginning. A server has
one model; the name says which it is, and is not sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose
from knowledge.remote.answers import UnusableAnswerError, read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence


class TeiEmbedder(HostedEmbedder):
    """Embeds with the model of a TEI server."""

    name = "tei"

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        del purpose  # its models take words before the texts instead
        body: dict[str, Any] = {"inputs": list(texts), "truncate": False}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        answer = self._client.post("/embed", body, texts=len(texts), list_as="vectors")
        if "vectors" not in answer:
            raise UnusableAnswerError("answered without a list of vectors")
        return Embeddings(read_rows(answer["vectors"]))

    @staticmethod
    def _base_path(path: str) -> str:
        return re.sub(r"(/v1)?(/embed|/embeddings)?/*$", "", path)

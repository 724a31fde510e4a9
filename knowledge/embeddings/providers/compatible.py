"""Services whose requests and answers are OpenAI's, but for a field or two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose
from knowledge.embeddings.providers.openai_answer import read_embeddings

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


_RETRIEVAL = {Purpose.DOCUMENT: "retrieval.passage", Purpose.QUERY: "retrieval.query"}
_CODE = {Purpose.DOCUMENT: "nl2code.passage", Purpose.QUERY: "nl2code.query"}
_WITHOUT_TASK = re.compile(r"jina-(embeddings-v[12]|clip|colbert)")


class JinaEmbedder(CompatibleEmbedder):
    """Embeds with a model of Jina AI, which refuses a text that is too long rather than cut it.

    https://api.jina.ai/redoc
    """

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


class LocalAIEmbedder(CompatibleEmbedder):
    """Embeds with a model of LocalAI: https://localai.io/features/embeddings/."""

    name = "localai"


class LMStudioEmbedder(CompatibleEmbedder):
    """Embeds with a model loaded in LM Studio, which answers one request after the other.

    https://lmstudio.ai/docs/api
    """

    name = "lmstudio"
    default_threads = 1


class MistralEmbedder(CompatibleEmbedder):
    """Embeds with a model of Mistral: https://docs.mistral.ai/api/endpoint/embeddings."""

    name = "mistral"

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        del purpose  # its models take questions and documents alike
        return {"encoding_format": "float", **self._sized("output_dimension")}


class MixedbreadEmbedder(CompatibleEmbedder):
    """Embeds with a model of Mixedbread.

    https://www.mixedbread.com/api-reference/endpoints/embeddings/create-embeddings. It has no field
    for what a text is for: its ``prompt`` is put before the texts, as our instructions are.
    """

    name = "mixedbread"
    max_batch = 256

    def _fields(self, purpose: Purpose) -> dict[str, Any]:
        del purpose
        return {"encoding_format": "float", "normalized": True, **self._sized("dimensions")}


class VoyageEmbedder(CompatibleEmbedder):
    """Embeds with a model of Voyage AI, which refuses a text that is too long rather than cut it.

    https://docs.voyageai.com/reference/embeddings-api
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

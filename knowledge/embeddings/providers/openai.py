"""OpenAI, Azure OpenAI and every server that speaks their protocol.

A request is one POST of JSON, which `HttpClient` sends; importing the ``openai`` package would take
longer than all of a small ingest's requests, and its types do not stand what compatible servers
send. Nothing is tried again: the pool does that. Nothing is read from the environment but proxies
and certificates: what is sent is what the settings say.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.providers.hosted import common_settings
from knowledge.embeddings.providers.openai_answer import read_embeddings
from knowledge.embeddings.providers.openai_tokens import count_tokens
from knowledge.errors import UsageError
from knowledge.model import EmbedderSpec
from knowledge.remote.answers import UnusableAnswerError
from knowledge.remote.client import HttpClient
from knowledge.remote.endpoint import name_of
from knowledge.remote.openai import endpoint_of
from knowledge.remote.refusals import Failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knowledge.embeddings.embedder import Embeddings
    from knowledge.remote.endpoint import Endpoint
    from knowledge.settings.reading import Settings

KNOWN_DIMENSIONS: Mapping[str, int] = {
    "text-embedding-ada-002": 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
}
"""Models of OpenAI's own service; elsewhere these names may stand for any model."""

ROUTE = "/embeddings"
_PATH = re.compile(r"/?[\w.~-]+(?:/[\w.~-]+)*/?")


class OpenAIEmbedder:
    """Embeds through an OpenAI-compatible server; calls may come from several threads at once.

    Parameters
    ----------
    endpoint:
        Where requests go, with the credential.
    model:
        The model's name.
    dimensions:
        Size of the vectors to ask for; ``None`` is the model's own. Sent only where it is not
        the model's own, since many models refuse the parameter.
    timeout:
        Seconds an answer may take.
    route:
        Path below the endpoint that embeds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        model: str,
        dimensions: int | None = None,
        timeout: float = 120.0,
        route: str = ROUTE,
    ) -> None:
        known = KNOWN_DIMENSIONS.get(endpoint.model) if endpoint.official else None
        self._counts = endpoint.official and model in KNOWN_DIMENSIONS
        asked = dimensions if dimensions != known else None
        self._optional = {"dimensions": asked} if asked else {}
        self.spec = EmbedderSpec(endpoint.provider, model, asked or known, self._optional)
        self.endpoint = endpoint.url
        self.max_input_tokens = 8191 if known else None
        self.max_batch = 2048
        self.cacheable = True
        self._target = endpoint
        self._failures = Failures(endpoint, model)
        self._route = "/" + route.strip("/")
        self._client = HttpClient(endpoint, self._failures, timeout=timeout)
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the ``openai_*`` settings; nothing is sent yet.

        Raises
        ------
        UsageError
            The base URL can't be used.
        """
        route = str(settings["openai_embedding_endpoint"])
        if not _PATH.fullmatch(route):
            raise UsageError(
                f"{name_of(settings, 'openai_embedding_endpoint')} must be a path, not {route!r}",
                hint="Such as /embeddings; OPENAI_BASE_URL has the server.",
            )
        model = model or str(settings["openai_embedding_model"])
        asked = dimensions or int(settings["openai_embedding_dimensions"])
        return cls(
            endpoint_of(settings, model),
            model=model,
            route=route,
            **common_settings(settings, asked or None),
        )

    def prepare(self) -> None:
        """Do ahead what the first request would wait for."""
        self._client.prepare()

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in one request; vectors as the server gives them.

        Raises
        ------
        RemoteError
            One of its subclasses says what kind.
        """
        body = {
            "input": list(texts),
            "model": self._target.model,
            "encoding_format": "float",
            **self._optional,
        }
        return self._read(self._client.post(self._route, body, texts=len(texts)))

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question; equals what ``embed_documents`` gives for it."""
        return self.embed_documents([text])

    def count_tokens(self, text: str) -> int | None:
        """Count a text's tokens as OpenAI does; ``None`` where that is not known here."""
        return count_tokens(text) if self._counts else None

    def _read(self, body: dict[str, Any]) -> Embeddings:
        try:
            answer = read_embeddings(body)
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        with self._lock:
            if self.spec.dimensions is None:
                self.spec = replace(self.spec, dimensions=answer.vectors.shape[1])
        return answer

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._client.close()

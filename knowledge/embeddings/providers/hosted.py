"""What the providers that are reached over HTTP share."""

from __future__ import annotations

import threading
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.model import EmbedderSpec
from knowledge.remote.answers import UnusableAnswerError
from knowledge.remote.client import HttpClient
from knowledge.remote.endpoint import Endpoint, compatible_path, service_endpoint
from knowledge.remote.refusals import Failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knowledge.settings.reading import Settings


class Purpose(StrEnum):
    """What a text is embedded for, which many services ask."""

    DOCUMENT = "document"
    QUERY = "query"


class HostedEmbedder:
    """Embeds through a service; calls may come from several threads at once.

    A provider is a subclass that sends one request in `_ask`, and says where by its class
    attributes.

    Parameters
    ----------
    endpoint:
        Where requests go, with the credential.
    dimensions:
        Size of the vectors to ask for; ``None`` is the model's own.
    timeout:
        Seconds an answer may take.
    options:
        What is asked of the model beyond its name and the dimensions; part of its identity.
    """

    name: ClassVar[str]
    """The provider's name, and the prefix of its settings."""

    key_header: ClassVar[str] = "Authorization"
    advice: ClassVar[Mapping[int, str]] = {}
    own_instructions = False
    """True where the request says what a text is for, so that no prefix is needed."""

    default_threads: int | None = None
    """Requests in flight where the user asked for no number."""

    max_batch = 2048
    max_input_tokens: int | None = None
    cacheable = True

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        dimensions: int | None = None,
        timeout: float = 120.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        asked = {"dimensions": dimensions} if dimensions else {}
        self.spec = EmbedderSpec(
            endpoint.provider, endpoint.model, dimensions, {**(options or {}), **asked}
        )
        self.endpoint = endpoint.url
        self._dimensions = dimensions
        self._failures = Failures(endpoint, endpoint.model)
        self._client = HttpClient(endpoint, self._failures, timeout=timeout)
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the provider's settings; nothing is sent yet.

        Raises
        ------
        UsageError
            The base URL can't be used.
        """
        endpoint = service_endpoint(
            settings,
            cls.name,
            model,
            path=cls._base_path,
            key_header=cls.key_header,
            advice=cls.advice,
        )
        return cls(endpoint, **common_settings(settings, dimensions))

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts that will be searched, in one request; vectors as the service gives them.

        Raises
        ------
        RemoteError
            One of its subclasses says what kind.
        """
        return self._embed(texts, Purpose.DOCUMENT)

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question."""
        return self._embed([text], Purpose.QUERY)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._client.close()

    def _embed(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        try:
            answer = self._ask(texts, purpose)
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        with self._lock:
            if self.spec.dimensions is None:
                self.spec = replace(self.spec, dimensions=answer.vectors.shape[1])
        return answer

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        """Send one request and read its answer.

        Raises
        ------
        RemoteError, UnusableAnswerError
            The answer is missing, a refusal, or of no use.
        """
        raise NotImplementedError

    @staticmethod
    def _base_path(path: str) -> str:
        """Return the base path of the API for the one that the user wrote."""
        return compatible_path(path)


def common_settings(settings: Settings, dimensions: int | None) -> dict[str, Any]:
    """Return what every hosted embedder takes from the settings."""
    return {
        "dimensions": dimensions or int(settings["embedding_dimensions"]) or None,
        "timeout": float(settings["embedding_timeout"]),
    }

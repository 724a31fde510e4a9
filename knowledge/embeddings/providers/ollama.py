"""Ollama by its own API: https://docs.ollama.com/api/embed.

Unlike its ``/v1``, ``/api/embed`` refuses a text that is too long, where it is asked to, rather
than embed its beginning. Servers before 0.3 know only ``/api/embeddings``, one text a request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose
from knowledge.remote.answers import (
    UnusableAnswerError,
    read_rows,
    read_vector,
    stack_vectors,
    token_count,
)
from knowledge.remote.client import NoSuchRouteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from knowledge.settings.reading import Settings

_PORT = 11434


class OllamaEmbedder(HostedEmbedder):
    """Embeds with a model of an Ollama server."""

    name = "ollama"
    advice = {404: "Run: ollama pull {model}"}  # noqa: RUF012 - a constant of the class
    _one_by_one = False
    _takes_lists = False

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the ``ollama_*`` settings; nothing is sent yet.

        Raises
        ------
        UsageError
            The address can't be used.
        """
        host = str(settings["ollama_host"]).strip()
        if host and not settings.is_set("ollama_base_url"):
            settings = settings.override(ollama_base_url=url_of_host(host))
        return super().from_settings(settings, model=model, dimensions=dimensions)

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        del purpose  # its models take words before the texts instead
        if self._one_by_one:
            return self._ask_one_by_one(texts)
        body: dict[str, Any] = {"model": self.spec.model, "input": list(texts), "truncate": False}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        try:
            answer = self._client.post("/api/embed", body, texts=len(texts))
            vectors = read_rows(_rows(answer))
        except (NoSuchRouteError, UnusableAnswerError) as error:
            if self._takes_lists:
                raise  # so it is about these texts
            try:
                found = self._ask_one_by_one(texts)
            except NoSuchRouteError:
                if isinstance(error, NoSuchRouteError):
                    error.hint = f"It is not Ollama. {self._failures.address_hint}"
                raise error from None
            self._one_by_one = True
            return found
        self._takes_lists = True
        return Embeddings(vectors, token_count(answer.get("prompt_eval_count")))

    def _ask_one_by_one(self, texts: Sequence[str]) -> Embeddings:
        return Embeddings(stack_vectors([self._one_vector(text) for text in texts]))

    def _one_vector(self, text: str) -> NDArray[np.float32]:
        body = {"model": self.spec.model, "prompt": text}
        rows = _rows(self._client.post("/api/embeddings", body, texts=1))
        return read_vector(rows[0] if rows else None)

    @staticmethod
    def _base_path(path: str) -> str:
        return re.sub(r"(/v1|/api)?(/embed|/embeddings)?/*$", "", path)


def url_of_host(host: str) -> str:
    """Return the URL for an OLLAMA_HOST, as Ollama's own clients read it.

    >>> url_of_host("0.0.0.0"), url_of_host("https://ollama.example")
    ('http://127.0.0.1:11434', 'https://ollama.example')
    """
    if "://" in host:
        return host
    parts = urlsplit(f"//{host}")
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname or "", parts.hostname or "")  # noqa: S104
    shown = f"[{name}]" if ":" in name else name
    try:
        port = parts.port or _PORT
    except ValueError:
        return f"http://{host}"  # which is reported as no address
    return f"http://{shown}:{port}{parts.path}"


def _rows(answer: dict[str, Any]) -> Any:
    """Return the vectors of an answer, which Ollama and LocalAI name in different ways."""
    if "embeddings" in answer:
        return answer["embeddings"]
    return [answer["embedding"]] if "embedding" in answer else []

"""A server that speaks Ollama's own protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.embeddings.providers.server import ServiceServer, words
from tests.openai_server import Reply, Request


class OllamaServer(ServiceServer):
    """Ollama.

    Parameters
    ----------
    models:
        The models that were pulled.
    old:
        A server before 0.3, which knows only ``/api/embeddings``.
    empty_for_lists:
        Answer ``/api/embed`` with an empty ``embedding``, as some releases did.
    """

    def __init__(
        self,
        *,
        models: Iterable[str] = ("mxbai-embed-large",),
        old: bool = False,
        empty_for_lists: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.models = set(models)
        self.old = old
        self.empty_for_lists = empty_for_lists

    def _refuse(self, request: Request) -> Reply | None:
        paths = {"/api/embeddings"} if self.old else {"/api/embeddings", "/api/embed"}
        if request.path not in paths:
            return Reply(404, "404 page not found", {"Content-Type": "text/plain"})
        if request.body["model"] not in self.models:
            message = f'model "{request.body["model"]}" not found, try pulling it first'
            return self.error(404, message)
        self.path = request.path
        return super()._refuse(request)

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return request.texts if "input" in request.body else [request.body.get("prompt", "")]

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Answer each of the two paths in its way."""
        if request.path == "/api/embeddings":
            return Reply(200, {"embedding": vectors[0]})
        if self.empty_for_lists:
            return Reply(200, {"model": request.body["model"], "embedding": []})
        body = {"model": request.body["model"], "embeddings": vectors, "total_duration": 1}
        return Reply(200, {**body, "prompt_eval_count": words(texts)})

    def error(self, status: int, message: str) -> Reply:
        """Give a text."""
        return Reply(status, {"error": message})

    def too_long(self) -> Reply:
        """Refuse in Ollama's words."""
        return self.error(400, "the input length exceeds the context length")

"""A server that speaks the own protocol of Text Embeddings Inference."""

from __future__ import annotations

from tests.embeddings.providers.server import ServiceServer
from tests.openai_server import Reply, Request


class TeiServer(ServiceServer):
    """TEI 1.8: a bare list of vectors, errors with a type."""

    path = "/embed"
    fields = frozenset({"inputs", "truncate", "normalize", "dimensions", "prompt_name"})

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return request.body.get("inputs", [])

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Answer with the vectors alone."""
        return Reply(200, vectors)

    def error(self, status: int, message: str) -> Reply:
        """Return a refusal in its shape."""
        return Reply(status, {"error": message, "error_type": "Validation"})

    def too_many(self, texts: int) -> Reply:
        """Refuse too many texts."""
        return self.error(422, f"batch size {texts} > maximum allowed batch size {self.max_batch}")

    def too_long(self) -> Reply:
        """Refuse a text that is too long."""
        return self.error(413, f"`inputs` must have less than {self.max_words} tokens. Given: 999")

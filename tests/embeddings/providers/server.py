"""Servers on the loopback address that speak the providers' own protocols, strictly.

Each refuses fields it does not know, a wrong key, too many texts and texts that are too long in
the words of the service it stands for. Vectors are those of `tests.openai_server.vector_of`; a
text's vector says nothing of what it is embedded for, which the requests do.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from tests.openai_server import LoopbackServer, Reply, Request, vector_of

DIMENSIONS = 16


class ServiceServer(LoopbackServer):
    """What the services share.

    Parameters
    ----------
    script:
        Answers to give first, one a request; ``None`` is a true answer.
    key:
        The key to ask for; ``None`` is any.
    max_batch, max_words:
        Most texts in a request, most words in a text.
    """

    path = "/v1/embeddings"
    fields: frozenset[str] = frozenset()
    """Fields of a request's body; others are refused. Empty is any."""

    def __init__(
        self,
        *,
        script: Iterable[Reply | None] = (),
        key: str | None = None,
        max_batch: int | None = None,
        max_words: int | None = None,
    ) -> None:
        super().__init__()
        self.script = deque(script)
        self.key = key
        self.max_batch = max_batch
        self.max_words = max_words
        self.texts: Counter[str] = Counter()

    def reply(self, request: Request) -> Reply:
        """Answer by the script, or truly."""
        with self.lock:
            scripted = self.script.popleft() if self.script else None
        return scripted or self._refuse(request) or self._answer(request)

    def _refuse(self, request: Request) -> Reply | None:
        if self.key is not None and self.shown_key(request) != self.key:
            return self.wrong_key()
        if request.path != self.path:
            return Reply(404, "404 page not found", {"Content-Type": "text/plain"})
        unknown = set(request.body) - self.fields
        if self.fields and unknown:
            return self.error(422, f"Extra inputs are not permitted: {sorted(unknown)}")
        texts = self.texts_of(request)
        if not texts or not all(isinstance(text, str) and text for text in texts):
            return self.error(400, "input must be a list of texts that are not empty")
        if self.max_batch is not None and len(texts) > self.max_batch:
            return self.too_many(len(texts))
        if self.max_words is not None and max(len(text.split()) for text in texts) > self.max_words:
            return self.too_long()
        return None

    def _answer(self, request: Request) -> Reply:
        texts = self.texts_of(request)
        with self.lock:
            self.texts.update(texts)
        size = self.size_of(request) or DIMENSIONS
        return self.answer(request, texts, [vector_of(text, size) for text in texts])

    # What differs from service to service

    def shown_key(self, request: Request) -> str:
        """Return the key that a request shows."""
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return request.texts

    def size_of(self, request: Request) -> int | None:
        """Return the dimensions that a request asks for."""
        body = request.body
        return body.get("dimensions") or body.get("output_dimension")

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Return the true answer: OpenAI's shape."""
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        usage = {"total_tokens": words(texts), "prompt_tokens": words(texts)}
        return Reply(
            200, {"object": "list", "data": data, "model": request.body["model"], "usage": usage}
        )

    def error(self, status: int, message: str) -> Reply:
        """Return a refusal in the service's shape."""
        return Reply(status, {"error": {"message": message, "type": "error", "code": None}})

    def wrong_key(self) -> Reply:
        """Refuse a key."""
        return self.error(401, "Unauthorized")

    def too_many(self, texts: int) -> Reply:
        """Refuse too many texts."""
        return self.error(400, f"batch size {texts} > maximum allowed batch size {self.max_batch}")

    def too_long(self) -> Reply:
        """Refuse a text that is too long."""
        return self.error(400, f"This model's maximum context length is {self.max_words} tokens.")


def words(texts: list[str]) -> int:
    """Count words, which stand for tokens."""
    return sum(len(text.split()) for text in texts)


class LocalAIServer(ServiceServer):
    """LocalAI: no ``usage``; an unknown model is named with the way to list them."""

    fields = frozenset({"model", "input", "encoding_format", "dimensions"})

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Leave out ``usage``."""
        body = super().answer(request, texts, vectors).body
        del body["usage"]
        return Reply(200, body)


class LMStudioServer(LocalAIServer):
    """LM Studio: takes one request at a time, and tells more than one by failing."""

    def reply(self, request: Request) -> Reply:
        """Fail when another request is under way."""
        if self.peak > 1:
            return self.error(400, "Model is busy: only one request at a time.")
        return super().reply(request)


class MistralServer(ServiceServer):
    """Mistral: errors have no ``error`` around them."""

    fields = frozenset({"model", "input", "encoding_format", "output_dimension", "output_dtype"})

    def error(self, status: int, message: str) -> Reply:
        """Give the message at the top."""
        return Reply(status, {"object": "error", "message": message, "type": "x", "code": "1"})

    def too_many(self, texts: int) -> Reply:
        """Refuse in Mistral's words."""
        return self.error(400, "Too many tokens in batch. Max is 16384 got 20000")

    def too_long(self) -> Reply:
        """Refuse in Mistral's words."""
        return self.error(400, "Input id 0 has 9000 tokens, exceeding max 8192 tokens.")


class MixedbreadServer(ServiceServer):
    """Mixedbread: validation errors are lists below ``detail``."""

    fields = frozenset({"model", "input", "prompt", "normalized", "dimensions", "encoding_format"})

    def error(self, status: int, message: str) -> Reply:
        """Give a list of details."""
        return Reply(status, {"detail": [{"type": "x", "loc": ["body"], "msg": message}]})

    def too_many(self, texts: int) -> Reply:
        """Refuse in pydantic's words."""
        return self.error(
            422, f"List should have at most {self.max_batch} items after validation, not {texts}"
        )


class VoyageServer(ServiceServer):
    """Voyage: errors are a text below ``detail``; no ``encoding_format`` called float."""

    fields = frozenset({"model", "input", "input_type", "truncation", "output_dimension"})

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Count tokens under one name only."""
        body = super().answer(request, texts, vectors).body
        body["usage"] = {"total_tokens": words(texts)}
        return Reply(200, body)

    def error(self, status: int, message: str) -> Reply:
        """Give a text."""
        return Reply(status, {"detail": message})

    def wrong_key(self) -> Reply:
        """Refuse in Voyage's words."""
        return self.error(401, "Provided API key is invalid.")

    def too_many(self, texts: int) -> Reply:
        """Refuse in Voyage's words."""
        return self.error(
            400, f"The batch size limit is {self.max_batch}. Your batch size is {texts}."
        )

    def too_long(self) -> Reply:
        """Refuse in Voyage's words."""
        return self.error(
            400,
            "Request to model 'voyage-4' failed. The example at index 0 in your batch has too many "
            "tokens and does not fit into the model's context window of 32000 tokens.",
        )


class JinaServer(ServiceServer):
    """Jina: models before v3 take no ``task``."""

    fields = frozenset(
        {"model", "input", "task", "dimensions", "embedding_type", "truncate", "normalized"}
    )

    def _refuse(self, request: Request) -> Reply | None:
        if "-v2-" in request.body.get("model", "") and "task" in request.body:
            return self.error(422, "task is not supported by this model")
        return super()._refuse(request)

    def error(self, status: int, message: str) -> Reply:
        """Give a text."""
        return Reply(status, {"detail": message})

    def too_many(self, texts: int) -> Reply:
        """Refuse in Jina's words."""
        return self.error(400, f"Input batch size {texts} exceeds the limit of {self.max_batch}")

    def too_long(self) -> Reply:
        """Refuse in Jina's words."""
        return self.error(400, "Single text cannot exceed 8194 tokens. 9000 tokens given.")


class CohereServer(ServiceServer):
    """Cohere, version 2."""

    path = "/v2/embed"
    fields = frozenset(
        {"model", "texts", "input_type", "embedding_types", "truncate", "output_dimension"}
    )

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return request.body.get("texts", [])

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Give vectors by type."""
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": words(texts)}}
        return Reply(200, {"id": "1", "embeddings": {"float": vectors}, "texts": [], "meta": meta})

    def error(self, status: int, message: str) -> Reply:
        """Give the message at the top."""
        return Reply(status, {"id": "1", "message": message})

    def wrong_key(self) -> Reply:
        """Refuse in Cohere's words."""
        return self.error(401, "invalid api token")

    def too_many(self, texts: int) -> Reply:
        """Refuse in Cohere's words."""
        return self.error(
            400,
            f"invalid request: total number of texts must be at most {self.max_batch}"
            f" - received {texts}",
        )

    def too_long(self) -> Reply:
        """Refuse in Cohere's words."""
        return self.error(
            400, "invalid request: text too long: the total number of tokens exceeds 512"
        )

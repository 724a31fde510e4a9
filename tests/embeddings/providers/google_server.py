"""Servers that speak the protocols of Gemini and Vertex AI."""

from __future__ import annotations

from typing import Any

from tests.embeddings.providers.server import ServiceServer
from tests.openai_server import Reply, Request


class GeminiServer(ServiceServer):
    """The Gemini API."""

    path = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    fields = frozenset({"requests"})

    def shown_key(self, request: Request) -> str:
        """Return the key of Google's own header."""
        return request.headers.get("x-goog-api-key", "")

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return [one["content"]["parts"][0]["text"] for one in request.body.get("requests", [])]

    def size_of(self, request: Request) -> int | None:
        """Return the dimensions that a request asks for."""
        return request.body["requests"][0].get("outputDimensionality")

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Give values."""
        return Reply(200, {"embeddings": [{"values": vector} for vector in vectors]})

    def error(self, status: int, message: str) -> Reply:
        """Give an error of Google's shape."""
        return google_error(status, message)

    def wrong_key(self) -> Reply:
        """Refuse in Google's words, with its status."""
        return self.error(400, "API key not valid. Please pass a valid API key.")

    def too_many(self, texts: int) -> Reply:
        """Refuse in Google's words."""
        return self.error(
            400,
            "* BatchEmbedContentsRequest.requests: "
            f"at most {self.max_batch} requests can be in one batch",
        )

    def too_long(self) -> Reply:
        """Refuse in Google's words."""
        return self.error(400, "The input token count (3000) exceeds the maximum of 2048 tokens")


class VertexServer(GeminiServer):
    """Vertex AI."""

    path = "/v1/projects/p-1/locations/us-central1/publishers/google/models/text-embedding-005"
    path += ":predict"
    fields = frozenset({"instances", "parameters"})

    def shown_key(self, request: Request) -> str:
        """Return the bearer token."""
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        return [one["content"] for one in request.body.get("instances", [])]

    def size_of(self, request: Request) -> int | None:
        """Return the dimensions that a request asks for."""
        return request.body["parameters"].get("outputDimensionality")

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Give predictions with statistics, whose counts are floats."""
        predictions = [
            {
                "embeddings": {
                    "values": vector,
                    "statistics": {"truncated": False, "token_count": float(len(text.split()))},
                }
            }
            for text, vector in zip(texts, vectors, strict=True)
        ]
        return Reply(200, {"predictions": predictions})

    def wrong_key(self) -> Reply:
        """Refuse a token."""
        return self.error(401, "Request had invalid authentication credentials.")

    def too_many(self, texts: int) -> Reply:
        """Refuse in Google's words."""
        return self.error(400, f"{texts} instance(s) is too many; batch size is {self.max_batch}")

    def too_long(self) -> Reply:
        """Refuse in Google's words."""
        return self.error(
            400,
            "Unable to submit request because the input token count is 3000 but the model only "
            "supports up to 2048. Reduce the input token count and try again.",
        )


def google_error(status: int, message: str, details: Any = ()) -> Reply:
    """Return an error of Google's shape."""
    error = {"code": status, "message": message, "status": "X", "details": list(details)}
    return Reply(status, {"error": error})

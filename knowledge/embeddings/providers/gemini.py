"""Google's models: by the Gemini API and a key of Google AI Studio, and by Vertex AI."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose, common_settings
from knowledge.errors import UsageError
from knowledge.remote.answers import read_vector, stack_vectors
from knowledge.remote.endpoint import Endpoint, Variables, keyed_endpoint, split_address
from knowledge.remote.sign_in import GoogleSignIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from knowledge.settings.reading import Settings


class GeminiEmbedder(HostedEmbedder):
    """Embeds with a model of the Gemini API: https://ai.google.dev/api/embeddings."""

    name = "gemini"
    own_instructions = True
    key_header = "x-goog-api-key"
    max_batch = 100

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        name = "models/" + self.spec.model.removeprefix("models/")
        common: dict[str, Any] = {"model": name}
        if takes_task(name):
            common["taskType"] = TASKS[purpose]
        if self._dimensions:
            common["outputDimensionality"] = self._dimensions
        requests = [{**common, "content": {"parts": [{"text": text}]}} for text in texts]
        path = f"/{quote(name)}:batchEmbedContents"
        answer = self._client.post(path, {"requests": requests}, texts=len(texts))
        found = answer.get("embeddings")
        items = found if isinstance(found, list) else []
        values = [item.get("values") if isinstance(item, dict) else None for item in items]
        return Embeddings(stack_vectors([read_vector(value) for value in values]))

    @staticmethod
    def _base_path(path: str) -> str:
        return path.rstrip("/") or "/v1beta"


_VARIABLES = Variables("VERTEX_API_ENDPOINT", "VERTEX_API_KEY", "VERTEX_MODEL")

_ADVICE = {
    401: "Check VERTEX_API_KEY, a token that ends after an hour, or sign in with "
    "`gcloud auth application-default login`.",
    404: "Check VERTEX_PROJECT, VERTEX_LOCATION and VERTEX_MODEL.",
}


class VertexEmbedder(HostedEmbedder):
    """Embeds with a model of Vertex AI, by a token or by application-default credentials.

    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api

    Parameters
    ----------
    project:
        Gives the Google Cloud project; asked at the first request.
    location:
        The region, or ``global``.
    """

    name = "vertex"
    own_instructions = True

    def __init__(
        self, endpoint: Endpoint, *, project: Callable[[], str], location: str, **common: Any
    ) -> None:
        super().__init__(endpoint, **common)
        # The newer models take one text in a request, the others 250 and 20,000 tokens.
        self.max_batch = 1 if endpoint.model.startswith("gemini") else 250
        self._project = project
        self._location = location

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the ``vertex_*`` settings; nothing is sent yet.

        Raises
        ------
        UsageError
            The location or the endpoint can't be used.
        """
        location = str(settings["vertex_location"]).strip()
        if not re.fullmatch(r"[a-z0-9-]+", location):
            raise UsageError(
                f"VERTEX_LOCATION is not a region of Google Cloud: {location!r}",
                hint="It looks like us-central1 or global.",
            )
        endpoint = _endpoint(settings, model or str(settings["vertex_model"]), location)
        given = str(settings["vertex_project"]).strip()
        if endpoint.has_key and not given:
            raise UsageError(
                "VERTEX_API_KEY is set, but no Google Cloud project", hint="Set VERTEX_PROJECT."
            )
        common = common_settings(settings, dimensions)
        if endpoint.has_key:
            return cls(endpoint, project=lambda: given, location=location, **common)
        sign_in = GoogleSignIn()
        endpoint = replace(endpoint, token=sign_in.token)
        project = (lambda: given) if given else sign_in.project
        return cls(endpoint, project=project, location=location, **common)

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        task = {"task_type": TASKS[purpose]} if takes_task(self.spec.model) else {}
        parameters: dict[str, Any] = {"autoTruncate": False}
        if self._dimensions:
            parameters["outputDimensionality"] = self._dimensions
        body = {
            "instances": [{"content": text, **task} for text in texts],
            "parameters": parameters,
        }
        project, model = quote(self._project(), safe=""), quote(self.spec.model, safe="")
        path = f"/projects/{project}/locations/{self._location}/publishers/google/models/{model}"
        answer = self._client.post(f"{path}:predict", body, texts=len(texts))
        found = answer.get("predictions")
        return _embeddings(found if isinstance(found, list) else [])


def _endpoint(settings: Settings, model: str, location: str) -> Endpoint:
    host = "aiplatform.googleapis.com"
    own = f"https://{host if location == 'global' else f'{location}-{host}'}"
    given = split_address(str(settings["vertex_base_url"]) or own, _VARIABLES.url)
    return keyed_endpoint(
        "vertex",
        given,
        path=given.path.rstrip("/") or "/v1",
        model=model,
        key=str(settings["vertex_api_key"]),
        official=(given.hostname or "").endswith(".googleapis.com"),
        variables=_VARIABLES,
        advice=_ADVICE,
    )


def _embeddings(predictions: list[Any]) -> Embeddings:
    found = [item.get("embeddings") if isinstance(item, dict) else None for item in predictions]
    items = [item if isinstance(item, dict) else {} for item in found]
    told = [item.get("statistics") for item in items]
    counts = [item.get("token_count") for item in told if isinstance(item, dict)]
    # Google tells whole numbers as floats.
    tokens = sum(
        int(count) for count in counts if isinstance(count, int | float) and 0 < count < 1e9
    )
    return Embeddings(
        stack_vectors([read_vector(item.get("values")) for item in items]), tokens or None
    )


TASKS = {Purpose.DOCUMENT: "RETRIEVAL_DOCUMENT", Purpose.QUERY: "RETRIEVAL_QUERY"}
"""Google's names for what a text is embedded for."""


def takes_task(model: str) -> bool:
    """Tell whether a model of Google knows task types: gemini-embedding-2 and later do not."""
    return not re.search(r"gemini-embedding-(?!001)|models/embedding-001", model)

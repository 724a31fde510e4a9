"""Rerankers that are reached over HTTP.

Cohere (https://docs.cohere.com/reference/rerank), Jina (https://api.jina.ai/redoc), Voyage
(https://docs.voyageai.com/reference/reranker-api), and servers with Jina's protocol at
``/v1/rerank``: LocalAI, vLLM, llama.cpp. Text Embeddings Inference has ``/rerank`` with names of
its own. Keys and addresses are those of the embedding providers.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.errors import Service
from knowledge.remote.client import HttpClient, NoSuchRouteError
from knowledge.remote.endpoint import (
    Endpoint,
    Variables,
    keyed_endpoint,
    service_endpoint,
    split_address,
)
from knowledge.remote.refusals import Failures
from knowledge.remote.retry import Retrier
from knowledge.retrieval.rerank.apart import score_apart
from knowledge.settings.trust import Reach

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

DEFAULT_MODELS = {
    "cohere": "rerank-v3.5",
    "jina": "jina-reranker-v2-base-multilingual",
    "voyage": "rerank-2.5",
}
SERVER = Reach(("rerank",), ("rerank_api_key",))
"""Of a server that is named by its address; the others are embedding providers' services."""
MAX_TEXTS = 500
"""Most texts in one request; what a reranker says of one does not depend on the others."""

Body = Callable[[str, Sequence[str]], dict[str, Any]]
Notify = Callable[[str], None] | None


class HostedReranker:
    """Sends question and texts, and reads the scores.

    Parameters
    ----------
    paths:
        Where to ask below the endpoint's URL, with what is sent there: the first that the server
        knows.
    notify:
        Called when the user has to wait for long.
    """

    def __init__(
        self, endpoint: Endpoint, paths: Mapping[str, Body], settings: Settings, notify: Notify
    ) -> None:
        self._failures = Failures(endpoint, endpoint.model)
        timeout = settings["embedding_timeout"]
        self._client = HttpClient(endpoint, self._failures, timeout=timeout, vectors=False)
        self._paths = dict(paths)
        self._notify = notify
        self._retrier = Retrier(
            settings["embedding_retries"], stop=threading.Event(), notify=notify
        )

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text; more is better.

        A text that the server refuses while it takes others has less than each of them.

        Raises
        ------
        RemoteError
            The server failed, through all tries, or did not score each text once.
        """
        return score_apart(
            lambda part: self._scores(question, part),
            texts,
            who=self._failures.who,
            notify=self._notify,
            at_once=MAX_TEXTS,
        )

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._client.close()

    def _scores(self, question: str, texts: Sequence[str]) -> list[float]:
        while True:
            path, body = next(iter(self._paths.items()))
            sent = body(question, texts)
            try:
                answer = self._retrier(
                    lambda path=path, sent=sent: self._client.post(  # type: ignore[misc]
                        path, sent, texts=len(texts), list_as="results"
                    )
                )
            except NoSuchRouteError:
                if len(self._paths) == 1:
                    raise
                del self._paths[path]
                continue
            return self._read(answer.get("results") or answer.get("data"), len(texts))

    def _read(self, found: Any, texts: int) -> list[float]:
        """Return the scores in the order of the texts, whatever the answer's order is."""
        scores: dict[int, float] = {}
        for item in found if isinstance(found, list) else ():
            place, score = _scored(item)
            if place is None or not 0 <= place < texts or place in scores:
                raise self._failures.of_answer("named a text that it was not sent, or one twice")
            if not _is_number(score):
                raise self._failures.of_answer(f"gave a text the score {score!r:.40}, no number")
            scores[place] = float(score)
        if len(scores) != texts:
            raise self._failures.of_answer(f"scored {len(scores)} of {texts} texts")
        return [scores[place] for place in range(texts)]


def hosted_reranker(
    name: str, model: str, settings: Settings, notify: Notify = None
) -> HostedReranker:
    """Return the reranker of Cohere, Jina or Voyage, with the embedding provider's key."""
    most = "top_k" if name == "voyage" else "top_n"
    chosen = model or DEFAULT_MODELS[name]
    base = "/v2" if name == "cohere" else "/v1"
    endpoint = service_endpoint(
        settings, name, chosen, path=lambda path: _base(path) + base, service=Service.RERANK
    )
    return HostedReranker(endpoint, {"/rerank": _with_model(chosen, most)}, settings, notify)


def server_reranker(
    address: str, model: str, settings: Settings, notify: Notify = None
) -> HostedReranker:
    """Return the reranker at an address, such as ``http://localhost:8080/v1``."""
    variables = Variables("`rerank`", "KNOW_RERANK_API_KEY", "`rerank`")
    given = split_address(address, "`rerank`")
    endpoint = keyed_endpoint(
        "rerank",
        given,
        path=_base(given.path),
        model=model,
        key=str(settings["rerank_api_key"]),
        variables=variables,
        official=False,
        service=Service.RERANK,
    )
    bodies = {"/v1/rerank": _with_model(model, "top_n"), "/rerank": _of_text_embeddings_inference}
    return HostedReranker(endpoint, bodies, settings, notify)


def _with_model(model: str, most: str) -> Body:
    def body(question: str, texts: Sequence[str]) -> dict[str, Any]:
        named = {"model": model} if model else {}
        return {**named, "query": question, "documents": list(texts), most: len(texts)}

    return body


def _of_text_embeddings_inference(question: str, texts: Sequence[str]) -> dict[str, Any]:
    return {"query": question, "texts": list(texts), "raw_scores": False, "truncate": True}


def _base(path: str) -> str:
    """Return the path before the version and the route, which users copy along."""
    bare = path.rstrip("/").removesuffix("/rerank").removesuffix("/embed")
    return bare.removesuffix("/v1").removesuffix("/v2").rstrip("/")


def _scored(item: Any) -> tuple[int | None, Any]:
    """Return which text an item is about, where it says so, and the score as it came."""
    found = item if isinstance(item, dict) else {}
    place = found.get("index")
    score = found.get("relevance_score", found.get("score"))
    return (place if type(place) is int else None), score


def _is_number(score: Any) -> bool:
    try:
        return type(score) in (int, float) and math.isfinite(score)
    except OverflowError:  # it has more digits than a float
        return False

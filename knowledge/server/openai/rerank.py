"""Rerank, in the shapes of its three families.

Jina's and LocalAI's ``/v1/rerank`` (https://api.jina.ai/redoc), Cohere's ``/v2/rerank``
(https://docs.cohere.com/reference/rerank), and Text Embeddings Inference's ``/rerank``, which takes
``texts`` and answers with a list. Scores are from 0 to 1, best first.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowledge.errors import UsageError
from knowledge.server.models import is_reranker
from knowledge.server.openai.exchange import body_of, needed, route, whole
from knowledge.server.replies import JsonReply

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.server.server import Server

MOST_DOCUMENTS = 10_000
_FIELDS = {
    "model": str,
    "query": str,
    "documents": list,
    "texts": list,
    "top_n": int,
    "return_documents": bool,
    "return_text": bool,
    "raw_scores": bool,
    "truncate": bool,
    "max_tokens_per_doc": int,
}
_WITHOUT = ("raw_scores", "max_tokens_per_doc")


def routes(server: Server) -> list[Route]:
    """Return the routes."""
    return [
        route(server, path, "POST", _rerank)
        for path in ("/v1/rerank", "/v2/rerank", "/rerank", "/v1/reranking", "/reranking")
    ]


async def _rerank(server: Server, http: Request) -> Response:
    values = await body_of(http, _FIELDS)
    for name in _WITHOUT:
        if values.get(name):
            raise UsageError(f"`{name}` is not supported here", hint="Leave it out.")
    of_tei = "texts" in values
    texts = [_text(one) for one in needed(values, "texts" if of_tei else "documents")]
    if len(texts) > MOST_DOCUMENTS:
        raise UsageError(f"`documents` has more than {MOST_DOCUMENTS:,} items: {len(texts):,}")
    most = whole(values, "top_n", max(1, len(texts)), 1_000_000_000)
    query, model = str(needed(values, "query")), str(values.get("model", ""))

    def score(kb: KnowledgeBase) -> list[float]:
        return relevance(server, kb, model, query, texts)

    scores = await server.bases.run(score)
    best = sorted(range(len(texts)), key=lambda place: -scores[place])[:most]
    if of_tei:
        with_text = bool(values.get("return_text"))
        return JsonReply(
            [
                {"index": i, "score": scores[i], **({"text": texts[i]} if with_text else {})}
                for i in best
            ]
        )
    with_documents = bool(values.get("return_documents"))
    results = [
        {
            "index": i,
            "relevance_score": scores[i],
            **({"document": {"text": texts[i]}} if with_documents else {}),
        }
        for i in best
    ]
    tokens = sum(len(text) // 4 + 1 for text in (query, *texts))
    content: dict[str, Any] = {"id": secrets.token_hex(8), "model": model, "results": results}
    if http.url.path == "/v2/rerank":
        content["meta"] = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    else:
        content["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JsonReply(content)


def relevance(
    server: Server, kb: KnowledgeBase, model: str, query: str, texts: Sequence[str]
) -> list[float]:
    """Return how relevant each text is, from 0 to 1.

    Parameters
    ----------
    model:
        ``bm25``, ``minilm``, the reranker of the server's settings, or an embedding model, whose
        cosine counts. Empty is the settings' reranker, else their embedding model.

    Raises
    ------
    ModelNotFoundError
        There is none of this name for clients.
    """
    own = str(kb.settings["rerank"])
    if is_reranker(model or own, kb.settings):
        return kb.rerank(query, texts, rerank=model or None)
    if not query.strip():
        raise UsageError("`query` is empty")
    current = kb.models.current()
    kept = [place for place, text in enumerate(texts) if text.strip()]
    name = model or f"{current.provider}:{current.model}"
    found = server.models.similarity(kb, name, query, [texts[place] for place in kept])
    scores = [0.0] * len(texts)  # a blank text fits no question
    for place, one in zip(kept, found, strict=True):
        scores[place] = one
    return scores


def _text(document: Any) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise UsageError('`documents` must be texts, or objects with "text"')
    return text

"""How a hit's score came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from knowledge.model import Hit

if TYPE_CHECKING:
    from knowledge.retrieval.query import Query

LANGUAGES = ("english",)
_NAMES = {
    "dense": "cosine",
    "keyword": "BM25",
    "dense_rank": "place by cosine",
    "keyword_rank": "place by BM25",
    "before": "score before the reranker",
    "rerank": "reranker",
    "mmr": "maximal marginal relevance",
}


def matched_words(question: str, hit: Hit) -> list[str]:
    """Return the words of the question that the hit holds, as they stand in the question."""
    from knowledge.storage.fulltext_words import split, variants

    held = set(variants(split(hit.chunk.passage.embedding_text), LANGUAGES))
    words = dict.fromkeys(question.split())
    return [word for word in words if not held.isdisjoint(variants(split(word), LANGUAGES))]


def explain(query: Query, hit: Hit, flow: str = "") -> list[str]:
    """Return sentences that say what the hit's score is made of.

    Parameters
    ----------
    query:
        With its mode resolved.
    flow:
        The flow whose steps made the score; empty without one.
    """
    parts = [f"{_NAMES.get(name, name)} {value:.6g}" for name, value in hit.scores.items()]
    how = f"the flow {flow!r}" if flow else _how(query, hit.scores)
    lines = [f"score {hit.score:.6f} by {how}", ", ".join(parts)]
    words = matched_words(query.text, hit)
    lines.append(f"words of the question: {', '.join(words) if words else 'none'}")
    if hit.also:
        lines.append(f"{len(hit.also)} near duplicates folded into it")
    return [line for line in lines if line]


def _how(query: Query, parts: Mapping[str, float]) -> str:
    if "rerank" in parts:
        return "the reranker"
    if query.sides != ("dense", "keyword"):
        return {"dense": "cosine", "keyword": "BM25"}[query.sides[0]]
    shares = f"{query.weight:g} cosine and {1 - query.weight:g} BM25"
    if query.fusion == "rrf":
        return f"reciprocal ranks, {shares}"
    return f"the weighted sum of {shares}, each scaled from its 100th best chunk to its best"

"""How a hit's score came about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from knowledge.model import Hit
from knowledge.retrieval.query import COSINE_SPAN
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.retrieval.query import Query
    from knowledge.text.terms import Words

LANGUAGES = ("english",)
_SIGNS = "?!.,;:()[]{}'\""
_WORD = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]{1,2}")
_SIDES = {"dense": "cosine", "keyword": "BM25", "sparse": "sparse model"}
_STAGES = {
    "before": "score before the reranker",
    "rerank": "reranker",
    "mmr": "maximal marginal relevance",
}


def matched_words(question: str, hit: Hit) -> list[str]:
    """Return the words of the question that the hit holds, as they stand in the question."""
    from knowledge.text.terms import split, variants

    held = set(variants(split(hit.chunk.passage.embedding_text), LANGUAGES))
    words = dict.fromkeys(question.split())
    return [word for word in words if not held.isdisjoint(variants(split(word), LANGUAGES))]


def marks(question: str, hit: Hit) -> list[tuple[int, int]]:
    """Return where a hit's text holds words of the question: start and end, in order.

    Stop words count only where the question has no others.
    """
    from knowledge.storage.terms import language_of
    from knowledge.text.languages import detect, named, stop_words
    from knowledge.text.terms import split

    text = hit.text
    given = language_of(hit.chunk.passage.metadata, hit.metadata)
    own = (given and named(given)) or detect(split(text).natural)
    languages = tuple(dict.fromkeys((*LANGUAGES, own)))
    passed = stop_words(languages)
    words = [word for word in question.split() if word.strip(_SIGNS).lower() not in passed]
    asked = _terms(split(" ".join(words) or question), languages)
    held: dict[str, bool] = {}
    found = []
    for match in _WORD.finditer(text):
        word = match[0]
        if word not in held:
            held[word] = not asked.isdisjoint(_terms(split(word), languages))
        if held[word]:
            found.append(match.span())
    return found


def _terms(words: Words, languages: Sequence[str]) -> set[str]:
    """Return the terms that words may have in the index."""
    from knowledge.text.terms import variants

    return {term for terms in variants(words, languages) for term in terms}


def explain(query: Query, hit: Hit, flow: str = "") -> list[str]:
    """Return lines that say what the hit's score is made of, short enough for most terminals.

    Parameters
    ----------
    query:
        With its mode resolved.
    flow:
        The flow whose steps made the score; empty without one.
    """
    how = [f"the flow {flow!r}"] if flow else _how(query, hit.scores)
    lines = [f"score {hit.score:.6f} by {how[0]}", *how[1:], _sides(hit.scores)]
    sides = {*_SIDES, *(f"{side}_rank" for side in _SIDES)}
    stages = {name: value for name, value in hit.scores.items() if name not in sides}
    lines.append(
        ", ".join(f"{_STAGES.get(name, name)} {value:.6g}" for name, value in stages.items())
    )
    words = matched_words(query.text, hit)
    lines.append(f"words of the question: {', '.join(words) if words else 'none'}")
    if hit.also:
        lines.append(f"{counted(len(hit.also), 'near duplicate')} folded into it")
    return [line for line in lines if line]


def _sides(scores: Mapping[str, float]) -> str:
    """Return what each side gave the hit, and the place it had there."""
    sides = []
    for side, name in _SIDES.items():
        if side in scores:
            rank = scores.get(f"{side}_rank")
            place = "" if rank is None else f" (place {rank:.0f})"
            sides.append(f"{name} {scores[side]:.6g}{place}")
    return ", ".join(sides)


def _how(query: Query, parts: Mapping[str, float]) -> list[str]:
    """Return what made the score, and on a line of its own what must be known of it."""
    if "rerank" in parts:
        return ["the reranker"]
    if query.sides != ("dense", "keyword"):
        return [_SIDES[query.sides[0]]]
    shares = f"{query.weight:g} cosine and {1 - query.weight:g} BM25"
    if "sparse" in parts:
        shares = f"{query.weight:g} cosine, {1 - query.weight:g} BM25 and {query.sparse_weight:g} "
        shares += "of the sparse model"
    if query.fusion == "rrf":
        return [f"reciprocal ranks, {shares}"]
    return [
        f"the weighted sum of {shares}",
        f"cosine counts from {COSINE_SPAN:g} below the best to it, BM25 as a share of the best",
        f"to a passage's BM25 its file's is added, with weight {query.file_weight:g}",
    ]

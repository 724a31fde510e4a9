"""BM25 over the candidates alone: how rare a word is, is counted among them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from knowledge.retrieval.search.keyword import K1, B
from knowledge.text.terms import split, variants

LANGUAGES = ("english",)


def bm25_scores(
    question: str, texts: Sequence[str], *, k1: float = K1, b: float = B
) -> list[float]:
    """Return the BM25 score of each text (Robertson and Zaragoza, 2009).

    Words are folded and stemmed as for keyword search.
    """
    counts = [variants(split(text), LANGUAGES) for text in texts]
    sizes = [max(1, count.total()) for count in counts]
    mean = sum(sizes) / max(1, len(sizes))
    scores = [0.0] * len(texts)
    for term in variants(split(question), LANGUAGES):
        holding = sum(term in count for count in counts)
        rarity = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        for place, (count, size) in enumerate(zip(counts, sizes, strict=True)):
            times = count[term]
            scores[place] += rarity * times * (k1 + 1) / (times + k1 * (1 - b + b * size / mean))
    return scores

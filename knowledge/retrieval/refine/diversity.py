"""Spreading hits: over what they say, and over files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from knowledge.model import Hit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def limit_per_file(hits: Sequence[Hit], most: int) -> list[Hit]:
    """Return the first ``most`` hits of each file, in the same order."""
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for hit in hits:
        taken[hit.dataset, hit.file] += 1
        if taken[hit.dataset, hit.file] <= most:
            kept.append(hit)
    return kept


def spread(
    hits: Sequence[Hit], vectors: Sequence[NDArray[np.float32]], relevance: float, top_k: int
) -> list[Hit]:
    """Return up to ``top_k`` hits by maximal marginal relevance.

    Each next hit is the one with the greatest ``relevance * score - (1 - relevance) * cosine to
    the nearest hit before it`` (Carbonell and Goldstein, "The Use of MMR", 1998). Scores are first
    brought to the scale from 0 to 1, since those of the modes differ.

    Parameters
    ----------
    vectors:
        One unit vector a hit. Those of different length, which are of different models, count as
        unlike.
    relevance:
        Lambda: 1 keeps the order.
    """
    scores = np.array([hit.score for hit in hits], dtype=np.float64)
    width = float(np.ptp(scores)) if len(scores) else 0.0
    worth = (scores - scores.min()) / width if width else np.ones(len(scores))
    nearest = np.zeros(len(hits))
    left = np.ones(len(hits), dtype=bool)
    chosen: list[Hit] = []
    while left.any() and len(chosen) < top_k:
        value = relevance * worth - (1 - relevance) * nearest
        best = int(np.argmax(np.where(left, value, -np.inf)))  # of equals the first
        left[best] = False
        hit = hits[best]
        chosen.append(replace(hit, scores={**hit.scores, "mmr": float(value[best])}))
        nearest = np.maximum(nearest, _cosines(vectors, vectors[best]))
    return chosen


def _cosines(
    vectors: Sequence[NDArray[np.float32]], one: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.array([float(v @ one) if len(v) == len(one) else 0.0 for v in vectors])

"""Spreading hits over what they say, by maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Context, Parameter, Step

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def _apply(hits: Sequence[Hit], relevance: float, context: Context) -> list[Hit]:
    return spread(hits, context.stored.vectors(hits), relevance, context.most)


STEP = Step(
    field="mmr",
    help="Spread hits over what they say.",
    order=30,
    apply=_apply,
    parameter=Parameter(
        "relevance", float, "1 is relevance alone, 0 novelty alone.", minimum=0, maximum=1
    ),
)

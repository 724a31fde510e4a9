"""One order of two: the dense and the keyword side of hybrid retrieval.

``weighted`` adds what both sides give a chunk, each on a scale from 0, what the side's 100th best
chunk has, to 1, what its best has. A chunk that only one side found gets its exact place on the
other's scale too. The scales are taken before filters and do not depend on ``top_k``, so that
neither changes the order of two chunks. Datasets with the same model share one scale of cosines;
models differ in what a cosine means, so each has its own. Min-max fusion with exact scores for all
candidates: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (2023).

``rrf`` adds reciprocal ranks: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion" (2009).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from knowledge.retrieval.search.candidates import Candidate, Source

if TYPE_CHECKING:
    from knowledge.retrieval.search.cosines import Found

SCALE_DEPTH = 100
"""The place on a side that counts as 0."""
FLOOR = -1.0
"""Least value on a scale: a chunk far below the others is not worse than one that is below."""
RRF_CONSTANT = 60
DIGITS = 9


@dataclass(frozen=True, slots=True)
class Scale:
    """A side's scores as numbers up to 1."""

    low: float
    high: float

    @classmethod
    def of(cls, best: Sequence[float]) -> Scale:
        """Return the scale that the best scores of a side span, which may be empty."""
        top = sorted(best, reverse=True)[:SCALE_DEPTH]
        return cls(top[-1], top[0]) if top else cls(0.0, 0.0)

    def place(self, score: float) -> float:
        """Return a score's place on the scale."""
        if self.high > self.low:
            return max(FLOOR, (score - self.low) / (self.high - self.low))
        return 1.0 if score >= self.high > 0 else 0.0


def dense_scales(sources: Sequence[Source], nearest: Sequence[Found]) -> dict[str, Scale]:
    """Return the scale of each model, given each dataset's nearest chunks before filters."""
    cosines: dict[str, list[float]] = {}
    for source, found in zip(sources, nearest, strict=True):
        cosines.setdefault(source.model, []).extend(cosine for _, cosine in found)
    return {model: Scale.of(values) for model, values in cosines.items()}


def keyword_scale(sources: Sequence[Source]) -> Scale:
    """Return the scale of the BM25 scores of all datasets, before filters."""
    best = np.zeros(0)
    for source in sources:
        assert source.scores is not None
        above = source.scores[source.scores > 0]
        kept = max(0, len(above) - SCALE_DEPTH)
        others = np.zeros(min(SCALE_DEPTH, len(source.scores) - len(above)))
        best = np.concatenate([best, np.partition(above, kept)[kept:] if kept else above, others])
    return Scale.of(best.tolist())


def weighted(
    candidates: Sequence[Candidate], weight: float, dense: Mapping[str, Scale], keyword: Scale
) -> list[Candidate]:
    """Return the candidates with the weighted sum as their score.

    Parameters
    ----------
    weight:
        The dense side's share.
    """
    return [
        replace(
            item,
            score=round(
                weight * dense[item.source.model].place(item.cosine)
                + (1 - weight) * keyword.place(item.keyword or 0.0),
                DIGITS,
            ),
        )
        for item in candidates
    ]


def rrf(candidates: Sequence[Candidate], weight: float) -> list[Candidate]:
    """Return the candidates with the weighted sum of reciprocal ranks as their score."""
    shares = {"dense": weight, "keyword": 1 - weight}
    return [
        replace(
            item,
            score=round(
                sum(shares[side] / (RRF_CONSTANT + rank) for side, rank in item.ranks.items()),
                DIGITS,
            ),
        )
        for item in candidates
    ]

"""Measures of one ranking.

Gains are what stands at each place is worth, best place first, 0 for what was not asked for;
``ideal`` are the worths of all that should be found, highest first. The definitions are those of
``trec_eval``, so that numbers can be compared with published ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Gains = Sequence[int]


def recall(gains: Gains, ideal: Gains, k: int) -> float:
    """Return the share of what should be found that stands among the first ``k``."""
    return _found(gains, k) / len(ideal)


def precision(gains: Gains, _: Gains, k: int) -> float:
    """Return the share of the first ``k`` places that hold what should be found."""
    return _found(gains, k) / k


def reciprocal_rank(gains: Gains, _: Gains, k: int) -> float:
    """Return one divided by the first place that counts; 0 when it is not among the first ``k``.

    Its mean is the MRR: Voorhees, "The TREC-8 Question Answering Track Report" (1999).
    """
    return next((1 / place for place, gain in enumerate(gains[:k], 1) if gain > 0), 0.0)


def ndcg(gains: Gains, ideal: Gains, k: int) -> float:
    """Return the normalised discounted cumulative gain, with the grade itself as the gain.

    Jaervelin and Kekaelaeinen, "Cumulated Gain-Based Evaluation of IR Techniques" (2002), with the
    discount log2(place + 1).
    """
    return _discounted(gains[:k]) / _discounted(ideal[:k])


MEASURES: Mapping[str, Callable[[Gains, Gains, int], float]] = {
    "recall": recall,
    "precision": precision,
    "mrr": reciprocal_rank,
    "ndcg": ndcg,
}


def _found(gains: Gains, k: int) -> int:
    return sum(gain > 0 for gain in gains[:k])


def _discounted(gains: Gains) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))

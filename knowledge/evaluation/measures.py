"""Measures of one ranking, and whether the difference of two means is more than chance.

The measures take the gains of a ranking, which are the relevance grades of its places, best place
first, 0 for what is not relevant; and the ideal gains, which are the grades of all that should be
found, highest first. The definitions are those of ``trec_eval``, so that numbers can be compared
with published ones.

Means over the same questions are compared by Fisher's paired randomisation test: if two settings
were alike, each question's difference could as well have the other sign. The p-value is the share
of ways to give the signs that make the mean difference at least as large as it is. Smucker, Allan
and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval
Evaluation" (CIKM 2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

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


SAMPLES = 20_000
EXACT_LIMIT = 14
"""Up to this many questions that differ, all ways are counted."""
LEVEL = 0.05
_BLOCK = 1_000


def p_value(first: Sequence[float], second: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p-value of the difference of two means.

    Parameters
    ----------
    first, second:
        A value for each question, in the same order.
    seed:
        Of the random signs, where there are too many ways to count all.
    """
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    differences = differences[differences != 0]  # their sign changes nothing
    if not len(differences):
        return 1.0
    seen = abs(differences.sum()) - 1e-9  # sums of one set in other orders differ a little
    if len(differences) <= EXACT_LIMIT:
        ways = np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1
        return float(np.mean(abs((2 * ways - 1) @ differences) >= seen))
    random = np.random.default_rng(seed)
    extreme = 0
    for _ in range(SAMPLES // _BLOCK):
        signs = random.integers(0, 2, (_BLOCK, len(differences)), dtype=np.int8) * 2 - 1
        extreme += int(np.sum(abs(signs @ differences) >= seen))
    # The ways seen in the data are one of those that count, so that p is never 0.
    return (extreme + 1) / (SAMPLES + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values of one family, adjusted for their number, in the same order.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for place, at in enumerate(order):
        least = max(least, min(1.0, p_values[at] * (len(p_values) - place)))
        adjusted[at] = least
    return adjusted

"""Whether the difference of two means over the same questions is more than chance.

The paired randomisation test of Fisher: if two settings were alike, each question's difference
could as well have the other sign. The p-value is the share of ways to give the signs that make the
mean difference at least as large as it is. Smucker, Allan and Carterette, "A Comparison of
Statistical Significance Tests for Information Retrieval Evaluation" (CIKM 2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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

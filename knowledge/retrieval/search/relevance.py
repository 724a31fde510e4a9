"""How well a passage fits a question, from 0 to 1, the same across questions, datasets and top-k.

A score orders the passages of one question; it does not say whether any of them fits. Relevance is
a logistic regression on two numbers that mean the same for every question: the share of what the
question's terms weigh (by how rare they are) that the passage holds, and the cosine. It was fitted
to the best passages for questions asked of their own collection and of two others, with the model
``static``; benchmarks/results/quality.md shows how well it tells them apart. A passage that holds
nearly all the question's terms fits, whatever a model makes of an identifier.

Models differ in what a cosine means: where even strangers have high ones, so has the relevance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BOTH = (-9.6, 7.3, 17.5)
"""Constant, weight of the share, weight of the cosine."""
_WORDS = (-8.0, 11.0)
"""Constant and weight of the share for a passage that fits by its words alone."""
_WORDS_ALONE = (-3.7, 11.7)
"""The same where there are no cosines."""
_DIGITS = 6
STEEPEST = _BOTH[2] / 4
"""By how much relevance rises with a cosine at most."""


def relevance(
    shares: NDArray[np.float64], cosines: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the relevance of passages.

    Parameters
    ----------
    shares:
        How much of what the question's terms weigh together each holds, from 0 to 1.
    cosines:
        Of question and passage; ``None`` where the question has no vector.
    """
    if cosines is None:
        return _logistic(_WORDS_ALONE[0] + _WORDS_ALONE[1] * shares)
    both = _BOTH[0] + _BOTH[1] * shares + _BOTH[2] * cosines
    return _logistic(np.maximum(both, _WORDS[0] + _WORDS[1] * shares))


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.round(1 / (1 + np.exp(-values)), _DIGITS)
    return found

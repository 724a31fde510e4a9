"""The cosine of a question and a chunk: one number for one pair, however the chunk was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGITS = 6

Found = list[tuple[int, float]]
"""(position, cosine), best first; equal cosines by chunk id."""


def exact_cosines(vectors: NDArray[np.float32], question: NDArray[np.float32]) -> list[float]:
    """Return the cosine of each row with the question: in float64, rounded to 6 digits.

    Each row is summed up by itself, in one order, whatever rows stand beside it. What has no
    length has the cosine 0 with everything.
    """
    rows = vectors.astype(np.float64)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    products = (rows * question.astype(np.float64)).sum(axis=1)
    cosines = np.clip(products / np.where(lengths > 0, lengths, 1.0), -1.0, 1.0)
    return [cosine + 0.0 for cosine in np.round(cosines, DIGITS).tolist()]  # no -0.0

"""A text that is longer than the model takes: cut in two, and put together again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHORTEST = 16
"""Characters below which a text is not cut any more."""

_SPACE = re.compile(r"\s+")


def cut_in_two(text: str) -> list[str]:
    """Cut near the middle, at white space when the middle half has some.

    Returns
    -------
    list of str
        Two texts, neither blank; one where the rest was blank; none when ``text`` is too short.
    """
    if len(text) < SHORTEST:
        return []
    middle = len(text) // 2
    quarter = len(text) // 4
    gaps = _SPACE.finditer(text, quarter, len(text) - quarter)
    cut = min((gap.start() for gap in gaps), key=lambda at: abs(at - middle), default=middle)
    return [half for half in (text[:cut].strip(), text[cut:].strip()) if half]


def mean_of_parts(
    vectors: Sequence[NDArray[np.float32]], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Average unit vectors, weighted by the lengths of their texts; shape (dimensions,)."""
    mean = np.average(np.stack(vectors).astype(np.float64), axis=0, weights=lengths)
    norm = np.linalg.norm(mean)
    unit: NDArray[np.float32] = (mean / norm if norm else mean).astype(np.float32)
    return unit

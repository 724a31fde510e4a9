"""Vectors of unit length: which rows are, and those that an index gives back bit for bit.

A cosine index divides a vector by its length and multiplies by it again when the vector is read:
``(v * (1 / n)) * n`` with ``n`` summed up in float32, one component after the other (found by
comparing what goes in with what comes out, chromadb 1.5.9; a test holds it). Where ``n`` is exactly
1 nothing changes. Otherwise each export and import would move vectors by a rounding error, and with
them scores and hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TRIES = 40


def exact_unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors, float32 of shape (n, d), moved by less than a rounding error.

    Vectors that are exact already come back as they are; what is not of unit length does too.
    """
    import numpy as np

    columns = np.array(vectors, dtype=np.float32).T.copy()  # one vector a column: sums run fast
    sums = _sums(columns)
    left = np.flatnonzero((np.sqrt(sums) != 1.0) & (np.abs(sums - 1.0) < 1e-3))
    columns[:, left] /= np.sqrt(sums[left])
    sums = _sums(columns[:, left])
    for _ in range(_TRIES):
        off = np.sqrt(sums) != 1.0
        left, sums = left[off], sums[off]
        if not len(left):
            break
        # What the sum lacks goes to the largest component: there it makes the least difference.
        largest = np.abs(columns[:, left]).argmax(axis=0)
        value = columns[largest, left].astype(np.float64)
        square = np.maximum(value**2 - (sums.astype(np.float64) - 1.0), 0.0)
        columns[largest, left] = np.copysign(np.sqrt(square), value)
        sums = _sums(columns[:, left])
    return np.ascontiguousarray(columns.T)


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows are numbers, and of unit length."""
    import numpy as np

    with np.errstate(all="ignore"):
        unit: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1.0) < 1e-3
    return unit


def _sums(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of squares down the columns, summed up in order and in float32."""
    import numpy as np

    sums = np.zeros(columns.shape[1], np.float32)
    for row in columns:
        sums += row * row
    return sums

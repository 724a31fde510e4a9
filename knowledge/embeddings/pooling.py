"""From a vector for each token to one for the text, as sentence-transformers defines it.

Arrays of token vectors have shape (texts, tokens, dimensions); masks (texts, tokens), 1 for a
token and 0 for padding, which stands on the right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Pooling = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


def pool(
    tokens: NDArray[np.float32], mask: NDArray[np.int64], modes: Sequence[str]
) -> NDArray[np.float32]:
    """Pool token vectors; several modes give their vectors joined, shape (texts, dimensions)."""
    weights = mask.astype(np.float32)
    return np.concatenate([_POOLINGS[mode](tokens, weights) for mode in modes], axis=1)


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of unit length; zero vectors stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.zeros_like(vectors)
    np.divide(vectors, norms, out=unit, where=norms > 0)
    return unit


def _cls(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    del mask
    return tokens[:, 0]


def _max(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    largest: NDArray[np.float32] = np.where(mask[..., None] > 0, tokens, -np.inf).max(axis=1)
    return largest


def _sum(tokens: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.einsum("ntd,nt->nd", tokens, weights)
    return total


def _count(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    count: NDArray[np.float32] = np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return count


def _mean(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    return _sum(tokens, mask) / _count(mask)


def _mean_sqrt(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    root: NDArray[np.float32] = np.sqrt(_count(mask))
    return _sum(tokens, mask) / root


def _weighted_mean(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average with weights 1, 2, 3... by position."""
    return _mean(tokens, mask * np.arange(1, mask.shape[1] + 1, dtype=np.float32))


def _last(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    last = np.maximum(mask.sum(axis=1).astype(np.int64) - 1, 0)
    vectors: NDArray[np.float32] = tokens[np.arange(len(tokens)), last]
    return vectors


_POOLINGS: Mapping[str, Pooling] = {
    "cls": _cls,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}

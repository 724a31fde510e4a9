"""The chunks nearest to a query vector, by cosine, with filters applied before top-k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.vectors.chroma import ChromaIndex

EXACT_LIMIT = 20_000  # up to this many allowed chunks, comparing each is as fast as searching
OVERFETCH = 4

Scored = list[tuple[str, float]]
"""(chunk id, cosine), best first; equal cosines by id."""


def search(
    index: ChromaIndex,
    query: NDArray[np.float32],
    top_k: int,
    *,
    allowed: Sequence[str] | None,
    chunks: int,
) -> Scored:
    """Return the ``top_k`` chunks nearest to ``query``.

    Parameters
    ----------
    query:
        float32 of shape (dimensions,), of unit length.
    allowed:
        Ids that may be hits; ``None`` is all.
    chunks:
        How many the index holds.
    """
    top_k = min(top_k, chunks)
    if not top_k:
        return []
    if allowed is None:
        return _sorted(index.search(query, top_k))
    if len(allowed) > EXACT_LIMIT:
        found = _search_among(index, query, top_k, set(allowed), chunks)
        if found is not None:
            return found
    return _compare(index, query, top_k, allowed)


def _search_among(
    index: ChromaIndex, query: NDArray[np.float32], top_k: int, allowed: set[str], chunks: int
) -> Scored | None:
    """Search ever deeper until enough hits are allowed; ``None`` when that leads nowhere."""
    from knowledge.storage.vectors.chroma import MAX_RESULTS

    depth = top_k * OVERFETCH
    while depth <= min(chunks, MAX_RESULTS):
        found = [pair for pair in index.search(query, depth) if pair[0] in allowed]
        if len(found) >= top_k:
            return _sorted(found)[:top_k]
        depth *= OVERFETCH
    return None


def _compare(
    index: ChromaIndex, query: NDArray[np.float32], top_k: int, allowed: Sequence[str]
) -> Scored:
    """Compare the query with each allowed chunk."""
    import numpy as np

    best: Scored = []
    for ids, vectors in index.vectors(allowed):
        norms = np.linalg.norm(vectors, axis=1)
        cosines = np.clip((vectors @ query) / np.where(norms > 0, norms, 1.0), -1.0, 1.0)
        best = _sorted([*best, *zip(ids, map(float, cosines), strict=True)])[:top_k]
    return best


def _sorted(pairs: Scored) -> Scored:
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

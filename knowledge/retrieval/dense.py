"""The chunks nearest to a query vector, by cosine, with filters applied before top-k.

Few allowed chunks are compared one by one. When many are allowed, the index is searched deep enough
that enough of what it finds should be allowed; else it is searched among their ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.snapshot import Snapshot
    from knowledge.storage.vectors.reader import VectorReader

EXACT_LIMIT = 500
"""Up to this many allowed chunks, comparing each is as fast as searching."""
AMONG_LIMIT = 30_000
"""As many ids as the index takes."""
AMONG_DEPTH = 200
"""A search among ids finds more of the nearest when it is asked for more than a few."""
DEEP_LIMIT = 2_500
"""A search of all this deep is as fast as one among ids."""
OVERFETCH = 2
TIES_OVERFETCH = 4
LEAST_DEPTH = 100
"""A search for fewer takes as long."""
TIES = 10
DIGITS = 6

Found = list[tuple[int, float]]
"""(position, cosine), best first; equal cosines by chunk id."""


class DenseSearch:
    """Searches one dataset's vectors for one question.

    Parameters
    ----------
    vector:
        The question, float32 of shape (dimensions,), of unit length.
    """

    def __init__(
        self,
        index: VectorReader,
        vector: NDArray[np.float32],
        columns: ChunkColumns,
        snapshot: Snapshot,
    ) -> None:
        self._index = index
        self._vector = vector
        self._columns = columns
        self._snapshot = snapshot
        self._found: Found = []

    def nearest(self, top: int, mask: NDArray[np.bool_] | None = None) -> Found:
        """Return the ``top`` nearest chunks among those that ``mask`` allows."""
        if mask is None:
            return self._nearest_of_all(min(top, len(self._columns)))
        allowed = int(mask.sum())
        top = min(top, allowed)
        if not top:
            return []
        depth = math.ceil(OVERFETCH * top * len(self._columns) / allowed)
        if allowed > EXACT_LIMIT and (depth <= DEEP_LIMIT or allowed > AMONG_LIMIT):
            found = [pair for pair in self._nearest_of_all(depth) if mask[pair[0]]]
            if len(found) >= top:
                return found[:top]
        ids = self._columns.ids_at(self._snapshot, np.flatnonzero(mask).tolist())
        if EXACT_LIMIT < allowed <= AMONG_LIMIT:
            pairs = self._index.search(self._vector, max(top, AMONG_DEPTH), among=ids)
            if len(pairs) >= top:
                return self._placed(pairs)[:top]
        return self._placed(self._compared(ids))[:top]

    def cosines(self, positions: Sequence[int]) -> list[float]:
        """Return the cosines of some chunks."""
        ids = self._columns.ids_at(self._snapshot, positions)
        found = dict(self._compared(ids))
        return [round(found[id], DIGITS) for id in ids]

    def _nearest_of_all(self, top: int) -> Found:
        if len(self._found) < top:
            depth = min(max(top, LEAST_DEPTH), len(self._columns))
            self._found = self._placed(self._deep_enough(depth))[:depth]
        return self._found[:top]

    def _deep_enough(self, top: int) -> list[tuple[str, float]]:
        """Search so deep that no chunk left out is as near as the last one that counts."""
        depth = top + TIES
        while True:
            found = self._index.search(self._vector, depth)
            last = min(top, len(found)) - 1
            tied = round(found[-1][1], DIGITS) == round(found[last][1], DIGITS) if found else False
            if not tied or len(found) < depth:
                return found
            depth *= TIES_OVERFETCH

    def _compared(self, ids: Sequence[str]) -> list[tuple[str, float]]:
        """Compare the question with each of some chunks."""
        pairs: list[tuple[str, float]] = []
        for found, vectors in self._index.vectors(ids):
            norms = np.linalg.norm(vectors, axis=1)
            cosines = np.clip((vectors @ self._vector) / np.where(norms > 0, norms, 1.0), -1.0, 1.0)
            pairs.extend(zip(found, map(float, cosines), strict=True))
        return pairs

    def _placed(self, pairs: list[tuple[str, float]]) -> Found:
        """Return pairs by position, best first.

        Cosines are rounded: how they were computed must not decide between equals.
        """
        ordered = sorted((-round(cosine, DIGITS), id) for id, cosine in pairs)
        positions = self._columns.positions_of(self._snapshot, [id for _, id in ordered])
        return [
            (int(at), -cosine)
            for at, (cosine, _) in zip(positions, ordered, strict=True)
            if at >= 0
        ]

"""The chunks nearest to a query vector, by cosine, with filters applied before top-k.

Few allowed chunks are compared one by one. When many are allowed, the index is searched among their
files, where it knows these and the filter cuts none; else deep enough that enough of what it finds
should be allowed, and among their ids where it was not.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.search.cosines import Found, exact_cosines
from knowledge.storage.store import REPAIR_INDEX
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import VectorReader

EXACT_LIMIT = 5_000
"""Up to this many allowed chunks, each is compared; their vectors are read once for a filter."""
AMONG_LIMIT = 30_000
"""As many ids as an index takes at once; with more, a deep search is tried first."""
AMONG_DEPTH = 200
"""A search among ids finds more of the nearest when more than a few are requested."""
DEEP_LIMIT = 2_500
"""A search of all this deep is as fast as one among ids."""
OVERFETCH = 2
TIES_OVERFETCH = 4
LEAST_DEPTH = 100
"""A search for fewer takes as long."""
TIES = 10
TOLERANCE = 2e-6
"""More than the error of a search's cosines, which are float32, and of rounding."""

Pairs = list[tuple[str, float]]
"""(chunk id, cosine) as a search gives them, nearly best first."""


class ApproximateSearch:
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
        self._pairs: Pairs = []
        self._whole = False
        self._cosines: dict[str, float] = {}

    def nearest(self, top: int, mask: NDArray[np.bool_] | None = None) -> Found:
        """Return the ``top`` nearest chunks among those that ``mask`` allows."""
        if mask is None:
            return self._best(self._searched(top), top)
        allowed = int(mask.sum())
        top = min(top, allowed)
        if not top:
            return []
        if allowed <= EXACT_LIMIT:
            return self._best(self._compared(mask, top), top)
        depth = math.ceil(OVERFETCH * top * len(self._columns) / allowed)
        files = self._columns.whole_files(self._snapshot, mask) if self._index.by_file else None
        if files is None and (depth <= DEEP_LIMIT or allowed > AMONG_LIMIT):
            found = self._allowed(self._searched(depth), mask)
            if len(found) >= top:
                return self._best(found, top)
        among = None if files is not None else self._ids(mask)
        few = max(top + TIES, AMONG_DEPTH)
        found = self._index.search(self._vector, few, among=among, files=files)
        return self._best(found, top) if len(found) >= top else self._placed(self._ids(mask))[:top]

    def _ids(self, mask: NDArray[np.bool_]) -> list[str]:
        return self._columns.ids_at(self._snapshot, np.flatnonzero(mask).tolist())

    def estimates(self) -> None:
        """Return nothing: not all chunks are compared."""

    def best(self) -> float:
        """Return the highest cosine that a search finds."""
        found = self.nearest(1)
        return found[0][1] if found else 0.0

    def cosines(self, positions: Sequence[int]) -> list[float]:
        """Return the cosines of some chunks."""
        ids = self._columns.ids_at(self._snapshot, positions)
        known = self._exact(ids)
        return [known[id] for id in ids]

    def _searched(self, top: int) -> Pairs:
        """Search so deep that no chunk left out is as near as the last one that counts."""
        top = min(max(top, LEAST_DEPTH), len(self._columns))
        depth = max(top + TIES, len(self._pairs))
        while not self._reaches(top):
            self._pairs = self._index.search(self._vector, depth)
            if len(self._pairs) < depth:
                self._whole = True
                self._check_all(len(self._pairs))
            depth *= TIES_OVERFETCH
        return self._pairs

    def _check_all(self, found: int) -> None:
        """Look for the vectors of all chunks where a search for all of them found fewer."""
        if found < len(self._columns):
            ids = self._columns.ids_at(self._snapshot, range(len(self._columns)))
            _check_whole(ids, {id for page, _ in self._index.vectors(ids) for id in page})

    def _reaches(self, top: int) -> bool:
        """Tell whether what was searched holds the ``top`` nearest, and all as near as the last."""
        pairs = self._pairs
        return self._whole or (len(pairs) > top and pairs[-1][1] < pairs[top - 1][1] - TOLERANCE)

    def _compared(self, mask: NDArray[np.bool_], top: int) -> Pairs:
        """Compare the question with all chunks that are allowed; return the ``top``, and ties."""
        ids, vectors = self._columns.vectors(mask, lambda: self._read(mask))
        # Not `@`: on a busy machine, BLAS's threads wait for each other longer than this takes.
        cosines = np.einsum("ij,j->i", vectors, self._vector)
        least = np.partition(cosines, len(ids) - top)[len(ids) - top] - TOLERANCE
        return [(ids[row], float(cosines[row])) for row in np.flatnonzero(cosines >= least)]

    def _read(self, mask: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.float32]]:
        """Return the ids and the vectors, of unit length, of the chunks that are allowed."""
        wanted = self._ids(mask)
        pages = list(self._index.vectors(wanted))
        _check_whole(wanted, {id for ids, _ in pages for id in ids})
        vectors = np.concatenate([vectors for _, vectors in pages])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, norms, out=vectors, where=norms > 0)
        return [id for ids, _ in pages for id in ids], vectors

    def _allowed(self, pairs: Pairs, mask: NDArray[np.bool_]) -> Pairs:
        positions = self._known_positions([id for id, _ in pairs])
        return [pair for pair, at in zip(pairs, positions, strict=True) if mask[at]]

    def _best(self, pairs: Pairs, top: int) -> Found:
        """Return the ``top`` best of what a search found, in exact order."""
        if len(pairs) > top:
            least = sorted((cosine for _, cosine in pairs), reverse=True)[top - 1] - TOLERANCE
            pairs = [pair for pair in pairs if pair[1] >= least]
        return self._placed([id for id, _ in pairs])[:top]

    def _placed(self, ids: Sequence[str]) -> Found:
        known = self._exact(ids)
        ordered = sorted((-known[id], id) for id in ids)
        positions = self._known_positions([id for _, id in ordered])
        return [(int(at), -negative) for at, (negative, _) in zip(positions, ordered, strict=True)]

    def _known_positions(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return where chunks stand; a published index holds vectors of its own chunks alone."""
        positions = self._columns.positions_of(self._snapshot, ids)
        if (positions < 0).any():
            stranger = ids[int(np.argmin(positions))]
            raise DamagedStoreError(
                f"the index has a vector of chunk {stranger}, which dataset "
                f"{self._columns.dataset.name!r} does not hold",
                hint=REPAIR_INDEX,
            )
        return positions

    def _exact(self, ids: Sequence[str]) -> dict[str, float]:
        """Return cosines, computed in one way: how a chunk was found must not change them."""
        missing = [id for id in ids if id not in self._cosines]
        for found, vectors in self._index.vectors(missing):
            self._cosines.update(zip(found, exact_cosines(vectors, self._vector), strict=True))
        _check_whole(missing, self._cosines)
        return self._cosines


def _check_whole(wanted: Sequence[str], found: Container[str]) -> None:
    if lost := [id for id in wanted if id not in found]:
        raise DamagedStoreError(
            f"the index has no vector for {counted(len(lost), 'chunk')}, such as {lost[0]}",
            hint=REPAIR_INDEX,
        )

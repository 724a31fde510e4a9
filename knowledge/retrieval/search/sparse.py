"""The third side of hybrid: how much of a question's weighted terms each chunk has.

A chunk's score is the inner product of its vector and the question's, over the terms that both
have. Where the model's weights say nothing of rarity, a term counts by BM25's, ``log(1 + (N - n +
0.5) / (n + 0.5))`` for n of N chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import DamagedStoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.embeddings.sparse import SparseVector
    from knowledge.model import Dataset
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import SparseSearch, VectorReader

DIGITS = 6
FEW = 5_000
"""Up to so many chunks that a filter allows, the score of each is computed."""
SPARE = 10
DEEPER = 4
_Holders = tuple["NDArray[np.int64]", "NDArray[np.float32]"]
"""Positions, and weights."""


class SparseVectors:
    """The vectors of a dataset's chunks: as lists by term, but for the few that are in none yet.

    Parameters
    ----------
    columns:
        Those of the generation that the snapshot shows.

    Raises
    ------
    DamagedStoreError
        A vector can't be read.
    """

    def __init__(self, snapshot: Snapshot, dataset: Dataset, columns: ChunkColumns) -> None:
        self._dataset = dataset
        self._columns = columns
        stored = snapshot.unlisted_sparse(dataset)
        rows = np.array([row for row, _, _ in stored], np.int64)
        at = columns.positions_of_rows(rows)
        kept = [one for one, place in zip(stored, at.tolist(), strict=True) if place >= 0]
        for _, terms, weights in kept:
            self._check(terms, weights)
        lengths = [len(terms) // 4 for _, terms, _ in kept]
        self._positions = np.repeat(at[at >= 0], lengths)
        self._terms = np.frombuffer(b"".join(terms for _, terms, _ in kept), "<u4")
        self._weights = self._read(b"".join(weights for _, _, weights in kept))

    def scores(
        self, question: SparseVector, snapshot: Snapshot, *, count_rarity: bool
    ) -> NDArray[np.float64]:
        """Return the score of each chunk by its position; 0 where it has no vector.

        Parameters
        ----------
        count_rarity:
            The question's weights say nothing of how rare a term is.

        Raises
        ------
        DamagedStoreError
            A list can't be read.
        """
        size = len(self._columns)
        scores = np.zeros(size)
        if not len(question.terms):
            return scores
        holders = self._holders(question, snapshot)
        for term, weight in zip(question.terms.tolist(), question.weights.tolist(), strict=True):
            found = holders.get(term, [])
            holding = sum(len(at) for at, _ in found)
            if count_rarity:
                weight *= float(np.log1p((size - holding + 0.5) / (holding + 0.5)))
            for at, weights in found:  # a chunk holds a term once, so that no position comes twice
                scores[at] += weight * weights
        return np.round(scores, DIGITS)

    def _holders(self, question: SparseVector, snapshot: Snapshot) -> dict[int, list[_Holders]]:
        """Return the positions of the chunks that hold each term of a question, and the weights."""
        found: dict[int, list[_Holders]] = {}
        for term, rows, listed in snapshot.sparse_lists(self._dataset, question.terms.tolist()):
            self._check(rows, listed)
            at = self._columns.positions_of_rows(np.frombuffer(rows, "<u4").astype(np.int64))
            found.setdefault(term, []).append((at[at >= 0], self._read(listed)[at >= 0]))
        at = np.searchsorted(question.terms, self._terms)
        at[at == len(question.terms)] = 0
        held = np.flatnonzero(question.terms[at] == self._terms)
        for term in np.unique(self._terms[held]).tolist():
            own = held[self._terms[held] == term]
            found.setdefault(term, []).append((self._positions[own], self._weights[own]))
        return found

    def _check(self, terms: bytes, weights: bytes) -> None:
        _check(self._dataset, terms, weights)

    def _read(self, weights: bytes) -> NDArray[np.float32]:
        return _read(self._dataset, weights)


class IndexedSparse:
    """The scores of one question, of the chunks that a search of the index finds.

    They are computed of the catalog's vectors, as :class:`SparseVectors` computes them: the index
    only tells which chunks may be among the best.

    Parameters
    ----------
    search:
        Searches the sparse vectors of the index.
    """

    def __init__(
        self,
        search: SparseSearch,
        reader: VectorReader,
        question: SparseVector,
        columns: ChunkColumns,
        dataset: Dataset,
    ) -> None:
        self.scores: NDArray[np.float64] = np.zeros(len(columns))
        """By position; 0 of those that were neither found nor asked for."""
        self._search = search
        self._by_file = reader.by_file
        self._question = question
        self._columns = columns
        self._dataset = dataset
        self._known: NDArray[np.bool_] = np.zeros(len(columns), dtype=np.bool_)

    def nearest(
        self, top: int, mask: NDArray[np.bool_] | None, snapshot: Snapshot
    ) -> NDArray[np.int64]:
        """Return the ``top`` chunks with the highest scores above 0 that a mask allows.

        Equal scores go by position.
        """
        if not len(self._question.terms):
            return np.zeros(0, np.int64)
        found = self._candidates(top, mask, snapshot)
        self.fill(found, snapshot)
        scores = self.scores[found]
        best = np.lexsort((found, -scores))[:top]
        return found[best[scores[best] > 0]]

    def fill(self, positions: NDArray[np.int64], snapshot: Snapshot) -> None:
        """Compute the scores of some chunks."""
        wanted = positions[~self._known[positions]]
        if not len(wanted) or not len(self._question.terms):
            return
        ids = self._columns.ids_at(snapshot, wanted.tolist())
        stored = snapshot.sparse_of_ids(self._dataset, ids)
        kept = [
            (at, stored[id]) for at, id in zip(wanted.tolist(), ids, strict=True) if id in stored
        ]
        for _, vector in kept:
            _check(self._dataset, *vector)
        lengths = [len(vector[0]) // 4 for _, vector in kept]
        at = np.repeat(np.array([place for place, _ in kept], np.int64), lengths)
        terms = np.frombuffer(b"".join(vector[0] for _, vector in kept), "<u4")
        weights = _read(self._dataset, b"".join(vector[1] for _, vector in kept))
        asked = zip(self._question.terms.tolist(), self._question.weights.tolist(), strict=True)
        for term, weight in asked:  # in the order in which lists are added up
            held = terms == term
            self.scores[at[held]] += weight * weights[held]
        self.scores[wanted] = np.round(self.scores[wanted], DIGITS)
        self._known[wanted] = True

    def _candidates(
        self, top: int, mask: NDArray[np.bool_] | None, snapshot: Snapshot
    ) -> NDArray[np.int64]:
        """Return chunks that a mask allows, the best by score among them."""
        among = files = None
        if mask is not None:
            allowed = np.flatnonzero(mask)
            if len(allowed) <= max(FEW, top):
                return allowed
            files = self._columns.whole_files(snapshot, mask) if self._by_file else None
            if files is None:
                among = self._columns.ids_at(snapshot, allowed.tolist())
        depth = top + SPARE
        while True:
            pairs = self._search(
                self._question.terms, self._question.weights, depth, among=among, files=files
            )
            if len(pairs) < depth or pairs[-1][1] < pairs[top - 1][1] * (1 - self._tolerance):
                break
            depth *= DEEPER
        at = self._columns.positions_of(snapshot, [id for id, _ in pairs])
        return at[at >= 0] if mask is None else at[(at >= 0) & mask[at]]

    @property
    def _tolerance(self) -> float:
        """By what share a sum of positive products in float32 may be off, and a rounded score."""
        return 2 * len(self._question.terms) * 2.0**-23 + 10.0**-DIGITS


def indexed_sparse(
    reader: VectorReader, question: SparseVector, columns: ChunkColumns, dataset: Dataset
) -> IndexedSparse | None:
    """Return what finds chunks by the sparse vectors that an index keeps of all of them.

    ``None`` where it keeps none of the dataset's model.
    """
    search = reader.sparse(dataset.sparse.fingerprint) if dataset.sparse else None
    if search is None:
        return None
    return IndexedSparse(search, reader, question, columns, dataset)


def _check(dataset: Dataset, terms: bytes, weights: bytes) -> None:
    if len(terms) != 2 * len(weights) or len(terms) % 4:
        raise _damaged(dataset)


def _read(dataset: Dataset, weights: bytes) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.frombuffer(weights, "<f2").astype(np.float32)
    if not np.isfinite(found).all():
        raise _damaged(dataset)
    return found


def _damaged(dataset: Dataset) -> DamagedStoreError:
    return DamagedStoreError(
        f"the sparse vectors of dataset {dataset.name!r} are damaged",
        hint="`ingest` with `force` makes them again.",
    )

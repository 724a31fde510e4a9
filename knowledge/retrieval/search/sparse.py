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

DIGITS = 6
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
        if len(terms) != 2 * len(weights) or len(terms) % 4:
            raise self._damaged()

    def _read(self, weights: bytes) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.frombuffer(weights, "<f2").astype(np.float32)
        if not np.isfinite(found).all():
            raise self._damaged()
        return found

    def _damaged(self) -> DamagedStoreError:
        return DamagedStoreError(
            f"the sparse vectors of dataset {self._dataset.name!r} are damaged",
            hint="`ingest` with `force` makes them again.",
        )

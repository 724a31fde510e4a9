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


class SparseVectors:
    """The vectors of a dataset's chunks, one after the other.

    Parameters
    ----------
    columns:
        Those of the generation that the snapshot shows.

    Raises
    ------
    DamagedStoreError
        One can't be read.
    """

    def __init__(self, snapshot: Snapshot, dataset: Dataset, columns: ChunkColumns) -> None:
        stored = snapshot.sparse(dataset)
        rows = np.array([row for row, _, _ in stored], np.int64)
        shown = np.isin(rows, columns.rows)  # the others belong to other generations
        kept = [one for one, is_shown in zip(stored, shown.tolist(), strict=True) if is_shown]
        whole = all(
            len(terms) == 2 * len(weights) and not len(weights) % 2 for _, terms, weights in kept
        )
        joined = b"".join(weights for _, _, weights in kept) if whole else b""
        weights = np.frombuffer(joined, "<f2").astype(np.float32)
        if not whole or not np.isfinite(weights).all():
            raise DamagedStoreError(
                f"the sparse vectors of dataset {dataset.name!r} are damaged",
                hint="`ingest` with `force` makes them again.",
            )
        self._size = len(columns)
        positions = np.searchsorted(columns.rows, rows[shown])
        lengths = [len(terms) // 4 for _, terms, _ in kept]
        self._positions = np.repeat(positions, lengths)
        self._terms = np.frombuffer(b"".join(terms for _, terms, _ in kept), "<u4")
        self._weights = weights

    def scores(self, question: SparseVector, *, count_rarity: bool) -> NDArray[np.float64]:
        """Return the score of each chunk by its position; 0 where it has no vector.

        Parameters
        ----------
        count_rarity:
            The question's weights say nothing of how rare a term is.
        """
        if not len(question.terms):
            return np.zeros(self._size)
        at = np.searchsorted(question.terms, self._terms)
        at[at == len(question.terms)] = 0
        held = np.flatnonzero(question.terms[at] == self._terms)
        terms = at[held]
        weights = question.weights.astype(np.float64)
        if count_rarity:
            holding = np.bincount(terms, minlength=len(weights))
            weights *= np.log1p((self._size - holding + 0.5) / (holding + 0.5))
        products = weights[terms] * self._weights[held]
        found = np.bincount(self._positions[held], products, minlength=self._size)
        return np.round(found, DIGITS)

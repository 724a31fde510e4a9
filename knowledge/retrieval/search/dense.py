"""The chunks nearest to a query vector, by cosine, with filters applied before top-k.

Where all vectors of a dataset are at hand, the question is compared with each of them, in float32,
which is quick. Sums in float32 depend on how they are made, so they only tell which chunks may be
among the best; what counts is computed of these in one way (``cosines``). So hits depend neither on
how an index was built nor on filters, on how many are asked for, or on threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.search.approximate import ApproximateSearch
from knowledge.retrieval.search.cosines import Found, exact_cosines
from knowledge.storage.store import REPAIR_INDEX
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from typing import Protocol

    from numpy.typing import NDArray

    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import VectorMatrix, VectorReader
else:
    Protocol = object

PAGE = 10_000
"""Vectors of which exact cosines are computed at once."""
DEPTH = 4_000
"""So many of what a search of an index finds are compared at least, so that the first do not depend
on how many are asked for."""
FEW = 8
"""Where at most one chunk in so many is allowed, only these are compared."""
LONG = 1 << 22
"""Numbers of all vectors together whose comparison takes longer than the start of a thread."""


class DenseSearch(Protocol):
    """Compares one question with one dataset's vectors."""

    def nearest(self, top: int, mask: NDArray[np.bool_] | None = None) -> Found:
        """Return the ``top`` nearest chunks among those that ``mask`` allows."""

    def cosines(self, positions: Sequence[int]) -> list[float]:
        """Return the cosines of some chunks."""

    def best(self) -> float:
        """Return the highest cosine of all chunks, whatever filters say; 0 where there are none."""

    def estimates(self) -> NDArray[np.float32] | None:
        """Return the cosine of each chunk by position, off by less than :func:`tolerance`.

        ``None`` where there are too many vectors to compare each.
        """


def dense_search(
    index: VectorReader,
    vector: NDArray[np.float32],
    columns: ChunkColumns,
    snapshot: Snapshot,
    *,
    ahead: bool = False,
) -> DenseSearch:
    """Return what compares a question with a dataset's vectors.

    Parameters
    ----------
    vector:
        The question, float32 of shape (dimensions,), of unit length.
    ahead:
        All chunks will be compared: begin it in a thread, beside what else the question takes.
    """
    matrix = index.matrix()
    if matrix is None:
        return ApproximateSearch(index, vector, columns, snapshot)
    comparison = _Comparison(matrix, vector)
    if ahead and matrix.quick and len(columns) * len(vector) >= LONG:
        comparison.begin()
    return ExactSearch(index, matrix, vector, columns, snapshot, comparison)


class _Comparison:
    """The cosines of a question with all vectors of a matrix, by number."""

    def __init__(self, matrix: VectorMatrix, vector: NDArray[np.float32]) -> None:
        self._matrix = matrix
        self._vector = vector
        self._cosines: NDArray[np.float32] | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Compare in a thread; numpy holds no lock of Python's meanwhile."""
        self._thread = threading.Thread(target=self._compare, daemon=True)
        self._thread.start()

    def outcome(self) -> NDArray[np.float32]:
        """Return the cosines, float32 of shape (vectors,)."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._cosines is None:
            self._cosines = self._matrix.cosines(self._vector)
        return self._cosines

    def _compare(self) -> None:
        with contextlib.suppress(MemoryError):  # which whoever asks for the outcome meets again
            self._cosines = self._matrix.cosines(self._vector)


def tolerance(dimensions: int) -> float:
    """Return by how much less an estimate of a cosine is off, whatever order it was summed in.

    A sum of n products of unit vectors in float32 is off by n units of rounding at most (Higham,
    "Accuracy and Stability of Numerical Algorithms", section 3.1); a stored vector's length by
    as much; and a cosine is rounded to 6 digits.
    """
    return 2 * dimensions * 2.0**-24 + 1e-6


class ExactSearch:
    """Compares a question with all vectors of a dataset.

    Where there are too many of them, with all that a filter allows, or with those that a search of
    the index finds.
    """

    def __init__(
        self,
        index: VectorReader,
        matrix: VectorMatrix,
        vector: NDArray[np.float32],
        columns: ChunkColumns,
        snapshot: Snapshot,
        comparison: _Comparison,
    ) -> None:
        self._index = index
        self._matrix = matrix
        self._comparison = comparison
        self._vector = vector
        self._columns = columns
        self._snapshot = snapshot
        self._numbers = columns.numbers(matrix, snapshot)
        self._estimates: NDArray[np.float32] | None = None
        self._known: dict[int, float] = {}
        if (self._numbers < 0).any():
            lost = np.flatnonzero(self._numbers < 0)
            [first] = columns.ids_at(snapshot, [int(lost[0])])
            raise DamagedStoreError(
                f"the index has no vector for {counted(len(lost), 'chunk')}, such as {first}",
                hint=REPAIR_INDEX,
            )

    def estimates(self) -> NDArray[np.float32] | None:
        """Return the cosine of each chunk by position, off by less than :func:`tolerance`."""
        return self._compared() if self._matrix.quick else None

    def best(self) -> float:
        """Return the highest cosine of all chunks; 0 where there are none."""
        found = self.nearest(1)
        return found[0][1] if found else 0.0

    def nearest(self, top: int, mask: NDArray[np.bool_] | None = None) -> Found:
        """Return the ``top`` nearest chunks among those that ``mask`` allows."""
        allowed = np.arange(len(self._columns)) if mask is None else np.flatnonzero(mask)
        top = min(top, len(allowed))
        if not top:
            return []
        if not self._matrix.quick and len(allowed) * FEW > len(self._columns):
            near = self._searched(top, mask)
            if len(near) >= top:
                return self._in_order(near)[:top]
        estimates = self._estimated(allowed)
        least = np.partition(estimates, len(estimates) - top)[len(estimates) - top]
        near = allowed[estimates >= least - 2 * tolerance(len(self._vector))].tolist()
        return self._in_order(near)[:top]

    def cosines(self, positions: Sequence[int]) -> list[float]:
        """Return the cosines of some chunks."""
        missing = [at for at in positions if at not in self._known]
        for start in range(0, len(missing), PAGE):
            page = missing[start : start + PAGE]
            rows = self._matrix.rows(self._numbers[page])
            self._known.update(zip(page, exact_cosines(rows, self._vector), strict=True))
        return [self._known[at] for at in positions]

    def _searched(self, top: int, mask: NDArray[np.bool_] | None) -> list[int]:
        """Return the positions of what a search of the index finds and the mask allows."""
        depth = max(DEPTH, FEW * top)
        ids = [id for id, _ in self._index.search(self._vector, depth)]
        positions = self._columns.positions_of(self._snapshot, ids)
        positions = positions[positions >= 0]
        found: list[int] = (positions if mask is None else positions[mask[positions]]).tolist()
        return found

    def _compared(self) -> NDArray[np.float32]:
        if self._estimates is None:
            self._estimates = self._comparison.outcome()[self._numbers]
        return self._estimates

    def _estimated(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._estimates is None and len(positions) * FEW <= len(self._columns):
            return self._matrix.cosines(self._vector, self._numbers[positions])
        return self._compared()[positions]

    def _in_order(self, positions: Sequence[int]) -> Found:
        ids = self._columns.ids_at(self._snapshot, positions)
        ordered = sorted(
            (-cosine, id, at)
            for cosine, id, at in zip(self.cosines(positions), ids, positions, strict=True)
        )
        return [(at, -negative) for negative, _, at in ordered]

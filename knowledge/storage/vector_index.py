"""The seam's other side: what a store may ask of an index of vectors, whatever keeps them.

A :class:`VectorIndex` keeps the vectors of one dataset, in versions: numbers that a store records.
What a folder, a table or a collection is, only the index itself knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Protocol

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
else:
    Protocol = object  # a real one takes half a millisecond, and there are many


def search_pages(
    search: Callable[[Sequence[str]], list[tuple[str, float]]],
    named: Sequence[str],
    top_k: int,
    most: int,
) -> list[tuple[str, float]]:
    """Search among more than an index takes in one request: the best of the best of each part.

    Parameters
    ----------
    search:
        Searches among some of what is named.
    most:
        So many are taken at once.
    """
    parts = range(0, max(1, len(named)), most)
    found = [pair for start in parts for pair in search(named[start : start + most])]
    return found if len(parts) == 1 else sorted(found, key=lambda one: (-one[1], one[0]))[:top_k]


class ChunkFacts(Protocol):
    """What a store knows of the chunks of the version that is being built, by their ids."""

    def sparse_model(self) -> str:
        """Return the fingerprint of the dataset's sparse model; empty where it has none."""

    def files(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the id of the file of each chunk."""

    def sparse(self, ids: Sequence[str]) -> Mapping[str, SparseBytes]:
        """Return the sparse vectors of those chunks that have one already."""


class SparseSearch(Protocol):
    """Searches the sparse vectors of an open version."""

    def __call__(
        self,
        terms: NDArray[np.uint32],
        weights: NDArray[np.float32],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, inner product), highest first, of those above 0.

        Products are sums in float32. ``among`` and ``files`` are those of
        :meth:`VectorReader.search`.
        """


class VectorMatrix(Protocol):
    """All vectors of an open version, by number from 0; some numbers may belong to no id."""

    quick: bool
    """True where a question may be compared with all of them: there are not too many."""

    def __len__(self) -> int:
        """Return how many there are."""

    def numbers(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the numbers of the vectors of ids, in UTF-8; -1 for one that is not there."""

    def cosines(
        self, question: NDArray[np.float32], numbers: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the cosines of a unit vector with all vectors, by number, or with some.

        They are sums in float32: off by a rounding error that depends on how they are made.
        """

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors by their numbers, shape (len(numbers), dimensions).

        Raises
        ------
        DamagedStoreError
            One is not of unit length.
        """


class VectorReader(Protocol):
    """One version of an index, open; it is not swept before it is closed."""

    @property
    def by_file(self) -> bool:
        """Whether it can be searched among the vectors of some files."""

    def matrix(self) -> VectorMatrix | None:
        """Return all vectors, to compare questions with them; ``None`` where they lie elsewhere."""

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first.

        Parameters
        ----------
        among:
            The mask: the ids that may be results; ``None`` is all.
        files:
            The files whose chunks ``among`` are, no more and no less, where it is so. An index
            that knows the files of its vectors searches among these, which are fewer.
        """

    def sparse(self, model: str) -> SparseSearch | None:
        """Return what searches the sparse vectors of a model, by its fingerprint.

        ``None`` where the index does not hold those of all chunks.
        """

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds, none empty."""

    def close(self) -> None:
        """Let go of it; a second call does nothing."""


class VectorWriter(Protocol):
    """The next version of an index, which no reader can see."""

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors, shape (len(ids), dimensions); ids must be unique."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors by id; ids that are not there are passed over."""

    def rebuild(self, ids: Sequence[str]) -> None:
        """Rebuild it from the vectors of ``ids``: deleted ones take room and time."""

    def flush(self) -> int:
        """Write everything out and close it; return how many vectors it holds."""

    def close(self) -> None:
        """Let go of it; a second call does nothing."""


class VectorIndex(Protocol):
    """The vectors of one dataset, in all their versions: numbers from 1, of which 0 is none.

    One writer at a time, who holds the dataset's lock; readers at any time.
    """

    def check_place(self, version: int) -> None:
        """See that the next version can be built beside a published one, before anything is done.

        Raises
        ------
        VectorsElsewhereError
            The version is kept elsewhere than the settings say.
        VectorServerError
            What keeps the vectors can't be reached.
        """

    def open(self, version: int, dimensions: int | None = None) -> VectorReader:
        """Open a published version.

        Parameters
        ----------
        dimensions:
            What its vectors must have; ``None`` takes any.

        Raises
        ------
        DamagedStoreError
            It is not there, can't be read, or belongs to another dataset or version.
        """

    def candidate(self, version: int, chunks: ChunkFacts | None = None) -> VectorWriter:
        """Begin the next version: as a copy of a published one, or empty of 0.

        Parameters
        ----------
        chunks:
            Tells of the chunks, for an index that keeps more of them than their vectors.
        """

    def complete(self, version: int, chunks: ChunkFacts) -> bool:
        """Return whether a version holds all that it would be given of its chunks today."""

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Give the candidate, flushed, the number ``version``; it is durable when this returns.

        Readers ask for it by that number, so nobody sees it before the store says so.

        Parameters
        ----------
        facts:
            What the version shall say of its dataset, for the day that the catalog is lost: its
            ``key``, ``generation``, name, model and more.
        """

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Drop the candidate and old versions: all but ``published``, the one before (with
        ``previous``), and those that a reader holds."""

    def remove(self) -> bool:
        """Drop all versions, but for those that a reader holds; return whether all are gone."""

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all."""

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        """Return what is wrong with a version, in words; empty when it is whole.

        Parameters
        ----------
        ids:
            Of the chunks whose vectors it should hold, and no others.
        dimensions:
            What the model's vectors have; ``None`` takes any.
        """

    def proven(self, version: int) -> Callable[[Sequence[str]], Mapping[str, NDArray[np.float32]]]:
        """Return what gives the unit vectors of ids, by id, as far as they are proven whole.

        This works on a damaged version too, and on none, and raises nothing.
        """

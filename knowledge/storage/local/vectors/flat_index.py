"""A published index, read where its vectors lie: exactly, and without Chroma, which would write.

A published folder is never written again, so the vectors in the file of its graph are a matrix in
memory without a copy (``graph_files`` says how they lie). Deleted vectors are still among them; no
id leads there.

A question is compared with all vectors of up to ``EXACT_BYTES``, and with all of an index in
several parts, whose graphs together would take longer. Of more in one part, as older versions wrote
them, Chroma's graph is asked, much deeper than it is by itself, and only says which are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.storage.disk import cant_read, obstacle
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.vectors import native
from knowledge.storage.local.vectors.checksums import (
    IDS,
    SQLITE,
    check_whole,
    read_checksums,
)
from knowledge.storage.local.vectors.graph_files import Graph, homes_in
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.local.vectors.chroma import ChromaIndex

PAGE = 5_000
EXACT_BYTES = 4 * 2**30
"""Of vectors with their links: 3.7 million of 256 dimensions, 700,000 of 1,536. Up to here a pass
over all takes less time than a search of the graph that finds as much, and half of its memory
(``benchmarks/results/search.md``)."""
WIDTH = 16_000
"""Candidates of a search of the graph. Fewer miss more than one in a hundred of the nearest where
topics are of very different sizes: 1,000 miss nine."""


class FlatIndex:
    """An index of a published version, open to read; nothing is written.

    Parameters
    ----------
    folder:
        The version's folder.
    dimensions:
        What its vectors must have; ``None`` takes any.
    hold:
        Is released when the index is closed.

    Raises
    ------
    DamagedStoreError
        The folder holds no index, or one that can't be read.
    KnowledgeError
        The rights to it do not let us read it.
    """

    by_file = False

    def __init__(
        self, folder: Path, *, dimensions: int | None = None, hold: Hold | None = None
    ) -> None:
        homes = _homes(folder)
        check_whole(folder)
        self.folder = folder
        self._hold = hold
        self._chroma: ChromaIndex | None = None
        try:
            self._graph = Graph(homes, folder / IDS if ids_noted(folder) else None)
        except (OSError, ValueError) as error:
            raise DamagedStoreError(
                f"the index {folder} is damaged: {error}", hint=REPAIR_INDEX
            ) from error
        if dimensions not in (None, self._graph.dimensions):
            raise DamagedStoreError(
                f"the index {folder} is another model's: its vectors have "
                f"{self._graph.dimensions} dimensions, not {dimensions}",
                hint=REPAIR_INDEX,
            )
        # Chroma writes to the folder of an index, even to search it.
        self.quick = (
            self._graph.size <= EXACT_BYTES
            or len(homes) > 1
            or bool(obstacle(folder) or obstacle(folder / SQLITE))
        )

    def __len__(self) -> int:
        return sum(len(part) for part in self._graph.parts)

    @property
    def vectors_of_all(self) -> NDArray[np.float32]:
        """All vectors by number, deleted ones too: shape (vectors, dimensions)."""
        parts = self._graph.parts
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def matrix(self) -> FlatIndex:
        """Return itself: all its vectors are at hand."""
        return self

    def numbers(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the numbers of the vectors of ids, in UTF-8; -1 for one that is not there."""
        return self._graph.numbers(ids)

    def cosines(
        self, question: NDArray[np.float32], numbers: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the cosines of a unit vector with all vectors, by number, or with some."""
        if numbers is None:
            # Not `@`: BLAS's threads wait for each other, which on a busy machine takes longer than
            # this, and keeps a core from others on any.
            found = [np.vecdot(part, question) for part in self._graph.parts]
            return found[0] if len(found) == 1 else np.concatenate(found)
        pages = [
            np.einsum("ij,j->i", self._graph.rows(numbers[start : start + PAGE]), question)
            for start in range(0, len(numbers), PAGE)
        ]
        return np.concatenate(pages) if pages else np.zeros(0, np.float32)

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors by their numbers.

        Raises
        ------
        DamagedStoreError
            One is not of unit length.
        """
        found = self._graph.rows(numbers)
        if not unit_rows(found).all():
            raise DamagedStoreError(
                f"the index {self.folder} is damaged: a vector is not of unit length",
                hint=REPAIR_INDEX,
            )
        return found

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first."""
        question = np.asarray(query, np.float32)
        question = question / max(float(np.linalg.norm(question)), 1e-12)
        if among is None:
            among = self._graph.ids() if self.quick else self._nearby(question, top_k)
        numbers = self._graph.numbers(_utf8(among))
        held = np.flatnonzero(numbers >= 0)
        names = [among[at] for at in held.tolist()]
        cosines = np.clip(self.cosines(question, numbers[held]), -1.0, 1.0)
        first = np.argsort(-cosines, kind="stable")[:top_k]
        return [(names[at], float(cosines[at])) for at in first.tolist()]

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            numbers = self._graph.numbers(_utf8(page))
            held = np.flatnonzero(numbers >= 0)
            if len(held):
                yield [page[at] for at in held.tolist()], self._graph.rows(numbers[held])

    def sparse(self, model: str) -> None:
        """Return nothing: sparse vectors are in the catalog."""

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        if self._chroma is not None:
            self._chroma.close()
            self._chroma = None
        if self._hold is not None:
            self._hold.release()

    def _nearby(self, question: NDArray[np.float32], top_k: int) -> list[str]:
        """Return the ids that a search of the graph finds, many more than are asked for.

        Chroma searches as wide as it is asked for results.
        """
        from knowledge.storage.local.vectors.chroma import MAX_RESULTS, ChromaIndex

        if self._chroma is None:
            self._chroma = ChromaIndex(self.folder)
        width = WIDTH if 2 * top_k <= WIDTH else MAX_RESULTS
        return [id for id, _ in self._chroma.search(question, width)]


def ids_noted(folder: Path) -> bool:
    """Return whether the files of a published index are all it holds, laid out as was tested.

    This was found out when it was published, and stands with the checksums.
    """
    return read_checksums(folder).get(IDS, {}).get("chromadb") in native.TESTED


def _homes(folder: Path) -> list[Path]:
    """Return the folders of the graphs' files.

    Raises
    ------
    DamagedStoreError
        There is none.
    KnowledgeError
        The rights do not let us read it.
    """
    try:
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in files:
            path.open("rb").close()
    except PermissionError as error:
        raise cant_read(error.filename or folder) from error
    if homes := homes_in(folder):
        return homes
    raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX)


def _utf8(ids: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([id.encode() for id in ids], dtype=np.bytes_)

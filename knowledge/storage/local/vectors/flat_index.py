"""A published index, read where its vectors lie: exactly, and without Chroma, which would write.

A published folder is never written again, so the vectors in the file of its graph are a matrix in
memory without a copy (``graph_files`` says how they lie). Deleted vectors are still among them; no
id leads there. Vectors that Chroma has not brought into the graph yet lie in its SQLite file, and
come behind those of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.storage.disk import cant_read
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.vectors.checksums import PERSISTED, check_whole
from knowledge.storage.local.vectors.graph_files import Graph, graph_damage
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE = 5_000


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

    def __init__(
        self, folder: Path, *, dimensions: int | None = None, hold: Hold | None = None
    ) -> None:
        if not folder.is_dir():
            raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX)
        try:
            files = [path for path in folder.rglob("*") if path.is_file()]
            for path in files:
                path.open("rb").close()
        except PermissionError as error:
            raise cant_read(error.filename or folder) from error
        check_whole(folder)
        homes = [path.parent for path in files if path.name == PERSISTED]
        if len(homes) != 1:
            raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX)
        if damage := graph_damage(folder):
            raise DamagedStoreError(f"the index {folder} is damaged: {damage}", hint=REPAIR_INDEX)
        self._hold = hold
        self._folder = folder
        self._graph = Graph(homes[0])
        if dimensions not in (None, self._graph.dimensions):
            raise DamagedStoreError(
                f"the index {folder} is another model's: its vectors have "
                f"{self._graph.dimensions} dimensions, not {dimensions}",
                hint=REPAIR_INDEX,
            )

    def matrix(self) -> FlatIndex:
        """Return itself: all its vectors are at hand."""
        return self

    def numbers(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of the vectors of some ids; -1 for one that is not there."""
        known = self._graph.numbers
        return np.array([known.get(id, -1) for id in ids], dtype=np.int64)

    def cosines(
        self, question: NDArray[np.float32], numbers: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the cosines of a unit vector with all vectors, by number, or with some."""
        if numbers is None:
            found: NDArray[np.float32] = self._graph.matrix @ question
            return found
        return np.asarray(np.einsum("ij,j->i", self._graph.matrix[numbers], question))

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors by their numbers.

        Raises
        ------
        DamagedStoreError
            One is not of unit length.
        """
        found = np.ascontiguousarray(self._graph.matrix[numbers])
        if not unit_rows(found).all():
            raise DamagedStoreError(
                f"the index {self._folder} is damaged: a vector is not of unit length",
                hint=REPAIR_INDEX,
            )
        return found

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first."""
        question = np.asarray(query, np.float32)
        question = question / max(float(np.linalg.norm(question)), 1e-12)
        ids = list(self._graph.numbers) if among is None else list(among)
        numbers = self.numbers(ids)
        held = np.flatnonzero(numbers >= 0)
        names = [ids[at] for at in held.tolist()]
        cosines = np.clip(self.cosines(question, numbers[held]), -1.0, 1.0)
        first = np.argsort(-cosines, kind="stable")[:top_k]
        return [(names[at], float(cosines[at])) for at in first.tolist()]

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            numbers = self.numbers(page)
            held = np.flatnonzero(numbers >= 0)
            if len(held):
                yield [page[at] for at in held.tolist()], self._graph.matrix[numbers[held]]

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        if self._hold is not None:
            self._hold.release()

"""A published index, searched without Chroma, which would write to its folder.

For a folder on a full or read-only disk, or of another owner. Each question is compared with every
vector of the graph's files, which is exact, and slower than the graph where there are many.
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
from knowledge.storage.local.vectors.graph_files import GraphVectors, graph_damage
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE = 5_000


class StillIndex:
    """An index of a published generation; nothing is written.

    Parameters
    ----------
    folder:
        The generation's folder.
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
            next(folder.iterdir(), None)
            files = [path for path in folder.rglob("*") if path.is_file()]
            for path in files:
                path.open("rb").close()
        except PermissionError as error:
            raise cant_read(error.filename or folder) from error
        check_whole(folder)
        if not any(path.name == PERSISTED for path in files):
            raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX)
        if damage := graph_damage(folder):
            raise DamagedStoreError(f"the index {folder} is damaged: {damage}", hint=REPAIR_INDEX)
        self._hold = hold
        self._graph = GraphVectors(folder)
        if dimensions and (wrong := self._graph.dimensions - {dimensions}):
            raise DamagedStoreError(
                f"the index {folder} holds vectors of {wrong.pop()} dimensions, not {dimensions}",
                hint=REPAIR_INDEX,
            )

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
        best: list[tuple[str, float]] = []
        for ids, vectors in self.vectors(self._graph.ids if among is None else among):
            scores = np.clip(vectors @ question, -1.0, 1.0)
            first = np.argsort(-scores, kind="stable")[:top_k]
            best += [(ids[row], float(scores[row])) for row in first]
            best = sorted(best, key=lambda pair: -pair[1])[:top_k]
        return best

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        for start in range(0, len(ids), PAGE):
            found = self._graph.get(ids[start : start + PAGE])
            if found:
                yield list(found), np.stack(list(found.values()))

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        if self._hold is not None:
            self._hold.release()

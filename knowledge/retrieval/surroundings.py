"""What stands around hits: their vectors, and the other chunks of their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.model import Chunk, Dataset, Hit
from knowledge.storage.vectors.failures import REPAIR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.retrieval.opened import OpenDatasets
    from knowledge.storage.snapshot import Snapshot


class StoredSurroundings:
    """Reads them in the state of the catalog in which the hits were found.

    Parameters
    ----------
    datasets:
        Those that were searched, by name.
    """

    def __init__(
        self, snapshot: Snapshot, opened: OpenDatasets, datasets: Mapping[str, Dataset]
    ) -> None:
        self._snapshot = snapshot
        self._opened = opened
        self._datasets = datasets
        self._files: dict[tuple[str, str], list[Chunk]] = {}

    def vectors(self, hits: Sequence[Hit]) -> list[NDArray[np.float32]]:
        """Return each hit's stored vector, of unit length."""
        found: dict[tuple[str, str], NDArray[np.float32]] = {}
        for name in {hit.dataset for hit in hits}:
            index = self._opened.index(self._datasets[name])
            for ids, rows in index.vectors([hit.chunk.id for hit in hits if hit.dataset == name]):
                found |= {(name, id): row for id, row in zip(ids, rows, strict=True)}
        if lost := [hit for hit in hits if (hit.dataset, hit.chunk.id) not in found]:
            raise DamagedStoreError(
                f"the index has no vector for chunk {lost[0].chunk.id}", hint=REPAIR
            )
        return [found[hit.dataset, hit.chunk.id] for hit in hits]

    def chunks_of_file(self, hit: Hit) -> Sequence[Chunk]:
        """Return all chunks of the hit's file, in order."""
        key = (hit.dataset, hit.chunk.file_id)
        if key not in self._files:
            dataset = self._datasets[hit.dataset]
            self._files[key] = self._snapshot.chunks_of_file(dataset, hit.chunk.file_id)
        return self._files[key]

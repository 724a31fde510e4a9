"""Candidates to hits: their texts, places and metadata from the catalog, their stored vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.model import Chunk, Dataset, Hit
from knowledge.storage.store import REPAIR_CATALOG, REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.retrieval.search.candidates import Candidate
    from knowledge.retrieval.search.open_datasets import OpenDatasets
    from knowledge.storage.store import Snapshot


def hydrate(snapshot: Snapshot, candidates: Sequence[Candidate]) -> list[Hit]:
    """Return a hit for each candidate, in the same order."""
    hits: dict[tuple[str, str], Hit] = {}
    for dataset in {item.source.dataset.key: item.source.dataset for item in candidates}.values():
        own = [item for item in candidates if item.source.dataset.key == dataset.key]
        chunks = snapshot.chunks(dataset, [item.id for item in own])
        files = snapshot.files_by_id(dataset, {chunk.file_id for chunk in chunks.values()})
        for item in own:
            chunk = chunks.get(item.id)
            file = files.get(chunk.file_id) if chunk else None
            if chunk is None or file is None:
                raise DamagedStoreError(
                    f"the catalog has no text, or no file, for chunk {item.id}", hint=REPAIR_CATALOG
                )
            hits[dataset.key, item.id] = Hit.of(
                dataset,
                file,
                chunk,
                rank=0,
                score=item.score,
                cosine=item.cosine,
                scores=item.parts,
                relevance=item.relevance,
            )
    return [hits[item.source.dataset.key, item.id] for item in candidates]


class SnapshotChunks:
    """Vectors and files of hits, in the state of the catalog in which they were found.

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
                f"the index has no vector for chunk {lost[0].chunk.id}", hint=REPAIR_INDEX
            )
        return [found[hit.dataset, hit.chunk.id] for hit in hits]

    def chunks_of_file(self, hit: Hit) -> Sequence[Chunk]:
        """Return all chunks of the hit's file, in order."""
        key = (hit.dataset, hit.chunk.file_id)
        if key not in self._files:
            dataset = self._datasets[hit.dataset]
            self._files[key] = self._snapshot.chunks_of_file(dataset, hit.chunk.file_id)
        return self._files[key]

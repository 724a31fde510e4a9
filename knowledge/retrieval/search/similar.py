"""Chunks like a chunk, or like a file: by stored vectors, without a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, FileNotInDatasetError, KnowledgeError
from knowledge.model import Chunk, Dataset, Hit
from knowledge.requests import MAX_TOP_K
from knowledge.retrieval.query import Query
from knowledge.retrieval.search.retriever import Retriever
from knowledge.storage.file_names import find_file
from knowledge.storage.store import ATTEMPTS, REPAIR_INDEX, Store, open_vectors
from knowledge.text.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.store import Snapshot

LEAST_PREFIX = 8
"""Characters of a chunk's id that suffice to name it, where no other begins with them."""


def find_chunk(snapshot: Snapshot, dataset: Dataset, text: str) -> Chunk | None:
    """Return the chunk whose id ``text`` is, or begins; ``None`` when there is none, or several."""
    if len(text) < LEAST_PREFIX or not text.isalnum():
        return None
    found = snapshot.chunks_by_prefix(dataset, text.lower())
    return found[0] if len(found) == 1 else None


def similar(
    store: Store, target: str, query: Query, seen: dict[str, Dataset] | None = None
) -> list[Hit]:
    """Return the hits nearest to a file or a chunk, which are left out themselves.

    Parameters
    ----------
    target:
        A file, by id, path or the end of its path, or a chunk, by id. A file stands for the mean
        of its vectors.
    query:
        Where to look, with filters; its one dataset holds the target.
    seen:
        Gets the dataset, by name, as the hits were taken from it.

    Raises
    ------
    FileNotInDatasetError
        The dataset holds no such file or chunk.
    UsageError
        Several files have this name.
    """
    for _ in range(ATTEMPTS):
        with store.open() as catalog:
            stored = catalog.read(partial(_read_target, store, query.datasets[0], target))
        retriever = Retriever(store, stored.vector_for, seen=seen)
        ids = {chunk.id for chunk in stored.chunks}
        deep = replace(query, mode="dense", top_k=min(MAX_TOP_K, query.top_k + len(ids)))
        try:
            found = retriever.retrieve(deep)
        except _ReplacedError:
            continue
        finally:
            retriever.close()
        # Hits of a later state would not fit a target of an earlier one.
        if retriever.seen.get(stored.dataset.name) == stored.dataset:
            hits = [hit for hit in found if hit.chunk.id not in ids]
            return [
                replace(hit, rank=rank, relevance=None)
                for rank, hit in enumerate(hits[: query.top_k], 1)
            ]
    raise KnowledgeError(
        f"dataset {query.datasets[0]!r} was written {ATTEMPTS} times while it was searched",
        hint="Ask again when nobody writes it.",
    )


class _ReplacedError(Exception):
    """A writer published the dataset, or replaced it, since the target was read."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A file's chunks, or one chunk, with the mean of their vectors, in one state of a dataset."""

    dataset: Dataset
    chunks: Sequence[Chunk]
    mean: NDArray[np.float32]

    def vector_for(self, dataset: Dataset, _text: str) -> NDArray[np.float32]:
        """Return the mean, as the question by the dataset's model."""
        if dataset != self.dataset:
            raise _ReplacedError
        return self.mean


def _read_target(store: Store, name: str, target: str, snapshot: Snapshot) -> _Target:
    dataset = snapshot.dataset(name)
    chunk = find_chunk(snapshot, dataset, target)
    own = [chunk] if chunk else _chunks_of_file(snapshot, dataset, target)
    return _Target(dataset, own, _mean(store, dataset, own))


def _chunks_of_file(snapshot: Snapshot, dataset: Dataset, target: str) -> list[Chunk]:
    try:
        file = find_file(snapshot, dataset, target)
    except FileNotInDatasetError as error:
        raise FileNotInDatasetError(
            f"dataset {dataset.name!r} holds no file or chunk {target!r}", hint=error.hint
        ) from error
    return snapshot.chunks_of_file(dataset, file.id)


def _mean(store: Store, dataset: Dataset, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
    import numpy as np

    reader = open_vectors(store, dataset)
    try:
        rows = [vectors for _, vectors in reader.vectors([chunk.id for chunk in chunks])]
    finally:
        reader.close()
    missing = len(chunks) - sum(map(len, rows))
    if missing or not rows:
        raise DamagedStoreError(
            f"the index of dataset {dataset.name!r} has no vector for {counted(missing, 'chunk')}",
            hint=REPAIR_INDEX,
        )
    mean: NDArray[np.float32] = np.concatenate(rows).mean(axis=0)
    length = np.linalg.norm(mean)
    return (mean / (length if length else 1.0)).astype(np.float32)

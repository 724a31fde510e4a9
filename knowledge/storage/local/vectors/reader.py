"""Opening a published index to search it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.vectors.failures import REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.storage.local.layout import DataFolder


class VectorReader(Protocol):
    """An open index of a published generation."""

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first.

        ``among`` names the ids that may be results, at most 30,000; ``None`` is all.
        """
        ...

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds, none empty."""
        ...

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        ...


def open_reader(folder: Path, dimensions: int | None = None) -> VectorReader:
    """Open the index in ``folder`` for reading; nobody removes the folder until it is closed.

    Chroma writes to the folder of an index, even to search it. Where that can't be, the files of
    its graph are read without it.

    Parameters
    ----------
    dimensions:
        What its vectors must have; ``None`` takes any.

    Raises
    ------
    DamagedStoreError
        The folder holds no index, or one that can't be read.
    KnowledgeError
        The rights to it do not let us read it.
    """
    from knowledge.storage.local.disk import obstacle
    from knowledge.storage.local.vectors.checksums import SQLITE
    from knowledge.storage.local.vectors.chroma import ChromaIndex

    hold = held(folder)
    try:
        if not (obstacle(folder) or obstacle(folder / SQLITE)):
            try:
                return ChromaIndex(folder, dimensions=dimensions, hold=hold)
            except DamagedStoreError:
                raise
            except KnowledgeError:
                pass  # the disk is full in a way that can't be asked for, such as a quota
        from knowledge.storage.local.vectors.still_index import StillIndex

        return StillIndex(folder, dimensions=dimensions, hold=hold)
    except BaseException:
        hold.release()
        raise


def open_published(folder: DataFolder, dataset: Dataset) -> VectorReader:
    """Open the index of a dataset's published generation.

    Raises
    ------
    DamagedStoreError
        It is not there, can't be read, or is that of another dataset or generation.
    """
    from knowledge.storage.local.runs.generations import check_owner

    check_owner(folder, dataset.key, dataset.vectors)
    dimensions = dataset.embedding.dimensions if dataset.embedding else None
    return open_reader(folder.generation(dataset.key, dataset.vectors), dimensions)


def held(folder: Path) -> Hold:
    """Hold the index in ``folder``, so that nobody removes it.

    Raises
    ------
    DamagedStoreError
        There is none.
    """
    try:
        return Hold(folder)
    except FileNotFoundError as error:
        raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX) from error

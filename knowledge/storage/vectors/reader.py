"""Opening a published index to search it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from knowledge.errors import DamagedStoreError
from knowledge.storage.holding import Hold
from knowledge.storage.vectors.failures import REPAIR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        ...

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        ...


def open_reader(folder: Path) -> VectorReader:
    """Open the index in ``folder`` for reading; nobody removes the folder until it is closed.

    Raises
    ------
    DamagedStoreError
        The folder holds no index, or one that can't be read.
    """
    from knowledge.storage.vectors.chroma import ChromaIndex

    hold = held(folder)
    try:
        return ChromaIndex(folder, hold=hold)
    except BaseException:
        hold.release()
        raise


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
        raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR) from error

"""What a write run is given: a file's new state beside the one that is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from knowledge.model import Chunk, SourceFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SparseBytes = tuple[bytes, bytes]
"""Terms, uint32, and as many weights, float16, little-endian."""


@dataclass(frozen=True, slots=True)
class Unweighed:
    """A chunk without a sparse vector: its row, its file's path, and the text that is embedded."""

    row: int
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class ChunkDiff:
    """How a file's chunks differ from the stored ones.

    Parameters
    ----------
    added:
        New chunks; they need a vector.
    moved:
        Chunks that keep their vector but stand elsewhere in the file now.
    removed:
        Ids of stored chunks that are gone.
    kept:
        How many chunks keep their vector, moved ones included.
    """

    added: Sequence[Chunk]
    moved: Sequence[Chunk]
    removed: Sequence[str]
    kept: int


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file to be stored: its new row, what becomes of its chunks, and the vectors of the added.

    Parameters
    ----------
    vectors:
        Float32 of shape (len(diff.added), dimensions).
    terms:
        Full-text terms of chunks by id, as far as they are known already; see
        :func:`knowledge.storage.terms.terms_of`.
    sparse:
        Sparse vectors of chunks by id, as far as they are known already: terms (uint32) and their
        weights (float16), little-endian.
    """

    file: SourceFile
    diff: ChunkDiff
    vectors: NDArray[np.float32] | None
    terms: Mapping[str, str] = field(default_factory=dict)
    sparse: Mapping[str, SparseBytes] = field(default_factory=dict)


def diff_chunks(stored: Iterable[Chunk], new: Sequence[Chunk]) -> ChunkDiff:
    """Compare by id: a chunk's id holds its text, so equal ids have equal vectors."""
    old = {chunk.id: chunk for chunk in stored}
    added = [chunk for chunk in new if chunk.id not in old]
    kept = [chunk for chunk in new if chunk.id in old]
    moved = [chunk for chunk in kept if chunk != old[chunk.id]]
    gone = old.keys() - {chunk.id for chunk in kept}
    return ChunkDiff(added, moved, sorted(gone), len(kept))

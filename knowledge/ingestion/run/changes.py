"""What a run does to the dataset, file by file, and where that goes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from knowledge.ingestion.run.stats import RunStats
from knowledge.model import FileStatus, SourceFile
from knowledge.storage.changes import ChunkDiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Write:
    """Store a file once its vectors are there."""

    file: SourceFile
    diff: ChunkDiff
    vectors: Future[NDArray[np.float32]] | None
    terms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Touch:
    """Record other facts of a file whose text is the same."""

    file: SourceFile


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file; ``status`` is what it counts as, ``None`` when it was counted already."""

    file: SourceFile
    status: FileStatus | None


Change = Write | Touch | Remove


class Sink(Protocol):
    """Takes the changes of a run, in order."""

    def send(self, change: Change) -> None:
        """Take a change; it may wait until there is room for it."""
        ...


class DryRun:
    """Counts what would be written, and writes nothing."""

    def __init__(self, stats: RunStats) -> None:
        self._stats = stats
        self.texts: dict[str, int] = {}
        """What would be embedded, each text once, with its tokens."""

    def send(self, change: Change) -> None:
        """Count a change."""
        match change:
            case Write():
                for chunk in change.diff.added:
                    self.texts[chunk.passage.embedding_text] = chunk.passage.tokens
                self._stats.ingested(change.file, change.diff)
            case Remove():
                self._stats.removed(change.file, change.status, change.file.chunks)

"""Which chunks a query's filters let through, before anything is ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.retrieval.query import Globs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.retrieval.conditions import Condition
    from knowledge.retrieval.query import Query
    from knowledge.storage.columns import ChunkColumns, FileFacts
    from knowledge.storage.store import Snapshot


@dataclass(frozen=True, slots=True)
class FileFilter:
    """What the file of a chunk must be, and its metadata with the chunk's own on top."""

    where: Condition | None
    globs: tuple[str, ...]
    since: int | None
    until: int | None

    @property
    def passes_all(self) -> bool:
        """True when nothing is asked."""
        return self == FileFilter(None, (), None, None)

    def passes(self, file: FileFacts) -> bool:
        """Tell whether a file passes."""
        return (
            (self.since is None or file.mtime_ns >= self.since)
            and (self.until is None or file.mtime_ns <= self.until)
            and (not self.globs or Globs(self.globs).match(file.path))
            and (self.where is None or self.where.holds(file.metadata))
        )


@dataclass(frozen=True, slots=True)
class TextFilter:
    """Words of which a chunk must hold one, and words of which it must hold none."""

    included: tuple[str, ...]
    excluded: tuple[str, ...]

    @classmethod
    def of(cls, keywords: tuple[str, ...]) -> TextFilter:
        """Return the filter that keywords mean, of which those with a ``-`` exclude."""
        words = [word.casefold() for word in keywords]
        return cls(
            tuple(word for word in words if not word.startswith("-")),
            tuple(word[1:] for word in words if word.startswith("-")),
        )

    def passes(self, text: str) -> bool:
        """Tell whether a text passes, case ignored."""
        folded = text.casefold()
        return (not self.included or any(word in folded for word in self.included)) and not any(
            word in folded for word in self.excluded
        )


def allowed(query: Query, columns: ChunkColumns, snapshot: Snapshot) -> NDArray[np.bool_] | None:
    """Return the mask of the chunks that may be hits; ``None`` when all may."""
    files = FileFilter(query.where, query.files, query.since, query.until)
    texts = TextFilter.of(query.keywords)
    if files.passes_all and not query.keywords:
        return None
    if not query.keywords:
        return columns.mask(files, lambda: columns.where_file(snapshot, files.passes))
    if files.passes_all:
        return columns.mask(texts, lambda: columns.where_text(snapshot, texts.passes))
    return columns.mask(
        (files, texts),
        lambda: (
            columns.where_file(snapshot, files.passes) & columns.where_text(snapshot, texts.passes)
        ),
    )

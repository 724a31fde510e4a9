"""Chunks that answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from knowledge.model.datasets import Dataset, Metadata, SourceFile
from knowledge.model.passages import Chunk, Passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query, best first.

    Hits are ranked by ``score``; ``cosine`` is the cosine similarity of query and
    chunk, in [-1, 1]; ``None`` where no embedding provider was asked. In dense mode they are the
    same number. ``scores`` holds the parts of the score: ``dense`` (the cosine), ``keyword`` (BM25;
    each absent if not computed), and the ranks of the chunk in each search, ``dense_rank`` and
    ``keyword_rank``; further stages add theirs.

    ``relevance`` says how well it fits, from 0 to 1, whatever else was found; ``None`` where there
    was no question.

    ``shown`` is the passage to show if it is more than the chunk: with neighbours, and with the
    hits ``merged`` into it. ``also`` are near duplicates that were folded into this hit.
    """

    rank: int
    score: float
    cosine: float | None
    dataset: str
    file: str
    name: str
    chunk: Chunk
    metadata: Metadata
    scores: Mapping[str, float] = field(default_factory=dict)
    shown: Passage | None = None
    merged: tuple[Hit, ...] = ()
    also: tuple[Hit, ...] = ()
    relevance: float | None = None

    @classmethod
    def of(
        cls, dataset: Dataset, file: SourceFile, chunk: Chunk, *, rank: int, **found: Any
    ) -> Self:
        """Return a chunk as a hit; ``found`` are the fields that a search fills, if there was one.

        What is known of the passage wins over what is known of its file.
        """
        return cls(
            rank=rank,
            dataset=dataset.name,
            file=file.path,
            name=file.name,
            chunk=chunk,
            metadata={**file.all_metadata, **chunk.passage.metadata},
            **{"score": 0.0, "cosine": None, **found},
        )

    @property
    def passage(self) -> Passage:
        """The passage to show: the chunk's own, or the one with its neighbours."""
        return self.shown or self.chunk.passage

    @property
    def text(self) -> str:
        """The passage's text, without its heading path."""
        return self.passage.text

    @property
    def citation(self) -> str:
        """The location of the chunk.

        ``path:line-line``, ``path, page N``, ``page.html#section-id``, ``book.xlsx, sheet Sales,
        rows 2-9``; inside a container ``archive.zip!/path/in/it:line-line``.
        """
        return self.passage.cite(self.file)

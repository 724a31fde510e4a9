"""What each dataset gives to be ranked: chunks with what is known of how well they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.retrieval.search.dense import DenseSearch
    from knowledge.storage.columns import ChunkColumns


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset, ready to be searched.

    Parameters
    ----------
    mask:
        Which chunks may be hits; ``None`` is all.
    scores:
        Each chunk's BM25 score, where the query asks for it.
    """

    dataset: Dataset
    columns: ChunkColumns
    dense: DenseSearch
    mask: NDArray[np.bool_] | None
    scores: NDArray[np.float64] | None

    @property
    def model(self) -> str:
        """Identity of the model: cosines of one model can be compared, those of two cannot."""
        assert self.dataset.embedding is not None
        return self.dataset.embedding.fingerprint


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that may become a hit.

    Parameters
    ----------
    cosine:
        Cosine of question and chunk.
    keyword:
        BM25 score; 0 when it holds no word of the question, ``None`` when nobody asked.
    ranks:
        Place among the candidates of a side, ``dense`` or ``keyword``, from 1.
    score:
        What it is ranked by.
    """

    source: Source
    position: int
    id: str
    cosine: float
    keyword: float | None
    ranks: Mapping[str, int] = field(default_factory=dict)
    score: float = 0.0

    @property
    def parts(self) -> dict[str, float]:
        """What the score is made of, by name."""
        parts = {"dense": self.cosine}
        if self.keyword is not None:
            parts["keyword"] = self.keyword
        return {**parts, **{f"{side}_rank": float(rank) for side, rank in self.ranks.items()}}


def in_order(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates best first; equal scores go by chunk id, then by dataset."""
    return sorted(candidates, key=lambda item: (-item.score, item.id, item.source.dataset.name))

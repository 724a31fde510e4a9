"""What each dataset gives to be ranked: chunks with what is known of how well they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.retrieval.search.dense import DenseSearch
    from knowledge.retrieval.search.sparse import IndexedSparse
    from knowledge.storage.columns import ChunkColumns

T = TypeVar("T", bound="np.generic")


class Source(NamedTuple):
    """One dataset, ready to be searched.

    Parameters
    ----------
    dense:
        Compares its vectors with the question's; ``None`` where the question has no vector.
    mask:
        Which chunks may be hits; ``None`` is all.
    scores:
        Each chunk's BM25 score, where the query asks for it.
    shares:
        How much of what the question's terms weigh each chunk holds, from 0 to 1.
    file_scores:
        Each chunk's file's BM25 score, where the query asks for it.
    sparse:
        Each chunk's score by the sparse model, where all datasets have the same one.
    sparse_index:
        Finds the best of these scores, and fills them in, where not all are computed.
    exact:
        How exactly the question names each chunk, from 0 to 1; ``None`` where it names none of any
        dataset.
    """

    dataset: Dataset
    columns: ChunkColumns
    dense: DenseSearch | None
    mask: NDArray[np.bool_] | None
    scores: NDArray[np.float64] | None
    shares: NDArray[np.float64]
    file_scores: NDArray[np.float64] | None = None
    sparse: NDArray[np.float64] | None = None
    exact: NDArray[np.float64] | None = None
    sparse_index: IndexedSparse | None = None

    @property
    def model(self) -> str:
        """Identity of the model: cosines of one model can be compared, those of two cannot."""
        assert self.dataset.embedding is not None
        return self.dataset.embedding.fingerprint


class Pool(NamedTuple):
    """Chunks of one dataset that are ranked, whatever the filters and ``top_k``.

    Parameters
    ----------
    positions:
        Where they stand in the dataset's columns.
    cosines:
        The cosine of each; ``None`` where nobody asks, or the question has no vector.
    error:
        By how much less the cosines are off.
    whole:
        They are all chunks, in order.
    """

    source: Source
    positions: NDArray[np.int64]
    cosines: NDArray[np.float64] | None
    error: float = 0.0
    whole: bool = False

    def own(self, values: NDArray[T]) -> NDArray[T]:
        """Return those of a dataset's values that are of these chunks."""
        return values if self.whole else values[self.positions]

    @property
    def keyword(self) -> NDArray[np.float64]:
        """BM25 score of each chunk."""
        assert self.source.scores is not None
        return self.own(self.source.scores)

    @property
    def relevance(self) -> NDArray[np.float64]:
        """How well each chunk fits, from 0 to 1."""
        from knowledge.retrieval.search.relevance import relevance

        return relevance(self.own(self.source.shares), self.cosines)

    def only(self, at: NDArray[np.int64]) -> Pool:
        """Return the pool of some of the chunks, with what is known of them."""
        cosines = None if self.cosines is None else self.cosines[at]
        return Pool(self.source, self.positions[at], cosines, self.error)

    def exact_at(self, at: NDArray[np.int64]) -> Pool:
        """Return the pool of some of the chunks, each with its exact cosine if there is one."""
        import numpy as np

        positions = self.positions[at]
        if self.source.dense is None:
            return Pool(self.source, positions, None)
        cosines = self.source.dense.cosines(positions.tolist())
        return Pool(self.source, positions, np.array(cosines, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that may become a hit.

    Parameters
    ----------
    cosine:
        Cosine of question and chunk; ``None`` where the question has no vector.
    keyword:
        BM25 score; 0 when it holds no word of the question, ``None`` when nobody asked.
    ranks:
        Place on a side, ``dense`` or ``keyword``, from 1, before filters.
    score:
        What it is ranked by.
    relevance:
        How well it fits, from 0 to 1.
    sparse:
        Score by the sparse model; ``None`` without one.
    """

    source: Source
    position: int
    id: str
    cosine: float | None
    keyword: float | None
    ranks: Mapping[str, int] = field(default_factory=dict)
    score: float = 0.0
    relevance: float = 0.0
    sparse: float | None = None

    @property
    def parts(self) -> dict[str, float]:
        """What the score is made of, by name."""
        parts = {"dense": self.cosine, "keyword": self.keyword, "sparse": self.sparse}
        ranks = {f"{side}_rank": float(rank) for side, rank in self.ranks.items()}
        return {**{name: value for name, value in parts.items() if value is not None}, **ranks}


def in_order(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates best first; equal scores go by chunk id, then by dataset."""
    return sorted(candidates, key=lambda item: (-item.score, item.id, item.source.dataset.name))

"""BM25 of a question over all chunks of some datasets.

Datasets that are asked together count as one collection: how rare a term is, and how long a chunk
is on average, is counted over all of them, so their scores can be compared. Only chunks that the
published generations show count. Filters do not change a score.

The formula is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), with Lucene's inverse document frequency, which is never negative. A term that the
question repeats counts by the square root of its number. Little words are left out, unless there
are no others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.query import Bm25
from knowledge.storage.local.catalog.fulltext import COUNTS
from knowledge.text import languages as fulltext_languages
from knowledge.text import terms as fulltext_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.model import Hit
    from knowledge.retrieval.search.candidates import Source
    from knowledge.storage.local.catalog.columns import ChunkColumns
    from knowledge.storage.local.catalog.snapshot import Snapshot

K1 = 1.5
B = 0.6
MAX_TERMS = 1_000
"""Of a longer question, the terms that come first."""
DIGITS = 6
TOLERANCE = 2e-6
"""More than rounding makes of one score."""

Terms = dict[tuple[str, ...], int]
"""How often a question holds a term; one term may stand in the index in several forms."""


@dataclass(frozen=True, slots=True)
class KeywordScores:
    """BM25 of a question over all chunks of some datasets.

    Parameters
    ----------
    by_dataset:
        The score of each chunk; 0 for one that holds no term.
    weights:
        What each term of the question weighs, by the forms in which the index may hold it.
    mean:
        Tokens of a chunk, on average.
    """

    by_dataset: Sequence[NDArray[np.float64]]
    weights: Mapping[tuple[str, ...], float]
    mean: float
    bm25: Bm25

    def of_text(self, terms: Container[str], tokens: int) -> float:
        """Return the score of a chunk by the terms of its text, without a look at the lists."""
        norm = _norm(self.bm25, tokens / self.mean)
        score = 0.0
        for forms, weight in self.weights.items():
            times = max(_times(form, terms) for form in forms)
            if times:  # else it adds nothing, and without k1 the norm is zero too
                score += weight * times / (times + norm)
        return score


def scores(
    text: str,
    datasets: Sequence[ChunkColumns],
    snapshot: Snapshot,
    bm25: Bm25 | None = None,
) -> KeywordScores:
    """Return the BM25 score of each chunk of each dataset."""
    bm25 = bm25 or Bm25(K1, B)
    total = sum(map(len, datasets))
    found = [np.zeros(len(columns)) for columns in datasets]
    if not total:
        return KeywordScores(found, {}, 1.0, bm25)
    mean = max(1.0, sum(int(columns.tokens.sum()) for columns in datasets) / total)
    norms = [_norm(bm25, columns.tokens / mean) for columns in datasets]
    spoken = list(
        dict.fromkeys(name for columns in datasets for name in columns.languages(snapshot))
    )
    weights = {}
    for forms, times in terms_of(text, spoken, bm25.languages).items():
        holders = [_holders(columns, snapshot, forms) for columns in datasets]
        holding = sum(len(at) for at, _ in holders)
        rarity = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
        weight = weights[forms] = math.sqrt(times) * rarity * (bm25.k1 + 1)
        for score, norm, (at, counts) in zip(found, norms, holders, strict=True):
            score[at] += weight * counts / (counts + norm[at])
    return KeywordScores([np.round(score, DIGITS) for score in found], weights, mean, bm25)


def prove(
    scored: KeywordScores, sources: Sequence[Source], snapshot: Snapshot, hits: Sequence[Hit]
) -> None:
    """Compare the scores of hits, which the lists of chunks gave, with what their texts give.

    Raises
    ------
    DamagedStoreError
        A list names a chunk that does not hold its term, or leaves out one that does.
    """
    for source, listed in zip(sources, scored.by_dataset, strict=True):
        own = [hit for hit in hits if hit.dataset == source.dataset.name]
        positions = source.columns.positions_of(snapshot, [hit.chunk.id for hit in own]).tolist()
        rows = [int(source.columns.rows[at]) for at in positions]
        terms = snapshot.terms_of_rows(rows)
        for hit, at, row in zip(own, positions, rows, strict=True):
            proven = scored.of_text(terms[row], hit.chunk.passage.tokens)
            if abs(proven - float(listed[at])) > TOLERANCE:
                raise DamagedStoreError(
                    f"the keyword lists do not fit the text of {hit.file} (chunk {hit.chunk.id}): "
                    "they are damaged, or were made by another version of the stemmer",
                    hint="`knowledge doctor --fix` makes them anew from the texts.",
                )


def _norm(bm25: Bm25, length: Any) -> Any:
    """Return by how much a length, of which 1 is the mean, holds a term's count down."""
    return bm25.k1 * (1 - bm25.b + bm25.b * length)


def _times(form: str, terms: Container[str]) -> int:
    """Return how often terms hold one, as far as the index tells that."""
    if form not in terms:
        return 0
    return next((n for n in reversed(COUNTS[1:]) if f"{form}={n}" in terms), 1)


def terms_of(text: str, spoken: Sequence[str], little_of: Sequence[str] | None = None) -> Terms:
    """Return a question's terms as the index may hold them.

    Parameters
    ----------
    spoken:
        The languages of the datasets' texts; a question is stemmed in each of them.
    little_of:
        The languages whose little words are left out; ``None`` is ``spoken``.
    """
    words = fulltext_words.split(text)
    little = fulltext_languages.little_words(spoken if little_of is None else little_of)
    telling = Counter({word: n for word, n in words.natural.items() if word not in little})
    if telling or words.exact:
        words = replace(words, natural=telling)
    return dict(list(fulltext_words.variants(words, spoken).items())[:MAX_TERMS])


def _holders(
    columns: ChunkColumns, snapshot: Snapshot, forms: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the positions of the chunks that hold a term, and how often each does."""
    times = np.zeros(len(columns), dtype=np.uint8)
    for form in forms:
        for count in COUNTS:
            at = columns.chunks_with(snapshot, form, count)
            if not len(at):
                break
            times[at] = count if len(forms) == 1 else np.maximum(times[at], count)
    holders = np.flatnonzero(times)
    return holders, times[holders].astype(np.float64)


def best(
    columns: ChunkColumns,
    snapshot: Snapshot,
    score: NDArray[np.float64],
    top: int,
    mask: NDArray[np.bool_] | None,
) -> list[tuple[int, float]]:
    """Return (position, score) of the ``top`` chunks with the highest scores above 0.

    Equal scores go by chunk id.
    """
    if mask is not None:
        score = np.where(mask, score, 0.0)
    positive = np.flatnonzero(score > 0)
    if len(positive) > top:
        least = np.partition(score[positive], len(positive) - top)[len(positive) - top]
        positive = positive[score[positive] >= least]
    positions = positive.tolist()
    ids = columns.ids_at(snapshot, positions)
    ordered = sorted(zip((-score[positive]).tolist(), ids, positions, strict=True))
    return [(at, -negative) for negative, _, at in ordered[:top]]

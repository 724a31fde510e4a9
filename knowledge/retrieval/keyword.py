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
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from knowledge.retrieval.query import Bm25
from knowledge.storage import fulltext_languages, fulltext_words
from knowledge.storage.fulltext import COUNTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.snapshot import Snapshot

K1 = 1.5
B = 0.6
MAX_TERMS = 1_000
"""Of a longer question, the terms that come first."""
DIGITS = 6

Terms = dict[tuple[str, ...], int]
"""How often a question holds a term; one term may stand in the index in several forms."""


def scores(
    text: str,
    datasets: Sequence[ChunkColumns],
    snapshot: Snapshot,
    bm25: Bm25 | None = None,
) -> list[NDArray[np.float64]]:
    """Return the BM25 score of each chunk of each dataset; 0 for one that holds no term."""
    bm25 = bm25 or Bm25(K1, B)
    total = sum(map(len, datasets))
    found = [np.zeros(len(columns)) for columns in datasets]
    if not total:
        return found
    mean = max(1.0, sum(int(columns.tokens.sum()) for columns in datasets) / total)
    k1, b = bm25.k1, bm25.b
    norms = [k1 * (1 - b + b * columns.tokens / mean) for columns in datasets]
    spoken = list(
        dict.fromkeys(name for columns in datasets for name in columns.languages(snapshot))
    )
    for forms, times in terms_of(text, spoken, bm25.languages).items():
        holders = [_holders(columns, snapshot, forms) for columns in datasets]
        holding = sum(len(at) for at, _ in holders)
        rarity = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
        weight = math.sqrt(times) * rarity * (k1 + 1)
        for score, norm, (at, counts) in zip(found, norms, holders, strict=True):
            score[at] += weight * counts / (counts + norm[at])
    return [np.round(score, DIGITS) for score in found]


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

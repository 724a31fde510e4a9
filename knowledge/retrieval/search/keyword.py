"""BM25 of a question over all chunks of some datasets.

Datasets that are asked together count as one collection: how rare a term is, and how long a chunk
is on average, is counted over all of them, so their scores can be compared. Only chunks that the
published generations show count. Filters do not change a score.

A file's name and title are a field of their own: what they hold of the question is added to the
score of each of the file's chunks, terms weighed by how few files have them.

The formula is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), with Lucene's inverse document frequency, which is never negative. A term that the
question repeats counts by the square root of its number. Stop words are left out, unless there are
no others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.query import Bm25
from knowledge.retrieval.search.compounds import PART, Compounds, held_partly
from knowledge.retrieval.search.exact_matches import exact_matches, united
from knowledge.storage.terms import COUNTS
from knowledge.text.languages import stop_words
from knowledge.text.terms import split, variants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.model import Hit
    from knowledge.retrieval.search.candidates import Source
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot

K1 = 1.5
B = 0.6
MAX_TERMS = 1_000
"""Of a longer question, the terms that come first."""
DIGITS = 6
TOLERANCE = 2e-6
"""More than rounding makes of one score."""

Terms = dict[tuple[str, ...], int]
"""How often a question holds a term; one term may stand in the index in several forms."""


NAME_WEIGHT = 0.3
"""What a term in a file's name or title adds, as a share of what a rare word in the text does."""


@dataclass(frozen=True, slots=True)
class KeywordScores:
    """BM25 of a question over all chunks of some datasets.

    Parameters
    ----------
    by_dataset:
        The score of each chunk with its file's name; 0 where neither holds a term.
    of_texts:
        The score of each chunk by its own text.
    shares:
        For each chunk, how much of what the question's terms weigh together it holds, from 0 to 1.
    of_files:
        For each chunk, the score of its file as if that were one chunk; ``None`` where nobody asked
        or there is but one file.
    weights:
        What each term of the question weighs, by the forms in which the index may hold it.
    mean:
        Tokens of a chunk, on average.
    exact:
        How exactly the question names each chunk, from 0 to 1; ``None`` where it names none.
    compounds:
        The terms that hold a term of the question as a part, by the forms of that.
    """

    by_dataset: Sequence[NDArray[np.float64]]
    of_texts: Sequence[NDArray[np.float64]]
    weights: Mapping[tuple[str, ...], float]
    mean: float
    bm25: Bm25
    shares: Sequence[NDArray[np.float64]]
    of_files: Sequence[NDArray[np.float64]] | None = None
    exact: Sequence[NDArray[np.float64]] | None = None
    compounds: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def of_text(self, terms: Container[str], tokens: int) -> float:
        """Return the score of a chunk by the terms of its text, without a look at the lists."""
        norm = _norm(self.bm25, tokens / self.mean)
        score = 0.0
        for forms, weight in self.weights.items():
            times: float = max(_times(form, terms) for form in forms)
            if not times and held_partly(self.compounds.get(forms, ()), terms):
                times = PART
            if times:  # with k1 = 0 the norm is 0 as well
                score += weight * times / (times + norm)
        return score


def scores(
    text: str,
    datasets: Sequence[ChunkColumns],
    snapshot: Snapshot,
    bm25: Bm25 | None = None,
    *,
    of_files: bool = False,
) -> KeywordScores:
    """Return the BM25 score of each chunk of each dataset, and that of its file if asked."""
    bm25 = bm25 or Bm25(K1, B)
    spoken = list(
        dict.fromkeys(name for columns in datasets for name in columns.languages(snapshot))
    )
    chunks = _Scorer(bm25, [columns.tokens for columns in datasets])
    if not chunks.total:
        return KeywordScores(chunks.scores, chunks.scores, {}, 1.0, bm25, chunks.shares())
    names = Names(datasets, snapshot)
    files = _Files.of(bm25, datasets, snapshot) if of_files else None
    weights: dict[tuple[str, ...], float] = {}
    joined: dict[tuple[str, ...], tuple[str, ...]] = {}
    compounds = Compounds(datasets, snapshot, spoken)
    for forms, times in terms_of(text, spoken, bm25.languages).items():
        holders = [_holders(columns, snapshot, forms) for columns in datasets]
        if found := compounds.of(forms, held=any(len(at) for at, _ in holders)):
            joined[forms] = found
            holders = [
                _with_parts(one, compounds.holders(columns, found))
                for one, columns in zip(holders, datasets, strict=True)
            ]
        named = names.add(forms, times)
        weights[forms] = chunks.add(times, holders, named)
        if files is not None:
            files.add(times, holders)
    of_texts, of_names = chunks.rounded(), names.of_chunks()
    return KeywordScores(
        _added(of_texts, of_names),
        of_texts,
        weights,
        chunks.mean,
        bm25,
        chunks.shares(),
        None if files is None else _added(files.of_chunks(), of_names),
        exact_matches(text, datasets, snapshot, names),
        joined,
    )


def _added(
    scores: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64] | None]
) -> list[NDArray[np.float64]]:
    return [
        one if other is None else np.round(one + other, DIGITS)
        for one, other in zip(scores, others, strict=True)
    ]


_Holders = tuple["NDArray[np.int64]", "NDArray[np.float64]"]
"""Positions of what holds a term, and how often each does."""


class _Scorer:
    """BM25 of the units of some datasets, summed term by term.

    Parameters
    ----------
    lengths:
        Tokens of each unit, for each dataset.
    """

    def __init__(self, bm25: Bm25, lengths: Sequence[NDArray[np.int64]]) -> None:
        self.total = sum(map(len, lengths))
        self.mean = max(1.0, sum(int(one.sum()) for one in lengths) / max(1, self.total))
        self.scores = [np.zeros(len(one)) for one in lengths]
        self._held = [np.zeros(len(one)) for one in lengths]
        self._weight = 0.0
        self._k1 = bm25.k1
        self._norms = [_norm(bm25, one / self.mean) for one in lengths]

    def add(
        self,
        times: int,
        holders: Sequence[_Holders],
        named: Sequence[NDArray[np.bool_] | None] | None = None,
    ) -> float:
        """Add a term that the question holds so many times; return what it weighs.

        Parameters
        ----------
        named:
            The units whose name holds it, for each dataset; ``None`` is none.
        """
        holding = sum(len(at) for at, _ in holders)
        rarity = math.log(1 + (self.total - holding + 0.5) / (holding + 0.5))
        weight = math.sqrt(times) * rarity * (self._k1 + 1)
        self._weight += weight
        nothing = [None] * len(holders)
        for score, held, norm, (at, counts), by_name in zip(
            self.scores, self._held, self._norms, holders, named or nothing, strict=True
        ):
            score[at] += weight * counts / (counts + norm[at])
            held[at] += weight
            if by_name is not None:
                by_name[at] = False
                held[by_name] += weight
        return weight

    def shares(self) -> list[NDArray[np.float64]]:
        """Return what the terms weigh that each unit holds, as a share of all."""
        return [
            np.round(held / self._weight if self._weight else held, DIGITS) for held in self._held
        ]

    def rounded(self) -> list[NDArray[np.float64]]:
        """Return the scores."""
        return [np.round(score, DIGITS) for score in self.scores]


class Names:
    """The names and titles of the files of some datasets, compared with a question."""

    def __init__(self, datasets: Sequence[ChunkColumns], snapshot: Snapshot) -> None:
        self._datasets = datasets
        self._snapshot = snapshot
        self._scores: list[NDArray[np.float64] | None] = [None] * len(datasets)

    def add(self, forms: Sequence[str], times: int) -> list[NDArray[np.bool_] | None]:
        """Add a term; return for each dataset the chunks whose file's name holds it, if any."""
        found = self.having(forms)
        having = sum(len(files) for files in found)
        masks: list[NDArray[np.bool_] | None] = [None] * len(found)
        if not having:
            return masks
        total = sum(self._size(number) for number in range(len(found)))
        weight = math.sqrt(times) * math.log(1 + (total - having + 0.5) / (having + 0.5))
        for number, files in enumerate(found):
            if len(files):
                mask = masks[number] = self.chunks_of(number, files)
                scores = self._scores[number]
                if scores is None:
                    scores = self._scores[number] = np.zeros(len(mask))
                scores[mask] += NAME_WEIGHT * (K1 + 1) * weight
        return masks

    def having(self, forms: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return for each dataset the numbers of the files whose name holds a term in any form."""
        return [
            united([columns.files_named(self._snapshot, form) for form in forms])
            for columns in self._datasets
        ]

    def chunks_of(self, number: int, files: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the mask of the chunks of some files of a dataset, given by its number."""
        chosen = np.zeros(self._size(number), dtype=np.bool_)
        chosen[files] = True
        found: NDArray[np.bool_] = chosen[self._datasets[number].file_numbers(self._snapshot)]
        return found

    def of_chunks(self) -> list[NDArray[np.float64] | None]:
        """Return for each chunk what its file's name adds; ``None`` for a dataset without any."""
        return self._scores

    def _size(self, number: int) -> int:
        """Return how many files a dataset has."""
        return len(self._datasets[number].file_tokens(self._snapshot))


class _Files:
    """BM25 of files: counts and lengths of their chunks summed, how rare a term is by files."""

    def __init__(self, bm25: Bm25, datasets: Sequence[ChunkColumns], snapshot: Snapshot) -> None:
        self._numbers = [columns.file_numbers(snapshot) for columns in datasets]
        lengths = [columns.file_tokens(snapshot) for columns in datasets]
        self._sizes = list(map(len, lengths))
        self._scorer = _Scorer(bm25, lengths)

    @classmethod
    def of(cls, bm25: Bm25, datasets: Sequence[ChunkColumns], snapshot: Snapshot) -> _Files | None:
        """Return the files of all datasets; ``None`` for one, whose score would tell nothing."""
        found = cls(bm25, datasets, snapshot)
        return found if sum(found._sizes) > 1 else None

    def add(self, times: int, holders: Sequence[_Holders]) -> None:
        """Add a term, given the chunks that hold it."""
        self._scorer.add(
            times,
            [
                _summed(number[at], counts, size)
                for number, size, (at, counts) in zip(
                    self._numbers, self._sizes, holders, strict=True
                )
            ],
        )

    def of_chunks(self) -> list[NDArray[np.float64]]:
        """Return for each chunk the score of its file."""
        scores = self._scorer.rounded()
        return [score[number] for score, number in zip(scores, self._numbers, strict=True)]


def _summed(numbers: NDArray[np.int32], counts: NDArray[np.float64], size: int) -> _Holders:
    of_file = np.bincount(numbers, counts, size).astype(np.float64)
    at = np.flatnonzero(of_file)
    return at, of_file[at]


def prove(
    scored: KeywordScores, sources: Sequence[Source], snapshot: Snapshot, hits: Sequence[Hit]
) -> None:
    """Compare the scores of hits, which the lists of chunks gave, with what their texts give.

    Raises
    ------
    DamagedStoreError
        A list names a chunk that does not hold its term, or leaves out one that does.
    """
    for source, listed in zip(sources, scored.of_texts, strict=True):
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
                    hint="`knowledge doctor --fix` rebuilds them from the texts.",
                )


def _norm(bm25: Bm25, length: Any) -> Any:
    """Return by how much a length, of which 1 is the mean, holds a term's count down."""
    return bm25.k1 * (1 - bm25.b + bm25.b * length)


def _times(form: str, terms: Container[str]) -> int:
    """Return how often terms hold one, as far as the index says."""
    if form not in terms:
        return 0
    return next((n for n in reversed(COUNTS[1:]) if f"{form}={n}" in terms), 1)


def terms_of(text: str, spoken: Sequence[str], stopped: Sequence[str] | None = None) -> Terms:
    """Return a question's terms as the index may hold them.

    Parameters
    ----------
    spoken:
        The languages of the datasets' texts; a question is stemmed in each of them.
    stopped:
        The languages whose stop words are left out; ``None`` is ``spoken``.
    """
    words = split(text)
    left_out = stop_words(spoken if stopped is None else stopped)
    kept = Counter({word: n for word, n in words.natural.items() if word not in left_out})
    if kept or words.exact:
        words = replace(words, natural=kept)
    return dict(list(variants(words, spoken).items())[:MAX_TERMS])


def _holders(columns: ChunkColumns, snapshot: Snapshot, forms: Sequence[str]) -> _Holders:
    """Return the positions of the chunks that hold a term, and how often each does."""
    found = [columns.holders(snapshot, form) for form in forms]
    if len(found) == 1:
        [(at, counts)] = found
        return at.astype(np.int64), counts.astype(np.float64)
    times = np.zeros(len(columns), dtype=np.uint8)
    for at, counts in found:
        times[at] = np.maximum(times[at], counts)
    holders = np.flatnonzero(times)
    return holders, times[holders].astype(np.float64)


def _with_parts(holders: _Holders, partly: NDArray[np.int64]) -> _Holders:
    """Add the chunks that hold a term as a part of another alone."""
    whole, counts = holders
    added = np.setdiff1d(partly, whole, assume_unique=True)
    at = np.concatenate([whole, added])
    order = np.argsort(at, kind="stable")
    return at[order], np.concatenate([counts, np.full(len(added), PART)])[order]


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

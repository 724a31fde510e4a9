"""One order of several: the sides of hybrid retrieval, each with its weight.

A :class:`Side` gives each chunk a number from 0 to 1, whatever the filters and ``top_k``, so that
neither changes the order of two chunks. ``weighted`` adds them by weight:

- dense: ``max(0, 1 - (best - cosine) / COSINE_SPAN)``, where ``best`` is the best cosine of that
  model. The span is fixed: where all cosines are alike, the side has little to say.
- keyword: ``(1 - w / 2) * BM25 / best + w * BM25 of the file / best of all files``, over its
  greatest value; a passage of a file that deals with the question counts more than one that
  mentions it. ``w`` is the weight of the file; in a collection of one file it is 0.
- sparse: the score by the datasets' sparse model, where they have one, as a share of the best.
- exact, only where the question names a file or an identifier that few passages hold: how exactly
  it names the passage. It weighs as much as all the others, so that what is named comes first.

A convex combination of scores with exact values for all chunks: Bruch, Gai and Ingber, "An Analysis
of Fusion Functions for Hybrid Retrieval" (2023). benchmarks/results/quality.md has it beside each
side alone, ranks, and scales stretched to each side's range. The last are no worse there, but let a
model that tells nothing apart decide: hence the fixed span.

``rrf`` adds reciprocal ranks: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion" (2009).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from knowledge.retrieval.query import COSINE_SPAN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.retrieval.search.candidates import Pool

EXACT_WEIGHT = 1.0
RRF_CONSTANT = 60
DIGITS = 9


class Side(NamedTuple):
    """What one search says of the chunks of all pools.

    Parameters
    ----------
    weight:
        Its share; those of all sides are brought to a sum of 1.
    values:
        What it found for each chunk of each pool, higher is better; a chunk with nan it did not
        find.
    parts:
        The same as numbers from 0 to 1.
    """

    name: str
    weight: float
    values: Sequence[NDArray[np.float64]]
    parts: Sequence[NDArray[np.float64]]

    def ranks(self) -> list[NDArray[np.int64]]:
        """Return each chunk's place among all, from 1, equal ones alike; 0 if it is not found."""
        return places(self.values, self.values)


def places(
    values: Sequence[NDArray[np.float64]], among: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.int64]]:
    """Return the place of each value among others, the highest 1, equal ones alike; 0 for nan."""
    whole = np.sort(-np.concatenate([*among, np.zeros(0)]))  # nan goes last
    return [np.where(np.isnan(one), 0, np.searchsorted(whole, -one) + 1) for one in values]


def dense_side(pools: Sequence[Pool], weight: float, best: Mapping[str, float]) -> Side:
    """Return the side of the cosines.

    Parameters
    ----------
    best:
        The best cosine of each model: models differ in what a cosine means.
    """
    values = [np.zeros(0) if pool.cosines is None else pool.cosines for pool in pools]
    parts = [
        np.maximum(0.0, 1 - (best[pool.source.model] - cosines) / COSINE_SPAN)
        for pool, cosines in zip(pools, values, strict=True)
    ]
    return Side("dense", weight, values, parts)


def keyword_side(pools: Sequence[Pool], weight: float, file_weight: float) -> Side:
    """Return the side of BM25; ``file_weight`` counts where the sources have scores of files."""
    own = [pool.keyword for pool in pools]
    values = [np.where(scores > 0, scores, np.nan) for scores in own]
    of_chunks = _shares([pool.source.scores for pool in pools])
    of_files = _shares([pool.source.file_scores for pool in pools])
    if of_files is None or of_chunks is None:
        shares = of_chunks or [np.zeros(0) for _ in pools]
        parts = [pool.own(share) for share, pool in zip(shares, pools, strict=True)]
    else:
        parts = [
            ((1 - file_weight / 2) * pool.own(chunk) + file_weight * pool.own(file))
            / (1 + file_weight / 2)
            for chunk, file, pool in zip(of_chunks, of_files, pools, strict=True)
        ]
    return Side("keyword", weight, values, parts)


def sparse_side(pools: Sequence[Pool], weight: float) -> Side:
    """Return the side of the sparse model: shares of the best score of all datasets."""
    of_all = [pool.source.sparse for pool in pools]
    shares = _shares(of_all) or []
    parts = [pool.own(share) for share, pool in zip(shares, pools, strict=True)]
    values = [
        np.where(pool.own(scores) > 0, pool.own(scores), np.nan)
        for scores, pool in zip(of_all, pools, strict=True)
        if scores is not None
    ]
    return Side("sparse", weight, values, parts)


def exact_side(pools: Sequence[Pool]) -> Side | None:
    """Return the side of what the question names exactly; ``None`` where it names nothing."""
    parts = [pool.own(pool.source.exact) for pool in pools if pool.source.exact is not None]
    if not pools or len(parts) < len(pools):
        return None
    values = [np.where(part > 0, part, np.nan) for part in parts]
    return Side("exact", EXACT_WEIGHT, values, parts)


def by_words_alone(pools: Sequence[Pool], keyword: Side) -> list[NDArray[np.float64]]:
    """Return BM25 as the score; what the question names exactly comes before all else."""
    exact = exact_side(pools)
    best = max((float(scores.max(initial=0.0)) for scores in _of_all(pools)), default=0.0)
    if exact is None:
        return list(keyword.values)
    return [
        np.round(value + best * part, DIGITS)
        for value, part in zip(keyword.values, exact.parts, strict=True)
    ]


def _of_all(pools: Sequence[Pool]) -> list[NDArray[np.float64]]:
    return [pool.source.scores for pool in pools if pool.source.scores is not None]


def _shares(
    scores: Sequence[NDArray[np.float64] | None],
) -> list[NDArray[np.float64]] | None:
    """Return scores as shares of the best of all datasets; ``None`` where a dataset has none."""
    known = [one for one in scores if one is not None]
    if len(known) < len(scores):
        return None
    best = max((float(one.max(initial=0.0)) for one in known), default=0.0)
    return [one / best if best else one for one in known]


def weighted(sides: Sequence[Side]) -> list[NDArray[np.float64]]:
    """Return the weighted sum of the sides' parts, from 0 to 1."""
    return _summed(sides, lambda side: side.parts)


def rrf(sides: Sequence[Side]) -> list[NDArray[np.float64]]:
    """Return the weighted sum of reciprocal ranks; a side that did not find a chunk adds 0."""
    return _summed(
        sides,
        lambda side: [np.where(at > 0, 1 / (RRF_CONSTANT + at), 0.0) for at in side.ranks()],
    )


FUSIONS: Mapping[str, Callable[[Sequence[Side]], list[NDArray[np.float64]]]] = {
    "weighted": weighted,
    "rrf": rrf,
}


def _summed(
    sides: Sequence[Side], values_of: Callable[[Side], Sequence[NDArray[np.float64]]]
) -> list[NDArray[np.float64]]:
    whole = sum(side.weight for side in sides)
    shares = [[side.weight / whole * one for one in values_of(side)] for side in sides]
    return [np.round(sum(parts), DIGITS) for parts in zip(*shares, strict=True)]

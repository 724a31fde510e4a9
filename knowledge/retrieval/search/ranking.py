"""From searchable datasets to one ranked list of candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from knowledge.retrieval.query import COSINE_SPAN
from knowledge.retrieval.search import fusion, keyword
from knowledge.retrieval.search.candidates import Candidate, Pool, Source, in_order
from knowledge.retrieval.search.dense import tolerance
from knowledge.retrieval.search.relevance import STEEPEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.retrieval.query import Query
    from knowledge.retrieval.search.cosines import Found
    from knowledge.storage.store import Snapshot

REACH = 1_000
"""Where not all vectors are compared, so many chunks of each search are ranked."""
PLACES = 200
"""How many ranks of dense search are reported."""


class Ranking:
    """The chunks of all sources that may be hits, in order.

    All chunks are ranked at once, by cosines that are estimated; those that may be among the first
    are ranked again by exact ones. So the order and the scores depend neither on how many are asked
    for, nor on filters: these only say which chunks are left out.
    """

    def __init__(self, query: Query, sources: Sequence[Source], snapshot: Snapshot) -> None:
        self._query = query
        self._snapshot = snapshot
        self._near: list[Found] = [
            []
            if source.dense is None or "dense" not in query.sides
            else source.dense.nearest(PLACES)
            for source in sources
        ]
        self._best: dict[str, float] = {}
        for source, near in zip(sources, self._near, strict=True):
            best = near[0][1] if near else -1.0
            self._best[source.model] = max(best, self._best.get(source.model, -1.0))
        self._pools = [_pool(query, source, snapshot) for source in sources]
        self._scores = self._scored(self._pools)
        self._may_be_hits = [
            _may_be_hits(query, pool, scores)
            for pool, scores in zip(self._pools, self._scores, strict=True)
        ]

    def __len__(self) -> int:
        return sum(int(mask.sum()) for mask in self._may_be_hits)

    def first(self, limit: int) -> list[Candidate]:
        """Return the ``limit`` best candidates; equal scores go by chunk id, then by dataset."""
        least = self._least(limit) - self._margin
        chosen = [
            self._may_be_first(pool, scores, np.flatnonzero(mask & (scores >= least)), limit)
            for pool, scores, mask in zip(self._pools, self._scores, self._may_be_hits, strict=True)
        ]
        exact = [pool.exact_at(at) for pool, at in zip(self._pools, chosen, strict=True)]
        scores = (
            self._scored(exact)
            if self._margin
            else [all_[at] for all_, at in zip(self._scores, chosen, strict=True)]
        )
        for number, pool in enumerate(exact):
            at = self._first(pool, scores[number], np.arange(len(pool.positions)), limit)
            exact[number], scores[number] = pool.only(at), scores[number][at]
        ranks = self._ranks(exact)
        found: list[Candidate] = []
        for number, pool in enumerate(exact):
            places = {side: of_pools[number] for side, of_pools in ranks.items()}
            found += self._candidates(pool, scores[number], places)
        return in_order(found)[:limit]

    def _may_be_first(
        self, pool: Pool, scores: NDArray[np.float64], at: NDArray[np.int64], limit: int
    ) -> NDArray[np.int64]:
        """Return those of some chunks of a pool that may be among the ``limit`` best.

        Far from the best cosine nothing depends on a chunk's own, so that its score is no estimate.
        A question that few words fit has as good as all chunks there, with one score.
        """
        if len(at) <= limit:
            return at
        sure = self._is_sure(pool)[at]
        first = self._first(pool, scores[at[sure]], at[sure], limit)
        return np.sort(np.concatenate([at[~sure], first]))

    def _is_sure(self, pool: Pool) -> NDArray[np.bool_]:
        """Return for which chunks the score is exact, whatever the error of their cosines."""
        if pool.cosines is None or not pool.error or "dense" not in self._query.sides:
            return np.ones(len(pool.positions), dtype=np.bool_)
        if len(self._query.sides) == 1:
            return np.zeros(len(pool.positions), dtype=np.bool_)
        sure: NDArray[np.bool_] = (
            pool.cosines + pool.error <= self._best[pool.source.model] - COSINE_SPAN
        )
        return sure

    def _first(
        self, pool: Pool, scores: NDArray[np.float64], at: NDArray[np.int64], limit: int
    ) -> NDArray[np.int64]:
        """Return the ``limit`` best of some chunks of a pool; equal scores go by chunk id."""
        if len(at) <= limit:
            return at
        least = np.partition(scores, len(at) - limit)[len(at) - limit]
        above, tied = at[scores > least], at[scores == least]
        room = limit - len(above)
        if len(tied) > room:
            columns = pool.source.columns
            tied = tied[columns.first_by_id(self._snapshot, pool.positions[tied], room)]
        return np.concatenate([above, tied])

    @cached_property
    def _margin(self) -> float:
        """By how much two scores may be the other way round for the cosines' error."""
        return max((2 * pool.error / COSINE_SPAN for pool in self._pools), default=0.0)

    def _least(self, limit: int) -> float:
        """Return the score of the last of the ``limit`` best."""
        found = [s[mask] for s, mask in zip(self._scores, self._may_be_hits, strict=True)]
        scores = np.concatenate([*found, np.zeros(0)])
        if len(scores) <= limit:
            return -np.inf
        return float(np.partition(scores, len(scores) - limit)[len(scores) - limit])

    def _scored(self, pools: Sequence[Pool]) -> list[NDArray[np.float64]]:
        """Return the score of each chunk of some pools; nan for one that was not found."""
        query = self._query
        sides = {
            "dense": lambda: fusion.dense_side(pools, query.weight, self._best),
            "keyword": lambda: fusion.keyword_side(pools, 1 - query.weight, query.file_weight),
        }
        asked = [sides[name]() for name in query.sides]
        if query.sides == ("keyword",):
            return fusion.by_words_alone(pools, asked[0])
        if len(asked) == 1:
            return list(asked[0].values)
        if pools and all(pool.source.sparse is not None for pool in pools):
            asked.append(fusion.sparse_side(pools, query.sparse_weight))
        exact = fusion.exact_side(pools)
        return fusion.FUSIONS[query.fusion](asked if exact is None else [*asked, exact])

    def _ranks(self, pools: Sequence[Pool]) -> dict[str, list[NDArray[np.int64]]]:
        """Return the places of the pools' chunks on each side, before filters; 0 for none."""
        found = {}
        if "dense" in self._query.sides:
            near = [np.array([cosine for _, cosine in one]) for one in self._near]
            last = np.sort(np.concatenate([*near, np.zeros(0)]))[-PLACES:]
            told = [
                np.where(cosines >= last.min(initial=2.0), cosines, np.nan)
                for cosines in (pool.cosines for pool in pools)
                if cosines is not None
            ]
            found["dense"] = fusion.places(told, near)
        if "keyword" in self._query.sides:
            of_all = [pool.source.scores for pool in pools if pool.source.scores is not None]
            own = [np.where(pool.keyword > 0, pool.keyword, np.nan) for pool in pools]
            found["keyword"] = fusion.places(own, of_all)
        weighed = [pool.source.sparse for pool in pools if pool.source.sparse is not None]
        if weighed:
            scores = [np.where(one > 0, one, np.nan) for one in weighed]
            found["sparse"] = fusion.places(fusion.sparse_side(pools, 1).values, scores)
        return found

    def _candidates(
        self, pool: Pool, scores: NDArray[np.float64], ranks: dict[str, NDArray[np.int64]]
    ) -> list[Candidate]:
        positions = pool.positions.tolist()
        nothing = [None] * len(positions)
        weighed = pool.source.sparse
        return [
            Candidate(
                pool.source,
                position,
                id,
                cosine,
                words,
                {side: int(places[at]) for side, places in ranks.items() if places[at]},
                score,
                relevance,
                None if weighed is None else float(weighed[position]),
            )
            for at, (position, id, cosine, words, score, relevance) in enumerate(
                zip(
                    positions,
                    pool.source.columns.ids_at(self._snapshot, positions),
                    nothing if pool.cosines is None else pool.cosines.tolist(),
                    nothing if pool.source.scores is None else pool.keyword.tolist(),
                    scores.tolist(),
                    pool.relevance.tolist(),
                    strict=True,
                )
            )
        ]


def _pool(query: Query, source: Source, snapshot: Snapshot) -> Pool:
    """Return all chunks of a source; the best of each search where not all can be compared."""
    if source.dense is None or not (query.needs_vector or query.min_relevance):
        return Pool(source, np.arange(len(source.columns)), None, whole=True)
    estimates = source.dense.estimates()
    if estimates is None:
        return _reached(query, source, snapshot)
    positions = np.arange(len(estimates))
    everything = Pool(source, positions, estimates.astype(np.float64), whole=True)
    if query.fusion == "rrf" and len(query.sides) > 1:  # a rank needs them all in exact order
        return everything.exact_at(everything.positions)
    assert source.dataset.embedding is not None
    error = tolerance(source.dataset.embedding.dimensions or 0)
    return everything._replace(error=error)


def _reached(query: Query, source: Source, snapshot: Snapshot) -> Pool:
    """Return what the searches find, before and after filters."""
    assert source.dense is not None
    reach = max(REACH, query.pool)
    found: set[int] = set()
    for mask in {id(mask): mask for mask in (None, source.mask)}.values():
        if "dense" in query.sides:
            found.update(at for at, _ in source.dense.nearest(reach, mask))
        for scores in (source.scores, source.file_scores):  # a file's chunk may hold no word of it
            if scores is not None:
                best = keyword.best(source.columns, snapshot, scores, reach, mask)
                found.update(at for at, _ in best)
        if source.sparse_index is not None:
            found.update(source.sparse_index.nearest(reach, mask, snapshot).tolist())
        elif source.sparse is not None:
            weighed = source.sparse if mask is None else np.where(mask, source.sparse, 0)
            best_first = np.argsort(-weighed, kind="stable")[:reach]
            found.update(at for at in best_first.tolist() if weighed[at] > 0)
    positions = np.array(sorted(found), dtype=np.int64)
    if source.sparse_index is not None:
        source.sparse_index.fill(positions, snapshot)
    return Pool(source, positions, None).exact_at(np.arange(len(positions)))


def _may_be_hits(query: Query, pool: Pool, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which chunks of a pool pass the filters, and were found at all."""
    mask = ~np.isnan(scores)
    if pool.source.mask is not None:
        mask &= pool.own(pool.source.mask)
    if query.threshold is not None and pool.cosines is not None:
        mask &= _at_least(query.threshold, pool, lambda one: one.cosines, pool.error)
    if query.min_relevance:
        error = STEEPEST * pool.error
        mask &= _at_least(query.min_relevance, pool, lambda one: one.relevance, error)
    return mask


def _at_least(
    least: float,
    pool: Pool,
    value_of: Callable[[Pool], NDArray[np.float64] | None],
    error: float,
) -> NDArray[np.bool_]:
    """Return which chunks have a value so high; where estimates can't tell, exact ones do."""
    values = value_of(pool)
    assert values is not None
    passes = values >= least
    unsure = np.flatnonzero(np.abs(values - least) <= error)
    if error and len(unsure):
        exact = value_of(pool.exact_at(unsure))
        assert exact is not None
        passes[unsure] = exact >= least
    return passes

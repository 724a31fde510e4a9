"""From searchable datasets to one ranked list of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.retrieval.search import fusion, keyword
from knowledge.retrieval.search.candidates import Candidate, Source, in_order

if TYPE_CHECKING:
    from knowledge.retrieval.query import Query
    from knowledge.retrieval.search.cosines import Found
    from knowledge.storage.store import Snapshot

_Place = tuple[int, int]
"""(number of the source, position)."""


def rank(query: Query, sources: Sequence[Source], snapshot: Snapshot) -> list[Candidate]:
    """Return the candidates of all sources, best first, cosines below the threshold left out."""
    near: list[Found] = []
    ranks: dict[_Place, dict[str, int]] = {}
    if "dense" in query.sides:
        near = [source.dense.nearest(query.pool, source.mask) for source in sources]
        _note_ranks(ranks, "dense", sources, near, query.pool, snapshot)
    if "keyword" in query.sides:
        holding = [_best_by_words(source, query.pool, snapshot) for source in sources]
        _note_ranks(ranks, "keyword", sources, holding, query.pool, snapshot)
    candidates = _candidates(sources, ranks, near, snapshot)
    if query.threshold is not None:
        candidates = [item for item in candidates if item.cosine >= query.threshold]
    return in_order(_scored(query, candidates, sources))


def _best_by_words(source: Source, top: int, snapshot: Snapshot) -> Found:
    assert source.scores is not None
    return keyword.best(source.columns, snapshot, source.scores, top, source.mask)


def _note_ranks(
    ranks: dict[_Place, dict[str, int]],
    side: str,
    sources: Sequence[Source],
    found: Sequence[Found],
    pool: int,
    snapshot: Snapshot,
) -> None:
    """Rank what the sources gave for a side together, and note the places of the best."""
    listed = []
    for number, (source, pairs) in enumerate(zip(sources, found, strict=True)):
        ids = source.columns.ids_at(snapshot, [at for at, _ in pairs])
        listed += [
            (-score, id, source.dataset.name, (number, at))
            for (at, score), id in zip(pairs, ids, strict=True)
        ]
    for rank_, (_, _, _, place) in enumerate(sorted(listed)[:pool], 1):
        ranks.setdefault(place, {})[side] = rank_


def _candidates(
    sources: Sequence[Source],
    ranks: dict[_Place, dict[str, int]],
    near: Sequence[Found],
    snapshot: Snapshot,
) -> list[Candidate]:
    """Return the ranked chunks, each with its cosine, whoever found it, and its BM25 score."""
    candidates = []
    for number, source in enumerate(sources):
        positions = [at for owner, at in ranks if owner == number]
        cosines = dict(near[number]) if near else {}
        missing = [at for at in positions if at not in cosines]
        cosines.update(zip(missing, source.dense.cosines(missing), strict=True))
        ids = source.columns.ids_at(snapshot, positions)
        for at, id in zip(positions, ids, strict=True):
            words = None if source.scores is None else float(source.scores[at])
            candidates.append(Candidate(source, at, id, cosines[at], words, ranks[number, at]))
    return candidates


def _scored(
    query: Query, candidates: Sequence[Candidate], sources: Sequence[Source]
) -> list[Candidate]:
    if query.sides == ("dense",):
        return [replace(item, score=item.cosine) for item in candidates]
    if query.sides == ("keyword",):
        return [replace(item, score=item.keyword or 0.0) for item in candidates]
    if query.fusion == "rrf":
        return fusion.rrf(candidates, query.weight)
    nearest = [source.dense.nearest(fusion.SCALE_DEPTH) for source in sources]
    return fusion.weighted(
        candidates,
        query.weight,
        fusion.dense_scales(sources, nearest),
        fusion.keyword_scale(sources),
    )

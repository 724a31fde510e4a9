"""One list of hits of several: a passage stands there once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from knowledge.model import Hit
from knowledge.retrieval.search.fusion import Scale

DIGITS = 9

_Key = tuple[str, str]


def best_of(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the hits of several questions, each with the best score it has in any list.

    Of equal scores the passage that more lists hold comes first.
    """
    if len(lists) == 1:
        return list(lists[0])
    best: dict[_Key, Hit] = {}
    held: dict[_Key, int] = {}
    for hit in (hit for hits in lists for hit in hits):
        key = _key(hit)
        held[key] = held.get(key, 0) + 1
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(
        best.values(),
        key=lambda hit: (-hit.score, -held[_key(hit)], hit.chunk.id, hit.dataset),
    )


def weighted_sum(lists: Sequence[tuple[str, float, Sequence[Hit]]]) -> list[Hit]:
    """Return the hits of several retrievers by the weighted sum of their scores.

    Each list's scores are brought to the scale from 0, its last hit's, to 1, its first hit's; those
    of ``bm25`` from no word at all. A passage that a list does not hold has 0 there. The metadata
    ``retriever``, ``retrieverScore::NAME`` and ``retrieverScoreNormalized::NAME`` say where a hit
    came from.

    Parameters
    ----------
    lists:
        Name of the retriever, its weight, and its hits, best first.
    """
    names = _distinct([name for name, _, _ in lists])
    found: dict[_Key, Hit] = {}
    sums: dict[_Key, float] = {}
    told: dict[_Key, dict[str, float]] = {}
    for name, (kind, weight, hits) in zip(names, lists, strict=True):
        scale = _scale(kind, hits)
        for hit in hits:
            key = _key(hit)
            place = scale.place(hit.score) if scale.high > scale.low else 1.0
            found.setdefault(key, hit)
            sums[key] = sums.get(key, 0.0) + weight * place
            told.setdefault(key, {})
            told[key][f"retrieverScore::{name}"] = hit.score
            told[key][f"retrieverScoreNormalized::{name}"] = round(place, DIGITS)
    merged = [
        _merged(hit, round(sums[key], DIGITS), told[key], names) for key, hit in found.items()
    ]
    return sorted(merged, key=lambda hit: (-hit.score, hit.chunk.id, hit.dataset))


def _scale(kind: str, hits: Sequence[Hit]) -> Scale:
    scores = [hit.score for hit in hits]
    lowest = 0.0 if kind == "bm25" else min(scores, default=0.0)
    return Scale(lowest, max(scores, default=0.0))


def _merged(hit: Hit, score: float, told: Mapping[str, float], names: Sequence[str]) -> Hit:
    own = [name for name in names if f"retrieverScore::{name}" in told]
    metadata = {**hit.metadata, "retriever": ", ".join(own), **told}
    return replace(hit, score=score, metadata=metadata)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that are given twice: ``basic``, ``basic-2``."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return distinct


def _key(hit: Hit) -> _Key:
    return hit.dataset, hit.chunk.id

"""Runs the stages in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from knowledge.model import Chunk, Hit
from knowledge.requests import SearchRequest
from knowledge.text.tokens import TokenCounter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# Filling a budget of tokens with hits.


def fit(hits: Sequence[Hit], max_tokens: int) -> list[Hit]:
    """Return the hits that fit, best first; one that is too long for what is left is passed over.

    Tokens are those of cl100k_base, of the texts as they are shown.
    """
    counter = TokenCounter()
    kept, left = [], max_tokens
    for hit in hits:
        size = counter.count(hit.text)
        if size <= left:
            kept.append(hit)
            left -= size
    return kept


Rerank = Callable[[str, Sequence[Hit]], list[Hit]]
"""(question, hits) -> the hits with other scores, best first."""


class Surroundings(Protocol):
    """What stages may ask of the datasets, in the state in which the hits were found."""

    def vectors(self, hits: Sequence[Hit]) -> list[NDArray[np.float32]]:
        """Return each hit's stored vector, of unit length."""
        ...

    def chunks_of_file(self, hit: Hit) -> Sequence[Chunk]:
        """Return all chunks of the hit's file, in order."""
        ...


def refine(
    question: str,
    hits: Sequence[Hit],
    options: SearchRequest,
    top_k: int,
    around: Surroundings,
    rerank: Rerank | None = None,
) -> list[Hit]:
    """Return the hits to show, ranked from 1.

    Parameters
    ----------
    hits:
        All candidates, best first.
    rerank:
        The reranker that ``options`` names.
    """
    found = list(hits)
    if options.fold:
        from knowledge.retrieval.refine.folding import fold

        found = fold(found)
    if rerank is not None:
        found = rerank(question, found)
    if options.mmr is not None:
        from knowledge.retrieval.refine.diversity import spread

        # A file's share is taken afterwards, so more than `top_k` may be needed.
        most = len(found) if options.max_per_file else top_k
        found = spread(found, around.vectors(found), options.mmr, most)
    if options.max_per_file is not None:
        from knowledge.retrieval.refine.diversity import limit_per_file

        found = limit_per_file(found, options.max_per_file)
    found = _ranked(found[:top_k])
    if options.context or options.merge:
        from knowledge.retrieval.refine.windows import show_around

        found = _ranked(
            show_around(found, around.chunks_of_file, context=options.context, merge=options.merge)
        )
    if options.max_tokens is not None:
        found = _ranked(fit(found, options.max_tokens))
    return found


def _ranked(hits: Sequence[Hit]) -> list[Hit]:
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]

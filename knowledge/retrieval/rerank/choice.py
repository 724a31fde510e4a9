"""Which reranker: by name, without importing any library before it is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.errors import UsageError
from knowledge.model import Hit
from knowledge.settings.trust import check_endpoint

if TYPE_CHECKING:
    from knowledge.retrieval.rerank.minilm import KeepVectors
    from knowledge.settings.reading import Settings

Score = Callable[[str, Sequence[str]], list[float]]
"""(question, texts) -> a score for each text; more is better."""

HOSTED = ("cohere", "jina", "voyage")
NAMES = ("bm25", "minilm", "cross-encoder", *HOSTED, "http://…", "https://…")


class Reranker:
    """Brings hits into the order of the scores that a reranker gives them.

    Parameters
    ----------
    name:
        As the user writes it.
    depth:
        How many of the best hits are scored; the others follow in their order. 0 is all.
    former_share:
        Weight, up to 1, of the score that a hit had; the reranker's has the rest.
    """

    def __init__(
        self, name: str, score: Score, *, depth: int = 0, former_share: float = 0.0
    ) -> None:
        self.name = name
        self._score = score
        self._depth = depth
        self._former = former_share

    def __call__(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits with the reranker's scores, best first; equal ones keep their order.

        A hit that was not scored has no more than the last that was.

        Raises
        ------
        RemoteError
            The reranker failed.
        """
        if not hits:
            return []
        depth = self._depth or len(hits)
        given = self._score(question, [hit.chunk.passage.embedding_text for hit in hits[:depth]])
        unit = max(1.0, hits[0].score)  # BM25 has no upper bound
        scored = [
            _scored(hit, self._former * hit.score / unit + (1 - self._former) * score)
            for hit, score in zip(hits, given, strict=False)
        ]
        scored.sort(key=lambda hit: -hit.score)
        least = scored[-1].score
        return scored + [
            replace(hit, score=min(hit.score, least), scores={**hit.scores, "before": hit.score})
            for hit in hits[depth:]
        ]

    def relevance(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how relevant each text is, from 0 to 1, in the order of the texts.

        A cross-encoder's score is a log-odds; BM25, which has no end, approaches 1.

        Raises
        ------
        RemoteError
            The reranker failed.
        """
        scores = self._score(question, texts) if texts else []
        if self.name.startswith("cross-encoder"):
            return [1 / (1 + math.exp(-max(-700.0, score))) for score in scores]
        if self.name == "bm25":
            return [score / (1 + score) for score in scores]
        return [min(1.0, max(0.0, score)) for score in scores]

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if callable(close := getattr(self._score, "close", None)):
            close()


def _scored(hit: Hit, score: float) -> Hit:
    return replace(hit, score=score, scores={**hit.scores, "rerank": score, "before": hit.score})


def create_reranker(
    name: str,
    settings: Settings,
    notify: Callable[[str], None] | None = None,
    keep: KeepVectors | None = None,
) -> Reranker:
    """Create the reranker called ``name``; nothing is sent and no model is read yet.

    Parameters
    ----------
    name:
        ``bm25``, ``minilm``, ``cross-encoder[:MODEL]``, ``cohere[:MODEL]``, ``jina[:MODEL]``,
        ``voyage[:MODEL]``, or the address of a server, ``http://localhost:8080/v1[#MODEL]``.
    notify:
        Called when the user has to wait for long.
    keep:
        Opens the cache of vectors, for a reranker that embeds.

    Raises
    ------
    UsageError
        There is no such reranker.
    UntrustedEndpointError
        The working directory may not name this endpoint.
    """
    if name != settings["rerank"]:
        settings = settings.override(rerank=name)  # whoever calls this names it himself
    text = name.strip()
    depth = int(settings["rerank_depth"])
    if text.lower().startswith(("http://", "https://")):
        from knowledge.retrieval.rerank.hosted import SERVER, server_reranker

        check_endpoint(settings, SERVER)
        address, _, model = text.partition("#")
        return Reranker(text, server_reranker(address, model, settings, notify), depth=depth)
    kind, _, model = text.partition(":")
    kind = kind.lower()
    if kind in HOSTED:
        from knowledge.embeddings.provider import BUILT_IN
        from knowledge.retrieval.rerank.hosted import hosted_reranker

        check_endpoint(settings, BUILT_IN[kind].reach)
        return Reranker(text, hosted_reranker(kind, model, settings, notify), depth=depth)
    if kind == "cross-encoder":
        from knowledge.retrieval.rerank.cross_encoder import CrossEncoder

        return Reranker(text, CrossEncoder(model, settings, notify), depth=depth)
    if kind == "minilm" and not model:
        from knowledge.retrieval.rerank.minilm import DEPTH, FORMER_SHARE, MiniLmReranker

        score = MiniLmReranker(settings, keep)
        return Reranker(text, score, depth=depth or DEPTH, former_share=FORMER_SHARE)
    if kind == "bm25" and not model:
        from knowledge.retrieval.rerank.bm25 import bm25_scores

        return Reranker(text, bm25_scores, depth=depth)
    raise UsageError(
        f"`rerank`: there is no reranker {name!r}", hint=f"Choose one of {', '.join(NAMES)}."
    )

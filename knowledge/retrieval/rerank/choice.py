"""Which reranker: by name, without importing any library before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.errors import UsageError
from knowledge.model import Hit
from knowledge.settings.trust import check_endpoint

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

Score = Callable[[str, Sequence[str]], list[float]]
"""(question, texts) -> a score for each text; more is better."""

HOSTED = ("cohere", "jina", "voyage")
NAMES = ("bm25", "cross-encoder", *HOSTED, "http://…", "https://…")


class Reranker:
    """Brings hits into the order of the scores that a reranker gives them.

    Parameters
    ----------
    name:
        As the user writes it.
    """

    def __init__(self, name: str, score: Score) -> None:
        self.name = name
        self._score = score

    def __call__(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits with the reranker's scores, best first; equal ones keep their order.

        Raises
        ------
        RemoteError
            The reranker failed.
        """
        if not hits:
            return []
        scores = self._score(question, [hit.chunk.passage.embedding_text for hit in hits])
        scored = [
            replace(hit, score=score, scores={**hit.scores, "rerank": score, "before": hit.score})
            for hit, score in zip(hits, scores, strict=True)
        ]
        return sorted(scored, key=lambda hit: -hit.score)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if callable(close := getattr(self._score, "close", None)):
            close()


def create_reranker(
    name: str, settings: Settings, notify: Callable[[str], None] | None = None
) -> Reranker:
    """Create the reranker called ``name``; nothing is sent and no model is read yet.

    Parameters
    ----------
    name:
        ``bm25``, ``cross-encoder[:MODEL]``, ``cohere[:MODEL]``, ``jina[:MODEL]``,
        ``voyage[:MODEL]``, or the address of a server, ``http://localhost:8080/v1[#MODEL]``.
    notify:
        Called when the user has to wait for long.

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
    if text.lower().startswith(("http://", "https://")):
        from knowledge.retrieval.rerank.hosted import SERVER, server_reranker

        check_endpoint(settings, SERVER)
        address, _, model = text.partition("#")
        return Reranker(text, server_reranker(address, model, settings, notify))
    kind, _, model = text.partition(":")
    kind = kind.lower()
    if kind in HOSTED:
        from knowledge.embeddings.provider import BUILT_IN
        from knowledge.retrieval.rerank.hosted import hosted_reranker

        check_endpoint(settings, BUILT_IN[kind].reach)
        return Reranker(text, hosted_reranker(kind, model, settings, notify))
    if kind == "cross-encoder":
        from knowledge.retrieval.rerank.cross_encoder import CrossEncoder

        return Reranker(text, CrossEncoder(model, settings))
    if kind == "bm25" and not model:
        from knowledge.retrieval.rerank.bm25 import bm25_scores

        return Reranker(text, bm25_scores)
    raise UsageError(
        f"`rerank`: there is no reranker {name!r}", hint=f"Choose one of {', '.join(NAMES)}."
    )

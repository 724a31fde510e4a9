"""A pool as the settings ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.embeddings.pool.pool import EmbeddingPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embedder
    from knowledge.embeddings.pool.cache import VectorCache
    from knowledge.settings.reading import Settings


def pool_for(
    choice: Choice,
    *,
    cache: VectorCache | None = None,
    threads: int | None = None,
    notify: Callable[[str], None] | None = None,
) -> EmbeddingPool:
    """Return a pool for an embedder and its settings; it closes the embedder in the end.

    Parameters
    ----------
    cache:
        Where vectors are kept; ``None`` is nowhere.
    threads:
        Most requests at a time; default what the settings say, or the embedder's own default.
    """
    settings = choice.settings
    return EmbeddingPool(
        choice.embedder,
        threads=threads or thread_count(choice.embedder, settings),
        batch_size=batch_size(choice.embedder, settings),
        batch_tokens=settings["embedding_batch_tokens"],
        retries=settings["embedding_retries"],
        requests_a_minute=settings["embedding_rpm"],
        tokens_a_minute=settings["embedding_tpm"],
        cache=cache,
        notify=notify,
    )


def thread_count(embedder: Embedder, settings: Settings) -> int:
    """Return how many requests may be under way.

    That is what somebody set; else the embedder's ``default_threads``, where it has one, since a
    model on this machine, or a server that does one thing at a time, gains nothing by more.
    """
    own = getattr(embedder, "default_threads", None)
    if own and not settings.is_set("embedding_threads"):
        return int(own)
    return int(settings["embedding_threads"])


def batch_size(embedder: Embedder, settings: Settings) -> int:
    """Return how many texts stand in a request.

    That is what somebody set; else the embedder's ``default_batch_size``, where it has one.
    """
    own = getattr(embedder, "default_batch_size", None)
    if own and not settings.is_set("embedding_batch_size"):
        return int(own)
    return int(settings["embedding_batch_size"])

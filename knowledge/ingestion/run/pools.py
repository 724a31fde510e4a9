"""A pool with the data folder's embedding cache behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from knowledge.embeddings.pool.cache import model_name, text_key
from knowledge.embeddings.pool.opening import pool_for
from knowledge.embeddings.sendable import sendable
from knowledge.errors import KnowledgeError, LockedError

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.ingestion.request import Notify
    from knowledge.settings.reading import Settings
    from knowledge.storage.store import EmbeddingCache, Store

MIB = 1024 * 1024


@contextlib.contextmanager
def open_pool(
    store: Store, choice: Choice, notify: Notify, *, threads: int | None = None
) -> Iterator[EmbeddingPool]:
    """Yield a pool; it sends what waits when the context ends, and drops it on an error.

    A cache that cannot be opened costs money, not the run: it goes on without.
    """
    cache = _cache_if_usable(store, choice, notify)
    try:
        with pool_for(choice, cache=cache, threads=threads, notify=notify) as pool:
            yield pool
    finally:
        if cache is not None:
            cache.close()


def open_cache(store: Store, choice: Choice) -> EmbeddingCache | None:
    """Open the cache for an embedder whose vectors are worth keeping, unless it is switched off."""
    if not (choice.embedder.cacheable and cache_is_on(choice.settings)):
        return None
    return store.open_cache(choice.settings["embedding_cache_size"] * MIB)


def _cache_if_usable(store: Store, choice: Choice, notify: Notify) -> EmbeddingCache | None:
    try:
        return open_cache(store, choice)
    except LockedError:
        raise
    except KnowledgeError as error:
        notify(f"the embedding cache can't be opened, going on without it: {error.in_full}")
        return None


def kept_texts(store: Store, choice: Choice, texts: Iterable[str], notify: Notify) -> set[str]:
    """Return those of ``texts`` whose vectors are kept, so that they will not be sent."""
    if not store.has_cache():
        return set()
    cache = None
    try:
        if (cache := open_cache(store, choice)) is None:
            return set()
        keys = {text_key(sendable(text)): text for text in texts}
        return {keys[key] for key in cache.known(model_name(choice.embedder), keys)}
    except KnowledgeError as error:
        notify(f"the embedding cache can't be read: {error.in_full}")
        return set()
    finally:
        if cache is not None:
            cache.close()


def open_question_cache(store: Store, choice: Choice, notify: Notify) -> EmbeddingCache | None:
    """Open the cache for questions: a reader goes on without it where it cannot be written."""
    try:
        return open_cache(store, choice)
    except KnowledgeError as error:
        notify(f"questions are not kept: {error}")
        return None


def cache_is_on(settings: Settings) -> bool:
    """Tell whether vectors are kept."""
    return bool(settings["embedding_cache"] and settings["embedding_cache_size"])

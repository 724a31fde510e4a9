"""Vectors of questions: from the cache where the question was asked before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from knowledge.embeddings.cache import CacheAccess, text_key
from knowledge.embeddings.wishes import sendable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.sender import Sender


class Questions:
    """Embeds questions, one at a time, in the caller's thread.

    Parameters
    ----------
    cache:
        Keeps questions apart from documents: a model may embed the same text differently.
    """

    def __init__(self, sender: Sender, cache: CacheAccess) -> None:
        self._sender = sender
        self._cache = cache
        self._lock = threading.Lock()
        self.embedded = 0
        self.cached = 0

    def vector(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimensions,).

        Raises
        ------
        EmbeddingError, ValueError
            As for `EmbeddingPool.embed_query`.
        """
        question = sendable(text)
        key = text_key(question)
        found = self._cache.get([key], self._sender.dimensions).get(key)
        if found is not None:
            with self._lock:
                self.cached += 1
            return found
        vector = self._sender.query(question)
        self._cache.put({key: vector})
        with self._lock:
            self.embedded += 1
        return vector

"""Vectors of questions: from the cache where the question was asked before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from knowledge.embeddings.pool.cache import CacheAccess, VectorCache, text_key
from knowledge.embeddings.pool.sender import Sender
from knowledge.embeddings.sendable import sendable
from knowledge.remote.gate import Gate
from knowledge.remote.rates import RateLimiter
from knowledge.remote.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice


class QuestionPool:
    """Embeds questions through one embedder, one at a time; closing it closes the embedder.

    It sends as the `EmbeddingPool` does. Batches, worker threads and futures, whose import takes
    longer than embedding a question with the bundled model, stay out of it.

    Parameters
    ----------
    cache:
        Where vectors are kept; ``None`` is nowhere.
    notify:
        Told when the user has to wait for long.
    """

    def __init__(
        self,
        choice: Choice,
        cache: VectorCache | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        notify = notify or _say_nothing
        settings, stop = choice.settings, threading.Event()
        self._embedder = choice.embedder
        sender = Sender(
            choice.embedder,
            retrier=Retrier(settings["embedding_retries"], stop=stop, notify=notify),
            gate=Gate(1, _say_nothing),
            rates=RateLimiter(settings["embedding_rpm"], settings["embedding_tpm"], stop=stop),
            stop=stop,
            notify=notify,
        )
        access = CacheAccess(cache, choice.embedder, _say_nothing, questions=True)
        self._questions = Questions(sender, access)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed one question, in this thread; a unit vector of shape (dimensions,).

        Raises
        ------
        RemoteError
            It failed, all tries included.
        ValueError
            The text is blank.
        """
        return self._questions.vector(text)

    def close(self) -> None:
        """Close the embedder, where it has something to close."""
        if callable(close := getattr(self._embedder, "close", None)):
            close()


def _say_nothing(_: str) -> None:
    """Take a note and drop it."""


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
        RemoteError, ValueError
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

"""What embeds questions: the pool's way of sending, without what documents need.

A question goes alone and at once. Batches, worker threads and futures, whose import takes longer
than embedding a question with the bundled model, stay out of it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from knowledge.embeddings.cache import CacheAccess, VectorCache
from knowledge.embeddings.gate import Gate
from knowledge.embeddings.questions import Questions
from knowledge.embeddings.rates import RateLimiter
from knowledge.embeddings.retry import Retrier
from knowledge.embeddings.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice


class QuestionPool:
    """Embeds questions through one embedder, one at a time; closing it closes the embedder.

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
        EmbeddingError
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

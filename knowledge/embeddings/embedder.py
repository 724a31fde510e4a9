"""The protocol that every embedding provider fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import EmbedderSpec


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One provider answer: a vector for each text of the request, in the request's order.

    Parameters
    ----------
    vectors:
        float32 array of shape (texts, dimensions); need not be normalised.
    tokens:
        Tokens as the provider counts them, or ``None`` where it does not say.
    counts:
        The tokens of each text, where the provider tells them apart.
    """

    vectors: NDArray[np.float32]
    tokens: int | None = None
    counts: Sequence[int] | None = None


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors; one call is one request to the provider.

    Calls may come from several threads at once. Batching, threads, retries, order, the cache and
    checks on the answer are the pool's work, not the provider's. An embedder that holds
    connections has a ``close()`` as well, which the pool calls when it is closed.
    """

    spec: EmbedderSpec
    """Identity of the model. ``dimensions`` may be ``None``: the first answer sets them.

    What was asked of the model stands in ``options``, which counts for the cache."""

    endpoint: str
    """Where texts are sent, such as a base URL; empty for a local model."""

    max_input_tokens: int | None
    """Longest text the model takes, in its own tokens; ``None`` when there is no limit."""

    max_batch: int
    """Most texts in one request."""

    cacheable: bool
    """False where making a vector costs less than keeping it."""

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts that will be searched.

        Raises
        ------
        RemoteError
            One of its subclasses says what kind; the pool decides on retries.
        """
        ...

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question; the result holds one vector."""
        ...

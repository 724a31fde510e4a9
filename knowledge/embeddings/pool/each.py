"""Texts embedded one and all: what a provider refuses costs its own text, not the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.embeddings.sendable import sendable
from knowledge.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool


def embed_each(
    pool: EmbeddingPool, texts: Sequence[str]
) -> list[NDArray[np.float32] | RemoteError]:
    """Return for each text its unit vector, shape (dimensions,), or why it alone has none.

    Raises
    ------
    RemoteError
        The provider failed for another reason than a text.
    """
    refused: dict[str, RemoteError] = {}
    while True:
        taken = [text for text in texts if sendable(text) not in refused]
        try:
            vectors = iter(pool.embed(taken))
        except RemoteError as error:
            if error.text is None:
                raise
            refused[error.text] = error  # the others are in the pool's memo, or the cache
        else:
            return [refused.get(sendable(text)) or next(vectors) for text in texts]

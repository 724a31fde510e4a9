"""Reading the answer of an OpenAI-compatible server.

The servers differ: base64 where floats were asked for, items out of order, ``index`` missing or
restarting, no ``usage``, empty vectors. What can be understood is; the rest is named.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.remote.answers import (
    NO_EMBEDDINGS,
    UnusableAnswerError,
    read_vector,
    stack_vectors,
    token_count,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_embeddings(body: dict[str, Any]) -> Embeddings:
    """Take vectors and token count out of an answer, in the order of the request's texts.

    Returns
    -------
    Embeddings
        float32 vectors of shape (items, dimensions); how many there must be, the pool checks.

    Raises
    ------
    UnusableAnswerError
        No ``data``, an empty vector, vectors of different sizes, or something not a vector.
    """
    items = body.get("data")
    vectors = [_vector(item) for item in _in_order(items)] if isinstance(items, list) else []
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens = token_count(usage.get("total_tokens"), usage.get("prompt_tokens"))
    return Embeddings(stack_vectors(vectors), tokens)


def _in_order(items: list[Any]) -> list[Any]:
    """Sort items by ``index`` where that is a permutation; else the order of the list counts.

    LocalAI restarts its count for each kind of input, and others send no index or all zeros.
    """
    indexes = [item.get("index") if isinstance(item, dict) else None for item in items]
    places = {index: place for place, index in enumerate(indexes) if type(index) is int}
    if places.keys() == set(range(len(items))):
        return [items[places[index]] for index in range(len(items))]
    return items


def _vector(item: Any) -> NDArray[np.float32]:
    found = item.get("embedding") if isinstance(item, dict) else None
    if not isinstance(found, str):
        return read_vector(found)
    try:
        return np.frombuffer(base64.b64decode(found), dtype="<f4").astype(np.float32)
    except (ValueError, binascii.Error) as error:
        raise UnusableAnswerError(
            "answered with an embedding that is not a list of numbers", NO_EMBEDDINGS
        ) from error

"""Reading the answer of an OpenAI-compatible server, from the bytes up.

The servers differ: base64 where floats were asked for, items out of order, ``index`` missing or
restarting, no ``usage``, empty vectors, web pages. What can be understood is; the rest is named.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.embeddings.embedder import Embeddings


class UnusableAnswerError(ValueError):
    """The answer holds no usable vectors; the message completes "the server ..."."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


_NO_EMBEDDINGS = "Check that the model is an embedding model and that the server has it enabled."


def parse_object(content: bytes) -> dict[str, Any]:
    """Parse the body as a JSON object.

    Raises
    ------
    UnusableAnswerError
        The body is no JSON object, such as a web page.
    """
    try:
        body = json.loads(content)
    except ValueError as error:
        excerpt = content[:200].decode("utf-8", "replace")
        raise UnusableAnswerError(f"answered with something other than JSON: {excerpt}") from error
    if not isinstance(body, dict):
        excerpt = content[:200].decode("utf-8", "replace")
        raise UnusableAnswerError(f"answered with something other than a JSON object: {excerpt}")
    return body


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
    if not isinstance(items, list) or not items:
        raise UnusableAnswerError("answered without embeddings", _NO_EMBEDDINGS)
    vectors = [_vector(item) for item in _in_order(items)]
    sizes = {len(vector) for vector in vectors}
    if 0 in sizes:
        raise UnusableAnswerError("answered with an empty vector", _NO_EMBEDDINGS)
    if len(sizes) > 1:
        raise UnusableAnswerError(
            f"answered with vectors of different dimensions: {sorted(sizes)}", _NO_EMBEDDINGS
        )
    return Embeddings(np.stack(vectors), _tokens(body.get("usage")))


def _in_order(items: list[Any]) -> list[Any]:
    """Sort items by ``index`` where that is a permutation; else the order of the list counts.

    LocalAI counts anew for each kind of input, and others send no index or all zeros.
    """
    indexes = [item.get("index") if isinstance(item, dict) else None for item in items]
    places = {index: place for place, index in enumerate(indexes) if type(index) is int}
    if places.keys() == set(range(len(items))):
        return [items[places[index]] for index in range(len(items))]
    return items


def _vector(item: Any) -> NDArray[np.float32]:
    found = item.get("embedding") if isinstance(item, dict) else None
    try:
        with np.errstate(over="ignore"):
            if isinstance(found, str):
                return np.frombuffer(base64.b64decode(found), dtype="<f4").astype(np.float32)
            vector = np.asarray([] if found is None else found, dtype=np.float32)
    except (TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise UnusableAnswerError(
            "answered with an embedding that is no list of numbers", _NO_EMBEDDINGS
        ) from error
    if vector.ndim != 1:
        raise UnusableAnswerError(
            "answered with a vector for each token, not for each text",
            "Start the server with pooling (llama.cpp: --pooling mean).",
        )
    return vector


def _tokens(usage: Any) -> int | None:
    if not isinstance(usage, dict):
        return None
    for name in ("total_tokens", "prompt_tokens"):
        count = usage.get(name)
        if isinstance(count, int) and count > 0:
            return count
    return None

"""Reading a server's answer, from the bytes up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_EMBEDDINGS = "Check that the model is an embedding model and that the server has it enabled."


class UnusableAnswerError(ValueError):
    """The answer holds no usable vectors; the message completes "the server ..."."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_object(content: bytes, *, list_as: str = "") -> dict[str, Any]:
    """Parse the body as a JSON object, or as a list where ``list_as`` gives it a name.

    Raises
    ------
    UnusableAnswerError
        The body is not a JSON object, such as a web page.
    """
    try:
        body = json.loads(content)
    except RecursionError as error:
        raise UnusableAnswerError("answered with JSON that is nested too deeply") from error
    except ValueError as error:
        excerpt = content[:200].decode("utf-8", "replace").strip()
        what = f"something other than JSON: {excerpt}" if excerpt else "an empty body"
        raise UnusableAnswerError(f"answered with {what}") from error
    if isinstance(body, list) and list_as:
        return {list_as: body}
    if not isinstance(body, dict):
        excerpt = content[:200].decode("utf-8", "replace")
        raise UnusableAnswerError(f"answered with something other than a JSON object: {excerpt}")
    return body


def read_vector(found: Any) -> NDArray[np.float32]:
    """Read a list of numbers as a vector; ``None`` is an empty one.

    Raises
    ------
    UnusableAnswerError
        It is something else.
    """
    try:
        vector = np.asarray([] if found is None else found)
        if vector.size and not _is_numbers(vector, found):
            raise TypeError("numpy would read texts as numbers")
        with np.errstate(over="ignore"):
            vector = vector.astype(np.float32)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnusableAnswerError(
            "answered with an embedding that is not a list of numbers", NO_EMBEDDINGS
        ) from error
    if vector.ndim != 1:
        raise UnusableAnswerError(
            "answered with a vector for each token, not for each text",
            "Start the server with pooling (llama.cpp: --pooling mean).",
        )
    return vector


def _is_numbers(vector: NDArray[Any], found: Any) -> bool:
    """Tell whether an answer holds numbers only; a null among them is reported later."""
    if vector.dtype.kind in "fiu":
        return True
    known = {float, int, type(None)}
    return vector.dtype.kind == "O" and vector.ndim == 1 and {*map(type, found)} <= known


def stack_vectors(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Stack vectors to an array of shape (texts, dimensions).

    Raises
    ------
    UnusableAnswerError
        There are none, an empty one, or vectors of different sizes.
    """
    if not vectors:
        raise UnusableAnswerError("answered without embeddings", NO_EMBEDDINGS)
    sizes = {len(vector) for vector in vectors}
    if 0 in sizes:
        raise UnusableAnswerError("answered with an empty vector", NO_EMBEDDINGS)
    if len(sizes) > 1:
        raise UnusableAnswerError(
            f"answered with vectors of different dimensions: {sorted(sizes)}", NO_EMBEDDINGS
        )
    return np.stack(vectors)


def read_rows(found: Any) -> NDArray[np.float32]:
    """Read a list of lists of numbers; shape (texts, dimensions).

    Raises
    ------
    UnusableAnswerError
        It is something else, or holds no vector, an empty one or vectors of different sizes.
    """
    rows = found if isinstance(found, list) else []
    return stack_vectors([read_vector(row) for row in rows])


def token_count(*counts: Any) -> int | None:
    """Return the first that is a positive whole number, and one that a request can have."""
    return next((count for count in counts if type(count) is int and 0 < count < 2**40), None)

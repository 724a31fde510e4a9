"""What a model's answers to a few known texts say about it.

Servers fail quietly: each finding here is a fault that was met in the wild and that gives wrong
search results without any error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge.embeddings.known_models import known_dimensions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from knowledge.model import EmbedderSpec

OK, NOTE, FAILED = "ok", "note", "failed"
_SAME = 0.99
_IDENTICAL = 0.9999
_UNIT = 1e-3
_QUARTERS = (96, 192)
"""A quarter of 384 and of 768, the commonest sizes of small models."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``status`` is ``ok``, ``note`` (worth knowing) or ``failed``."""

    name: str
    status: str
    text: str


def judge(
    together: NDArray[np.float32],
    alone: Sequence[NDArray[np.float32]],
    question: NDArray[np.float32],
    spec: EmbedderSpec,
    *,
    named_freely: bool = False,
) -> list[Finding]:
    """Judge the answers for texts that all differ.

    Parameters
    ----------
    together:
        For all texts in one request; should be of shape (texts, dimensions).
    alone:
        For each text in a request of its own; shape (1, dimensions) each.
    question:
        For the first text as a question; shape (1, dimensions).
    named_freely:
        The model's name is used for any model, so that its known size says little.
    """
    count = _count(together, alone)
    if count.status == FAILED:
        return [count]
    size = _size(together.shape[1], question, spec, named_freely=named_freely)
    finite = _finite(together)
    if FAILED in (finite.status, size.status):
        return [count, size, finite]
    return [count, size, finite, *_directions(together, alone), _length(together)]


def _count(together: NDArray[np.float32], alone: Sequence[NDArray[np.float32]]) -> Finding:
    texts = len(alone)
    if together.ndim != 2 or len(together) != texts or any(a.shape[:1] != (1,) for a in alone):
        text = f"{len(together)} vectors for {texts} texts; try KNOW_EMBEDDING_BATCH_SIZE=1"
        return Finding("count", FAILED, text)
    if together.shape[1] == 0:
        text = "the vectors are empty; is it an embedding model?"
        return Finding("count", FAILED, text)
    return Finding("count", OK, "a vector for each text")


def _size(
    dimensions: int, question: NDArray[np.float32], spec: EmbedderSpec, *, named_freely: bool
) -> Finding:
    asked = spec.options.get("dimensions")
    known = asked or known_dimensions(spec.model)
    if question.shape[1:] != (dimensions,):
        text = f"questions have {question.shape[-1]} dimensions, documents {dimensions}"
        return Finding("size", FAILED, text)
    if known and dimensions * 4 == known:
        text = f"{dimensions} dimensions, a quarter of {known}: it misreads base64"
        if named_freely and not asked:
            return Finding("size", NOTE, f"{text}, or runs another model under this name")
        return Finding("size", FAILED, f"{text}; update the server, or take another")
    if asked and dimensions != asked:
        text = f"{dimensions} dimensions, although {asked} are asked for; do not ask for them"
        return Finding("size", FAILED, text)
    if known and dimensions != known:
        text = f"{dimensions} dimensions; {spec.model} is known to have {known}"
        return Finding("size", NOTE, text)
    if dimensions in _QUARTERS and not known:
        text = f"{dimensions} dimensions are few; a server that misreads base64 gives a quarter"
        return Finding("size", NOTE, text)
    return Finding("size", OK, f"{dimensions} dimensions")


def _finite(vectors: NDArray[np.float32]) -> Finding:
    if not np.isfinite(vectors).all():
        text = "some numbers are NaN or infinite; another file or version of the model may do"
        return Finding("numbers", FAILED, text)
    if not np.any(vectors, axis=1).all():
        return Finding("numbers", FAILED, "some vectors are zero; is it an embedding model?")
    return Finding("numbers", OK, "all numbers are finite")


def _directions(
    together: NDArray[np.float32], alone: Sequence[NDArray[np.float32]]
) -> Iterator[Finding]:
    """Compare each text's vector with the other texts', and with its own from another request."""
    batch, single = _unit(together), _unit(np.concatenate(list(alone)))
    cosines = single @ batch.T
    among = single @ single.T - 2 * np.eye(len(single), dtype=np.float32)
    if among.max() > _IDENTICAL:
        text = "different texts have the same vector; is it an embedding model?"
        yield Finding("difference", FAILED, text)
        return
    yield Finding("difference", OK, "different texts have different vectors")
    own = np.diag(cosines)
    if (own >= _SAME).all():
        yield Finding("order", OK, "vectors come in the order of the texts")
    elif (np.argmax(cosines, axis=1) != np.arange(len(single))).any():
        text = "vectors do not come in the order of the texts; try KNOW_EMBEDDING_BATCH_SIZE=1"
        yield Finding("order", FAILED, text)
    else:
        text = f"a text's vector depends on the others of its request (cosine {own.min():.3f})"
        yield Finding("order", NOTE, text)


def _length(vectors: NDArray[np.float32]) -> Finding:
    norms = np.linalg.norm(vectors, axis=1)
    if np.abs(norms - 1.0).max() <= _UNIT:
        return Finding("length", OK, "vectors have unit length")
    text = f"vectors are {norms.min():.3g} to {norms.max():.3g} long; they are normalised here"
    return Finding("length", NOTE, text)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit

"""The embedding cache as the pool uses it: what it must offer, and what vectors are kept under."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Protocol

from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.embedder import Embedder


class VectorCache(Protocol):
    """Keeps vectors beyond a run. The pool calls it from several threads, one at a time."""

    def get_many(self, model: str, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Find vectors, shape (dimensions,) each; what is not there is left out."""
        ...

    def put_many(self, model: str, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors; they are safe when this returns."""
        ...


def text_key(text: str) -> bytes:
    """Return SHA-256 of the text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).digest()


def model_name(embedder: Embedder) -> str:
    """Name what vectors are kept under: provider, model, options and endpoint.

    Dimensions count as far as they were asked for. Those that are learnt from an answer do not,
    so that the name is the same before and after.
    """
    return f"{embedder.spec.fingerprint} at {embedder.endpoint}"


class CacheAccess:
    """A cache that may fail, or hold what does not fit, without failing the run.

    Parameters
    ----------
    cache:
        ``None`` is no cache.
    notify:
        Told once when the cache fails; it is not used any more then.
    questions:
        Vectors of questions, which are kept apart from those of documents.
    """

    def __init__(
        self,
        cache: VectorCache | None,
        embedder: Embedder,
        notify: Callable[[str], None],
        *,
        questions: bool = False,
    ) -> None:
        self._cache = cache if embedder.cacheable else None
        self._name = model_name(embedder) + (" (questions)" if questions else "")
        self._notify = notify
        self._lock = threading.Lock()

    def get(
        self, keys: Sequence[bytes], dimensions: int | None
    ) -> dict[bytes, NDArray[np.float32]]:
        """Find unit vectors; they have ``dimensions``, where these are known."""
        with self._lock:
            if self._cache is None or not keys:
                return {}
            try:
                found = self._cache.get_many(self._name, keys)
            except Exception as error:  # noqa: BLE001 - whatever a cache raises, it is dispensable
                self._give_up("read", error)
                return {}
        return {key: v for key, v in found.items() if _is_vector(v, dimensions)}

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors."""
        with self._lock:
            if self._cache is None or not vectors:
                return
            try:
                self._cache.put_many(self._name, vectors)
            except Exception as error:  # noqa: BLE001 - the vectors themselves are fine
                self._give_up("written", error)

    def close(self) -> None:
        """Use the cache no more; its owner closes it."""
        with self._lock:
            self._cache = None

    def _give_up(self, what: str, error: Exception) -> None:
        self._cache = None
        why = error.in_full if isinstance(error, KnowledgeError) else error
        self._notify(f"the embedding cache can't be {what}, going on without it: {why}")


def _is_vector(vector: NDArray[np.float32], dimensions: int | None) -> bool:
    import numpy as np

    fits = vector.ndim == 1 and len(vector) == (dimensions or len(vector))
    return fits and bool(abs(np.linalg.norm(vector) - 1.0) < 1e-3)

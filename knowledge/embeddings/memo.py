"""Vectors of the last texts, so that a text that comes again soon costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMO_BYTES = 8 * 2**20
_OVERHEAD = 250
"""Bytes that an entry takes beside the numbers of its vector."""


class Memo:
    """A dict of vectors that forgets those used longest ago. Not thread-safe.

    Parameters
    ----------
    limit:
        Most bytes held.
    """

    def __init__(self, limit: int = MEMO_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Find a vector, shape (dimensions,)."""
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector; it is copied when it is a view, whose array would be kept whole."""
        if key in self._vectors:
            return
        self._vectors[key] = vector if vector.base is None else vector.copy()
        self._held += vector.nbytes + _OVERHEAD
        while self._held > self._limit:
            _, dropped = self._vectors.popitem(last=False)
            self._held -= dropped.nbytes + _OVERHEAD

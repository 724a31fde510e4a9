"""Values that are made at their first use, by one thread, and kept for all others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key; safe to use from several threads.

    While one thread makes a value, others that need it wait, and those that need another do not.
    Where making it fails, the next one tries itself.

    Parameters
    ----------
    most:
        Of all sizes together; what was made first goes first. ``None`` is no limit.
    size:
        Of a value; one of ``None`` is not worth being kept.
    """

    def __init__(
        self, most: int | None = None, size: Callable[[V], int | None] = lambda _: 1
    ) -> None:
        self._most = most
        self._size = size
        self._lock = threading.Lock()
        self._makers: dict[K, threading.Lock] = {}
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._held = 0

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, which is made where there is none."""
        known = self._values.get(key)
        if known is not None:
            return known[0]
        with self._lock:
            maker = self._makers.setdefault(key, threading.Lock())
        with maker:
            known = self._values.get(key)
            if known is not None:
                return known[0]
            value = make()
            self._keep(key, value)
        return value

    def _keep(self, key: K, value: V) -> None:
        size = self._size(value)
        with self._lock:
            self._makers.pop(key, None)
            if size is None or (self._most is not None and size > self._most):
                return
            self._values[key] = (value, size)
            self._held += size
            while self._most is not None and self._held > self._most:
                _, (_, gone) = self._values.popitem(last=False)
                self._held -= gone

"""When to stop sending: an error that the next requests would meet as well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from knowledge.errors import EmbeddingAuthError, EmbeddingQuotaError, TransientEmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 3
COOL_DOWN = 30.0


class Breaker:
    """Judges failed requests. Not thread-safe: the pool holds its lock.

    A refused key or a spent quota is fatal at once. A server that stays away through all tries
    of three requests in a row is, and so is whatever fails the first three with none passing,
    such as a model that is not there. One bad text among good ones is not. A fatal error counts
    for half a minute, so that a pool that lives on, such as a watcher's, recovers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._error: Exception | None = None
        self._until = 0.0
        self._any_passed = False
        self._in_a_row = 0

    @property
    def error(self) -> Exception | None:
        """The fatal error, while it counts."""
        return self._error if self._clock() < self._until else None

    def passed(self) -> None:
        """Note a request that was answered."""
        self._any_passed = True
        self._in_a_row = 0

    def failed(self, error: Exception) -> None:
        """Note a request that failed for good."""
        self._in_a_row += 1
        fatal = isinstance(error, EmbeddingAuthError | EmbeddingQuotaError)
        may_pass = isinstance(error, TransientEmbeddingError)
        lasting = self._in_a_row >= PATIENCE and (may_pass or not self._any_passed)
        if (fatal or lasting) and self.error is None:
            self._error = error
            self._until = self._clock() + COOL_DOWN

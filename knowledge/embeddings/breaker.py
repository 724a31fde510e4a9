"""When to stop sending: an error that the next requests would meet as well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from knowledge.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable

COOL_DOWN = 30.0


class Breaker:
    """Keeps what ended the sending. Not thread-safe: the pool holds its lock.

    A failure is fatal at once, unless it is that of one text: all further tries are over then, and
    the texts are not at fault. It counts for half a minute, so that a pool that lives on recovers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._error: BaseException | None = None
        self._until = 0.0

    @property
    def error(self) -> BaseException | None:
        """The fatal error, while it counts."""
        return self._error if self._clock() < self._until else None

    def failed(self, error: BaseException) -> None:
        """Note a request that failed for good."""
        of_one_text = isinstance(error, EmbeddingError) and error.of_one_text
        if not of_one_text and self.error is None:
            self._error = error
            self._until = self._clock() + COOL_DOWN

"""Limits on requests and tokens a minute, shared by all threads.

A bucket for each limit runs full again at a steady rate. Who takes something pays at once, be it
more than the bucket holds, and waits until the debt of those before is paid off. So nothing ever
waits for more than a bucket can hold, and order is kept.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST = 1.0
"""Seconds whose worth a full bucket holds; more would break the limit in the first minute."""


class Bucket:
    """One limit. Not thread-safe.

    Parameters
    ----------
    a_minute:
        What runs in a minute.
    """

    def __init__(self, a_minute: float, now: float) -> None:
        self._rate = a_minute / 60.0
        self._size = max(1.0, self._rate * _BURST)
        self._level = self._size
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take an amount; return the seconds after which it may be used."""
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        wait = max(0.0, min(amount, self._size) - self._level) / self._rate
        self._level -= amount
        return wait

    def give_back(self, amount: float) -> None:
        """Return what was taken too much; a negative amount takes more."""
        self._level += amount


class RateLimiter:
    """Holds requests back so that no minute has more than it may.

    Parameters
    ----------
    requests, tokens:
        Most a minute; 0 is no limit.
    stop:
        Set, it ends every wait with `concurrent.futures.CancelledError`.
    """

    def __init__(
        self,
        requests: int = 0,
        tokens: int = 0,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._requests = Bucket(requests, clock()) if requests else None
        self._tokens = Bucket(tokens, clock()) if tokens else None

    def wait(self, tokens: int) -> None:
        """Wait until a request of so many tokens may be sent.

        Raises
        ------
        concurrent.futures.CancelledError
            The pool was cancelled.
        """
        with self._lock:
            now = self._clock()
            seconds = max(
                self._requests.take(1, now) if self._requests else 0.0,
                self._tokens.take(tokens, now) if self._tokens else 0.0,
            )
        if seconds and self._stop.wait(seconds):
            from concurrent.futures import CancelledError

            raise CancelledError

    def correct(self, estimated: int, counted: int) -> None:
        """Note how many tokens a request really had."""
        with self._lock:
            if self._tokens:
                self._tokens.give_back(estimated - counted)

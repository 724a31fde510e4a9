"""Further tries of a request that failed for a passing reason."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
)

from knowledge.errors import TransientEmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_WORTH_A_WORD = 3.0
"""Seconds of waiting from which the user is told."""
_BETWEEN_WORDS = 10.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a further try, in seconds.

    Parameters
    ----------
    start, factor, cap:
        The wait grows from ``start`` by ``factor`` up to ``cap``, plus up to ``start`` at random.
    longest:
        Most that a server's Retry-After is honoured.
    """

    start: float = 0.5
    factor: float = 2.0
    cap: float = 30.0
    longest: float = 120.0

    def after(self, tries: int) -> float:
        """Return the seconds to wait after so many failed tries."""
        jitter = random.uniform(0.0, self.start)  # noqa: S311 - spreads threads, hides nothing
        return float(min(self.start * self.factor ** (tries - 1) + jitter, self.cap))


class Retrier:
    """Calls again what raised `TransientEmbeddingError`; one for all threads of a pool.

    When a server asks to wait, no thread sends anything before that time.

    Parameters
    ----------
    retries:
        Tries after the first.
    stop:
        Set, it ends every wait with `concurrent.futures.CancelledError`.
    notify:
        Told when the user has to wait for long.
    """

    def __init__(
        self,
        retries: int,
        *,
        stop: threading.Event,
        backoff: Backoff | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._retries = retries
        self._stop = stop
        self._backoff = backoff or Backoff()
        self._notify = notify
        self._not_before = 0.0
        self._last_word = -_BETWEEN_WORDS

    def __call__(self, send: Callable[[], T]) -> T:
        """Call ``send`` until it passes.

        Raises
        ------
        TransientEmbeddingError
            The last one, when no try is left; its message says how many there were.
        concurrent.futures.CancelledError
            The pool was cancelled meanwhile.
        """
        retrying = Retrying(
            sleep=self._sleep,
            stop=stop_after_attempt(self._retries + 1),
            wait=self._wait,
            retry=retry_if_exception_type(TransientEmbeddingError),
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            result: T = retrying(self._send_in_time, send)
        except TransientEmbeddingError as error:
            tries = self._retries + 1
            raise TransientEmbeddingError(
                f"{error.message} ({tries} tries)" if tries > 1 else error.message,
                hint=error.hint,
                retry_after=error.retry_after,
            ) from error
        return result

    def _send_in_time(self, send: Callable[[], T]) -> T:
        while (seconds := self._not_before - time.monotonic()) > 0:
            self._sleep(seconds)
        try:
            return send()
        except TransientEmbeddingError as error:
            if error.retry_after:
                wait = min(error.retry_after, self._backoff.longest)
                self._not_before = max(self._not_before, time.monotonic() + wait)
            raise

    def _wait(self, state: RetryCallState) -> float:
        error = _error_of(state)
        asked = min(error.retry_after or 0.0, self._backoff.longest)
        return max(asked, self._backoff.after(state.attempt_number))

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise CancelledError

    def _before_sleep(self, state: RetryCallState) -> None:
        seconds = state.upcoming_sleep
        now = time.monotonic()
        if not self._notify or seconds < _WORTH_A_WORD or now - self._last_word < _BETWEEN_WORDS:
            return
        self._last_word = now
        self._notify(f"{_error_of(state).message}; trying again in {seconds:.0f} s")


def _error_of(state: RetryCallState) -> TransientEmbeddingError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientEmbeddingError)
    return error

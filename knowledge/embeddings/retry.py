"""Further tries of a request that failed for a passing reason.

An answer that can't be read may be a proxy's bad moment or a wrong address: it is tried again as
often as other failures where requests pass, and once where none has.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from knowledge.errors import (
    EmbeddingError,
    EmbeddingRateLimitError,
    EmbeddingResponseError,
    TransientEmbeddingError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

T = TypeVar("T")

_MAY_PASS = (TransientEmbeddingError, EmbeddingResponseError)
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
    """Calls again what may pass; one for all threads of a pool.

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
        self._passed = 0
        """Requests that were answered; a count too few, by two threads at once, does no harm."""

    def __call__(self, send: Callable[[], T]) -> T:
        """Call ``send`` until it passes.

        Raises
        ------
        TransientEmbeddingError, EmbeddingResponseError
            The last one, when no try is left; its message says how many there were.
        concurrent.futures.CancelledError
            The pool was cancelled meanwhile.
        """
        tries = _Tries(self._retries, self._backoff, passed=lambda: self._passed)
        try:
            return self._send_in_time(send)
        except _MAY_PASS as error:
            return self._again(error, send, tries)

    def _again(self, first: EmbeddingError, send: Callable[[], T], tries: _Tries) -> T:
        """Go on after a first try that failed, which counts as one of the tries."""
        from tenacity import Retrying, retry_if_exception_type

        failed = [first]

        def attempt() -> T:
            if failed:
                raise failed.pop()
            return self._send_in_time(send)

        retrying = Retrying(
            sleep=self._sleep,
            after=tries.count,
            stop=tries.are_over,
            wait=tries.wait,
            retry=retry_if_exception_type(_MAY_PASS),
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            result: T = retrying(attempt)
        except _MAY_PASS as error:
            if tries.sent > 1:
                error.message = f"{error.message} ({tries.sent} tries)"
            raise
        return result

    def _send_in_time(self, send: Callable[[], T]) -> T:
        while (seconds := self._not_before - time.monotonic()) > 0:
            self._sleep(seconds)
        try:
            result = send()
        except TransientEmbeddingError as error:
            if error.retry_after:
                wait = min(error.retry_after, self._backoff.longest)
                self._not_before = max(self._not_before, time.monotonic() + wait)
            raise
        self._passed += 1
        return result

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            from concurrent.futures import CancelledError

            raise CancelledError

    def _before_sleep(self, state: RetryCallState) -> None:
        seconds = state.upcoming_sleep
        now = time.monotonic()
        if not self._notify or seconds < _WORTH_A_WORD or now - self._last_word < _BETWEEN_WORDS:
            return
        self._last_word = now
        self._notify(f"{_error_of(state).message}; trying again in {seconds:.0f} s")


class _Tries:
    """The tries of one request.

    One that was refused as too many does not count while others pass: waiting helps then.

    Parameters
    ----------
    passed:
        Tells how many requests of all threads were answered so far.
    """

    def __init__(self, retries: int, backoff: Backoff, *, passed: Callable[[], int]) -> None:
        self.sent = 0
        self._counted = 0
        self._retries = retries
        self._backoff = backoff
        self._passed = passed
        self._seen = passed()

    def count(self, state: RetryCallState) -> None:
        """Count a failed try, before anybody asks what follows."""
        self.sent = state.attempt_number
        error, passed = _error_of(state), self._passed()
        others_pass = passed > self._seen
        self._seen = passed
        if isinstance(error, EmbeddingResponseError) and not passed:
            self._retries = min(self._retries, 1)
        if not (others_pass and isinstance(error, EmbeddingRateLimitError)):
            self._counted += 1

    def are_over(self, state: RetryCallState) -> bool:
        """Tell whether the failed try was the last."""
        del state
        return self._counted > self._retries

    def wait(self, state: RetryCallState) -> float:
        """Return the seconds to wait before the next try."""
        asked = min(getattr(_error_of(state), "retry_after", None) or 0.0, self._backoff.longest)
        return max(asked, self._backoff.after(max(1, self._counted)))


def _error_of(state: RetryCallState) -> TransientEmbeddingError | EmbeddingResponseError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, _MAY_PASS)
    return error

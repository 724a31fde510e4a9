"""Further tries of a request that failed for a passing reason.

An answer that can't be read may be a proxy's bad moment, a wrong address, or a text that the model
can't embed: it is tried again twice where requests pass, and once where none has.

A server to which there was no connection yet is given some seconds: it is not there. One that was
there, and went away, is waited for.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from knowledge.errors import (
    RemoteError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_MAY_PASS = (RemoteUnavailableError, RemoteResponseError)
_OTHER_ANSWER_TRIES = 2
"""Most further tries after an answer that can't be read."""
_NOT_THERE_TRIES = 2
_NOT_THERE_SECONDS = 3.0
"""Most further tries, and time, for a server to which there was no connection yet."""
_WORTH_A_WORD = 3.0
"""Seconds of waiting from which the user gets a note."""
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
        self.retries = retries
        self._stop = stop
        self.backoff = backoff or Backoff()
        self._notify = notify
        self._not_before = 0.0
        self._last_word = -_BETWEEN_WORDS
        self.passed = 0
        """Requests that were answered; a count too few, by two threads at once, does no harm."""
        self.reached = False

    def __call__(self, send: Callable[[], T], *, most: int | None = None) -> T:
        """Call ``send`` until it passes.

        Parameters
        ----------
        most:
            Further tries of a request whose failure may be that of its texts; ``None`` is as
            many as of others.

        Raises
        ------
        RemoteUnavailableError, RemoteResponseError
            The last one, when no try is left; its message says how many there were.
        concurrent.futures.CancelledError
            The pool was cancelled meanwhile.
        """
        tries = _Tries(self, self.retries if most is None else most)
        while True:
            try:
                return self._send_in_time(send)
            except _MAY_PASS as error:
                tries.count(error)
                if tries.over:
                    if tries.sent > 1:
                        error.message = f"{error.message} ({tries.sent} tries)"
                    raise
                seconds = tries.wait(error)
                self._announce(error, seconds)
            self._sleep(seconds)

    def _send_in_time(self, send: Callable[[], T]) -> T:
        while (seconds := self._not_before - time.monotonic()) > 0:
            self._sleep(seconds)
        try:
            result = send()
        except RemoteUnavailableError as error:
            self._note(error)
            raise
        self.reached = True
        self.passed += 1
        return result

    def _note(self, error: RemoteUnavailableError) -> None:
        self.reached = self.reached or not error.unreachable
        if error.retry_after:
            wait = min(error.retry_after, self.backoff.longest)
            self._not_before = max(self._not_before, time.monotonic() + wait)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            from concurrent.futures import CancelledError

            raise CancelledError

    def _announce(self, error: RemoteError, seconds: float) -> None:
        """Tell the user why there is a long wait, but not all the time."""
        now = time.monotonic()
        if not self._notify or seconds < _WORTH_A_WORD or now - self._last_word < _BETWEEN_WORDS:
            return
        self._last_word = now
        self._notify(f"{error.message}; trying again in {seconds:.0f} s")


class _Tries:
    """The tries of one request.

    One that was refused as too many does not count while others pass: waiting helps then.

    Parameters
    ----------
    most:
        Further tries where the texts may be at fault.
    """

    def __init__(self, retrier: Retrier, most: int) -> None:
        self.sent = 0
        self._counted = 0
        self._retrier = retrier
        self._left = retrier.retries
        self._most = most
        self._seen = retrier.passed
        self._began = time.monotonic()

    @property
    def over(self) -> bool:
        """True when the failed try was the last."""
        return self._counted > self._left

    def count(self, error: RemoteError) -> None:
        """Count a failed try."""
        self.sent += 1
        passed = self._retrier.passed
        others_pass, self._seen = passed > self._seen, passed
        self._left = min(self._left, self._most_after(error))
        if not (others_pass and isinstance(error, RemoteRateLimitError)):
            self._counted += 1

    def _most_after(self, error: RemoteError) -> int:
        """Return the further tries that a failure of this kind is worth."""
        if isinstance(error, RemoteResponseError):
            return min(self._most, _OTHER_ANSWER_TRIES if self._retrier.passed else 1)
        if not error.lasting:
            return self._most
        if not getattr(error, "unreachable", False) or self._retrier.reached:
            return self._retrier.retries
        late = time.monotonic() - self._began > _NOT_THERE_SECONDS
        return 0 if late else _NOT_THERE_TRIES

    def wait(self, error: RemoteError) -> float:
        """Return the seconds to wait before the next try."""
        backoff = self._retrier.backoff
        asked = min(getattr(error, "retry_after", None) or 0.0, backoff.longest)
        return max(asked, backoff.after(max(1, self._counted)))

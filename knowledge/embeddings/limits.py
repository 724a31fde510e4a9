"""What a server has shown it does not take, learnt from its refusals."""

from __future__ import annotations

import threading


class Limits:
    """Limits learnt so far; shared by all threads of a pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch: int | None = None
        self._guess: int | None = None
        self._too_long: int | None = None
        self._fits = 0

    def at_most(self, texts: int) -> int:
        """Return how many of ``texts`` the server takes in a request."""
        return min(texts, self._batch or texts)

    def batch_fits(self, texts: int, *, sure: bool = True) -> bool:
        """Note that both halves of a refused batch passed; tell whether a limit was learnt.

        Parameters
        ----------
        texts:
            In the larger half.
        sure:
            True where the server said that the batch was too large. Else the first such batch is
            a guess, which the second confirms: a text may fail beside others and pass alone.
        """
        with self._lock:
            if not sure and self._guess is None:
                self._guess = texts
                return False
            self._guess = None
            if self._batch is not None and self._batch <= texts:
                return False
            self._batch = texts
            return True

    def batch_passed(self, texts: int) -> None:
        """Note a batch that passed as a whole."""
        with self._lock:
            if self._guess is not None and texts > self._guess:
                self._guess = None

    def text_fits(self, characters: int) -> None:
        """Note that a text of this length passed."""
        with self._lock:
            self._fits = max(self._fits, characters)

    def text_too_long(self, characters: int) -> None:
        """Note that a text of this length, alone in its request, was refused."""
        with self._lock:
            self._too_long = min(self._too_long or characters, characters)

    def is_doubtful(self, characters: int) -> bool:
        """Tell whether a text may be too long, so that it should not spoil others' request."""
        return self._too_long is not None and characters >= max(self._too_long, self._fits + 1)

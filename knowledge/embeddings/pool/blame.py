"""Whether a request failed for its texts or for its server.

From outside both look alike: a server that can't embed one text, and one that can't embed any. A
plain word tells: a server that refuses that as well is broken, and nothing more is sent to it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError, RemoteResponseError, RemoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN_WORD = "knowledge"
DOUBTFUL = 8
"""Texts that failed one after the other from which the server is tried with a plain word."""
HOPELESS = 64
"""Texts that failed one after the other, whatever becomes of the plain word, for a server that
gives vectors for nothing else."""


class Blame:
    """Keeps what passed and what failed; one for all threads of a pool.

    Parameters
    ----------
    try_out:
        Embeds a text, and raises a `RemoteError` where that fails.
    """

    def __init__(self, try_out: Callable[[str], object]) -> None:
        self._try_out = try_out
        self._lock = threading.Lock()
        self._passed = 0
        self._in_a_row = 0

    @property
    def passed(self) -> int:
        """Requests that passed so far, the plain word's among them."""
        return self._passed

    def note_passed(self) -> None:
        """Note a request that passed."""
        with self._lock:
            self._passed += 1
            self._in_a_row = 0

    def is_on_server(
        self, error: RemoteError, *, texts: int, passed_before: int | None = None
    ) -> bool:
        """Judge a request that failed for good.

        Parameters
        ----------
        texts:
            How many it held.
        passed_before:
            How many requests had passed when it was sent; ``None`` for a part of a request that
            was judged already.
        """
        if error.lasting:
            return True
        with self._lock:
            alone = texts == 1
            self._in_a_row += alone
            in_a_row, passed = self._in_a_row, self._passed
        if in_a_row >= HOPELESS:
            return True
        silent = isinstance(error, RemoteUnavailableError) and passed == passed_before
        # A text that is refused in words is at fault; no words may be another model's.
        unknown = not passed and (not alone or isinstance(error, RemoteResponseError))
        too_many = alone and in_a_row % DOUBTFUL == 0
        return (silent or unknown or too_many) and not self._takes_a_plain_word()

    def _takes_a_plain_word(self) -> bool:
        try:
            self._try_out(PLAIN_WORD)
        except RemoteError:
            return False
        with self._lock:
            self._passed += 1
        return True

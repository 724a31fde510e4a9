"""How many requests are under way at a time: fewer when the server says it is too much.

The rule is that of TCP: a refusal halves the number, each full round of answers adds one.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Gate:
    """Lets requests through; may be used by several threads.

    Parameters
    ----------
    width:
        Most requests under way at any time.
    notify:
        Told once, when the server slows us down.
    """

    def __init__(self, width: int, notify: Callable[[str], None]) -> None:
        self._most = width
        self._width = float(width)
        self._inside = 0
        self._entered = 0
        self._narrowed_at = 0
        self._told = False
        self._notify = notify
        self._room = threading.Condition()

    @property
    def width(self) -> int:
        """Most requests under way as things are."""
        return int(self._width)

    @contextlib.contextmanager
    def passage(self) -> Iterator[int]:
        """Wait for a place, and hold it; give the request's number for `narrow`."""
        with self._room:
            while self._inside >= self.width:
                self._room.wait()
            self._inside += 1
            self._entered += 1
            number = self._entered
        try:
            yield number
        finally:
            with self._room:
                self._inside -= 1
                self._room.notify_all()

    def narrow(self, number: int) -> None:
        """Halve the width, since the server refused this request as one too many.

        Refusals of requests that were sent before the last halving say nothing new.
        """
        with self._room:
            if number <= self._narrowed_at:
                return
            self._width = max(1.0, self._width / 2)
            self._narrowed_at = self._entered
            news = not self._told and self._most > 1
            self._told = True
        if news:
            self._notify("the server asks to slow down; sending fewer requests at a time")

    def widen(self) -> None:
        """Note an answer; a full round of them adds one place."""
        with self._room:
            if self._width < self._most:
                self._width = min(self._most, self._width + 1 / self._width)
                self._room.notify_all()

"""Patterns in gitignore's syntax, compiled for walks over many files.

A file of rules may be a stranger's, and so long that a look at all of them takes a minute. Whoever
compares them in a thread of his own can be stopped between two looks (:func:`stopped_by`), each of
which is at few lines: a regular expression gives no other thread a turn.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import TypeVar

from knowledge.errors import UsageError
from knowledge.files.wildmatch import Wildmatch, any_of, wildmatch

Item = TypeVar("Item")

_compiled = lru_cache(10_000)(re.compile)
_BLOCK = 8_192
"""Characters of regular expressions that are looked at together."""
_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class StoppedError(Exception):
    """Nobody wants to know any more what patterns match."""


@contextlib.contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Let work with patterns in this thread end with :class:`StoppedError` once an event is set."""
    token = _stop.set(event)
    try:
        yield
    finally:
        _stop.reset(token)


def _go_on() -> None:
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise StoppedError


class _Block:
    """Some patterns that follow one another, compiled to one expression at the first look."""

    __slots__ = ("_any", "patterns")

    def __init__(self) -> None:
        self.patterns: list[Wildmatch] = []
        self._any: re.Pattern[str] | None = None

    def verdict(self, path: str) -> bool | None:
        if self._any is None:
            self._any = any_of(pattern.exact for pattern in self.patterns)
        if self._any.match(path) is None:
            return None  # one look for all: most files match none of them
        for pattern in reversed(self.patterns):
            if _compiled(pattern.exact).match(path):
                return not pattern.negated
        return None


class Patterns:
    """Lines of gitignore's syntax; the last one that matches decides.

    Parameters
    ----------
    lines:
        Patterns; blank lines and comments may be among them.
    where:
        Names their source in errors.

    Raises
    ------
    UsageError
        A line is no pattern.
    """

    def __init__(self, lines: Iterable[str], where: str) -> None:
        try:
            found = [wildmatch(line) for line in _while_wanted(lines)]
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error
        self._take([pattern for pattern in found if pattern is not None])

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def verdict(self, path: str) -> bool | None:
        """Return what the lines say of a path: ``True`` a match, ``False`` an exception from it.

        ``path`` is relative to the folder of the patterns, with ``/``; a folder's ends in one.
        What they say of the folders above it is another question, as it is for Git. ``None`` when
        no line matches.
        """
        for block in reversed(self._blocks):
            _go_on()
            if (said := block.verdict(path)) is not None:
                return said
        return None

    def matches(self, path: str) -> bool:
        """Tell whether a line matches a path or a folder above it; exceptions mean nothing here."""
        patterns = _while_wanted(self._patterns)
        return any(_compiled(pattern.within).match(path) for pattern in patterns)

    def without_those_of(self, folder: str) -> Patterns:
        """Return the patterns but for those that match ``folder``, or a folder above it.

        Parameters
        ----------
        folder:
            Relative to the folder of the patterns, ending in ``/``.
        """
        rest = Patterns((), "")
        patterns = _while_wanted(self._patterns)
        rest._take([one for one in patterns if not _compiled(one.within).match(folder)])
        return rest

    def _take(self, patterns: Sequence[Wildmatch]) -> None:
        self._patterns = patterns
        self._blocks: list[_Block] = []
        size = _BLOCK
        for pattern in patterns:
            if size >= _BLOCK:
                self._blocks.append(_Block())
                size = 0
            self._blocks[-1].patterns.append(pattern)
            size += len(pattern.exact)


def _while_wanted(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        _go_on()
        yield item


def valid_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that are patterns; Git too passes over the others without a word."""
    valid = []
    for line in _while_wanted(lines):
        try:
            wildmatch(line)
        except ValueError:
            continue
        valid.append(line)
    return valid

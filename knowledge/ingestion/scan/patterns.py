"""Patterns in gitignore's syntax, compiled for walks over many files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from knowledge.errors import UsageError
from knowledge.files.wildmatch import Wildmatch, any_of, wildmatch

_compiled = lru_cache(10_000)(re.compile)


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
            found = [wildmatch(line) for line in lines]
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
        # One look for all lines: most files match none of them.
        if self._exact is None or self._exact.match(path) is None:
            return None
        for pattern in reversed(self._patterns):
            if _compiled(pattern.exact).match(path):
                return not pattern.negated
        return None

    def matches(self, path: str) -> bool:
        """Tell whether a line matches a path or a folder above it; exceptions mean nothing here."""
        return any(_compiled(pattern.within).match(path) for pattern in self._patterns)

    def without_those_of(self, folder: str) -> Patterns:
        """Return the patterns but for those that match ``folder``, or a folder above it.

        Parameters
        ----------
        folder:
            Relative to the folder of the patterns, ending in ``/``.
        """
        rest = Patterns((), "")
        rest._take([one for one in self._patterns if not _compiled(one.within).match(folder)])
        return rest

    def _take(self, patterns: Sequence[Wildmatch]) -> None:
        self._patterns = patterns
        self._exact = any_of(pattern.exact for pattern in patterns) if patterns else None


def valid_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that are patterns; Git too passes over the others without a word."""
    valid = []
    for line in lines:
        try:
            wildmatch(line)
        except ValueError:
            continue
        valid.append(line)
    return valid

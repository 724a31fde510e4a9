"""Patterns in gitignore's syntax, compiled for walks over many files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_GROUP = re.compile(r"\(\?P<\w+>")


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
        from pathspec import GitIgnoreSpec

        try:
            spec = GitIgnoreSpec.from_lines(lines)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error
        self._take(spec)

    def __bool__(self) -> bool:
        return self._any is not None

    def verdict(self, path: str) -> bool | None:
        """Return what the lines say of a path: ``True`` a match, ``False`` an exception from it.

        ``path`` is relative to the folder of the patterns, with ``/``; a folder's ends in one.
        ``None`` when no line matches.
        """
        # One look for all lines: most files match none of them.
        if self._any is None or self._any.match(path) is None:
            return None
        return self._spec.check_file(path).include

    def matches(self, path: str) -> bool:
        """Tell whether the lines select a path."""
        return bool(self.verdict(path))

    def without_those_of(self, folder: str) -> Patterns:
        """Return the patterns but for those that match ``folder``, or a folder above it.

        Parameters
        ----------
        folder:
            Relative to the folder of the patterns, ending in ``/``.
        """
        from pathspec import GitIgnoreSpec

        kept = [pattern for pattern in self._spec.patterns if pattern.match_file(folder) is None]
        rest = Patterns((), "")
        rest._take(GitIgnoreSpec(kept))
        return rest

    def _take(self, spec: GitIgnoreSpec) -> None:
        self._spec = spec
        sources = [
            _anchored(_GROUP.sub("(?:", pattern.regex.pattern))
            for pattern in spec.patterns
            if pattern.include is not None and pattern.regex is not None
        ]
        self._any = re.compile("|".join(f"(?:{source})" for source in sources)) if sources else None


def _anchored(source: str) -> str:
    """Return an expression that matches from the start what ``source`` finds anywhere."""
    return source if source.startswith("^") else f"(?s:.*){source}"


def valid_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that are patterns; Git too passes over the others without a word."""
    from pathspec import GitIgnoreSpec

    valid = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        valid.append(line)
    return valid

"""Globs for the paths of ingested files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from knowledge.errors import UsageError
from knowledge.wildmatch import any_of, wildmatch


class Globs:
    """Patterns in gitignore's syntax, of which a path must match one.

    A pattern without a slash matches names of files and folders, one with a slash a part of the
    path, one that begins with a slash the whole path. What matches a folder matches all below it.

    Raises
    ------
    UsageError
        A pattern is empty or can't be read.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._any = _compiled(tuple(patterns)) if patterns else None

    def match(self, path: str) -> bool:
        """Tell whether a stored path matches; without patterns every path does."""
        if self._any is None:
            return True
        return self._any.match(path.replace("\\", "/").lstrip("/")) is not None


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    try:
        found = [wildmatch(_line(pattern)) for pattern in patterns]
    except ValueError as error:
        raise UsageError(f"--file: {error}") from error
    return any_of(one.within if one else "(?!)" for one in found)


def _line(pattern: str) -> str:
    """Return a glob as a line of gitignore."""
    pattern = pattern.removeprefix("./")
    if not pattern.strip("/ "):
        raise UsageError("--file is empty", hint="Write it such as: --file '*.md'")
    if "/" in pattern.rstrip("/") and not pattern.startswith("/"):
        return f"**/{pattern}"
    return "\\" + pattern if pattern[0] in "!#" else pattern

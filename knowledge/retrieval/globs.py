"""Globs for the paths of ingested files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


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
        self._spec = _compiled(tuple(patterns)) if patterns else None

    def match(self, path: str) -> bool:
        """Tell whether a stored path matches; without patterns every path does."""
        if self._spec is None:
            return True
        return bool(self._spec.match_file(path.replace("\\", "/").lstrip("/")))


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(_line(pattern) for pattern in patterns)
    except ValueError as error:
        raise UsageError(f"--file: {error}") from error


def _line(pattern: str) -> str:
    """Return a glob as a line of gitignore."""
    pattern = pattern.removeprefix("./")
    if not pattern.strip("/ "):
        raise UsageError("--file is empty", hint="Write it such as: --file '*.md'")
    if "/" in pattern.rstrip("/") and not pattern.startswith("/"):
        return f"**/{pattern}"
    return "\\" + pattern if pattern[0] in "!#" else pattern

r"""Patterns in gitignore's syntax as regular expressions that do not backtrack.

Git's `wildmatch`, and a plain translation of it, try every way of dividing a name among the stars
of a pattern, which never ends with twenty stars. But the text after a star may always begin at the
first position where it fits, and so may the segments after ``**/``; an atomic group expresses this.
A match takes time at most in proportion to the product of both lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

MAX_PATTERN = 4_096
"""Maximum characters of a pattern; no system opens a longer path."""


_PLAIN = re.compile(r"[^*?[\\]*")


class _Mark(Enum):
    """A part of a pattern that does not stand for a single character."""

    SLASH = "/"
    STAR = "*"
    FOLDERS = "**/"
    REST = "/**"


_Part = str | _Mark
"""A mark, or a regular expression for one character other than a slash."""


@dataclass(frozen=True, slots=True)
class Wildmatch:
    """A gitignore line that is a pattern.

    Parameters
    ----------
    exact:
        Matches a whole path, relative to the pattern's folder; a folder's ends in ``/``.
    within:
        Matches the path, or that of a folder above it.
    negated:
        It begins with ``!``.
    """

    exact: str
    within: str
    negated: bool


def wildmatch(line: str) -> Wildmatch | None:
    r"""Translate a line; ``None`` is a blank line, a comment, or a pattern that matches nothing.

    Raises
    ------
    ValueError
        It is too long, or ends in a ``\`` that escapes nothing.
    """
    if len(line) > MAX_PATTERN:
        raise ValueError(f"a pattern has more than {MAX_PATTERN:,} characters")
    if line.startswith("#"):
        return None
    line = _trimmed(line)
    pattern = line.removeprefix("!")
    if not pattern.strip("/"):
        return None
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    # Git compares the part before the first wildcard separately; the rest begins there.
    begins = len(_PLAIN.match(pattern)[0]) if anchored else 0  # type: ignore[index]
    lead = [] if anchored else [_Mark.FOLDERS]
    try:
        parts = [*lead, *_parts(pattern, begins)]
    except _MatchesNothingError:
        return None
    source = _of_path(parts)
    exact, within = (r"/\Z", "/") if folders_only else (r"/?+\Z", r"(?:/|\Z)")
    return Wildmatch(source + exact, source + within, negated=line.startswith("!"))


def any_of(sources: Iterable[str]) -> re.Pattern[str]:
    """Compile expressions to one that matches whatever any of them matches."""
    return re.compile("|".join(f"(?:{source})" for source in sources))


class _MatchesNothingError(Exception):
    """A bracket is not closed, or names an unknown class."""


def _trimmed(line: str) -> str:
    r"""Remove the spaces at the end, except one after a ``\``."""
    kept = line.rstrip(" ")
    escapes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if escapes % 2 and kept != line else kept


def _parts(pattern: str, begins: int) -> Iterator[_Part]:
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*":
            start = at - 1
            while pattern.startswith("*", at):
                at += 1
            marks, at = _stars(pattern, start, at, begins)
            yield from marks
        elif sign == "?":
            yield "[^/]"
        elif sign == "[":
            expression, at = _bracket(pattern, at)
            yield expression
        elif sign == "\\":
            if at == len(pattern):
                raise ValueError(f"{pattern!r} ends in a \\ that escapes nothing")
            yield _Mark.SLASH if pattern[at] == "/" else re.escape(pattern[at])
            at += 1
        else:
            yield _Mark.SLASH if sign == "/" else re.escape(sign)


def _stars(pattern: str, start: int, end: int, begins: int) -> tuple[Sequence[_Mark], int]:
    """Return the meaning of the stars, and where the pattern continues."""
    whole = end - start > 1 and (start in (0, begins) or pattern[start - 1] == "/")
    if whole and end == len(pattern):
        return (_Mark.REST,), end
    if whole and pattern[end] == "/":
        return (_Mark.FOLDERS,), end + 1
    if whole and pattern.startswith("\\/", end):  # Git wants a folder there
        return (_Mark.STAR, _Mark.SLASH, _Mark.FOLDERS), end + 2
    return (_Mark.STAR,), end


_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\x0b\\x0c",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """Return the expression of a bracket whose content begins at ``at``, and where it ends."""
    negated = pattern.startswith(("!", "^"), at)
    at += negated
    ranges: list[str] = []
    before = ""  # what a dash begins its range with
    first = True
    while first or not pattern.startswith("]", at):
        first = False
        named = re.compile(r"\[:([^]]*):\]").match(pattern, at)
        if named:
            if named[1] not in _CLASSES:
                raise _MatchesNothingError
            ranges.append(_CLASSES[named[1]])
            before, at = "", named.end()
        elif before and pattern.startswith("-", at) and pattern[at + 1 : at + 2] not in ("", "]"):
            last, at = _in_bracket(pattern, at + 1)
            if before <= last:
                ranges.append(f"{re.escape(before)}-{re.escape(last)}")
            before = ""
        else:
            before, at = _in_bracket(pattern, at)
            ranges.append(re.escape(before))
    inside = "".join(ranges)
    if not ranges:  # such as [z-a]
        return "[^/]" if negated else "(?!)", at + 1
    if negated:
        return f"[^/{inside}]", at + 1
    return f"(?!/)[{inside}]", at + 1


def _in_bracket(pattern: str, at: int) -> tuple[str, int]:
    """Return the character at a position, which may be escaped, and the next position."""
    at += pattern.startswith("\\", at)
    if at >= len(pattern):
        raise _MatchesNothingError
    return pattern[at], at + 1


def _of_path(parts: list[_Part]) -> str:
    """Return the expression of a path without its end."""
    blocks = _split(parts, _Mark.FOLDERS)
    first, *others = blocks
    source = _of_segments(first)
    for number, block in enumerate(others, 1):
        if not block and number < len(others):
            continue  # `**/**/`
        step = "(?:[^/]*+/)*?" + _of_segments(block)
        source += step if number == len(others) else f"(?>{step})"
    return source


def _of_segments(parts: list[_Part]) -> str:
    return "/".join(_of_segment(segment) for segment in _split(parts, _Mark.SLASH))


def _of_segment(parts: list[_Part]) -> str:
    if parts[-1:] == [_Mark.REST]:
        name = "[^/]++" if len(parts) == 1 else "".join(map(str, parts[:-1])) + "[^/]*+"
        return name + "(?:/[^/]++)*?"
    if parts and all(part is _Mark.STAR for part in parts):
        return "[^/]++"
    first, *others = ("".join(map(str, run)) for run in _split(parts, _Mark.STAR))
    if not others:
        return first
    *middle, last = others
    stars = "".join(f"(?>[^/]*?{run})" for run in middle if run)
    return first + stars + (rf"(?>[^/]*{last}(?=/|\Z))" if last else "[^/]*+")


def _split(parts: list[_Part], mark: _Mark) -> list[list[_Part]]:
    found: list[list[_Part]] = [[]]
    for part in parts:
        if part is mark:
            found.append([])
        else:
            found[-1].append(part)
    return found

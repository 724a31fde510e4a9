"""Marks the lines of a PDF that its bookmarks name as headings of Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from knowledge.documents.loaders import markdown_blocks as markdown

Bookmark = tuple[int, str, int]
"""Level from 1, title, number of the page."""

_MOST_LINES = 3  # that a title takes
_MARKUP = re.compile(r"^(?= {0,3}(?:#{1,6}[ \t]|[=-]{2,}[ \t]*$|```|~~~))", re.MULTILINE)


def with_headings(
    pages: Sequence[tuple[int, str]], bookmarks: Iterable[Bookmark]
) -> list[tuple[int, str]] | None:
    """Return the pages with headings; ``None`` where no bookmark's title stands on its page."""
    named: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for level, title, page in bookmarks:
        if _letters(title):
            named[page].append((level, title))
    if not named:
        return None
    marked = []
    found = 0
    for number, text in pages:
        shown, count = _mark(_MARKUP.sub(r"\\", text), named.get(number, ()))
        marked.append((number, shown))
        found += count
    return marked if found else None


def _mark(text: str, titles: Iterable[tuple[int, str]]) -> tuple[str, int]:
    lines = text.split("\n")
    letters = [_letters(line) for line in lines]
    found = start = 0
    for level, title in titles:
        place = _place(letters, _letters(title), start) or _place(letters, _letters(title), 0)
        if place is None:
            continue
        first, last = place
        own = " ".join(lines[first:last])  # with its number, which a bookmark may leave out
        lines[first:last] = [f"\n{markdown.heading(level, own)}\n"]
        letters[first:last] = [""]
        start = first + 1
        found += 1
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)), found


def _place(letters: Sequence[str], title: str, start: int) -> tuple[int, int] | None:
    """Return the lines that hold a title and nothing else; its number may stand before it."""
    for first in range(start, len(letters)):
        if not letters[first] or letters[first].lstrip("0123456789")[:4] not in (
            title[:4],
            title.lstrip("0123456789")[:4],
        ):
            continue
        for last in range(first + 1, min(first + _MOST_LINES, len(letters)) + 1):
            joined = "".join(letters[first:last])
            if title in (joined, joined.lstrip("0123456789")):
                return first, last
    return None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))

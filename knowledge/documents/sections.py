"""Cuts a text into sections small enough to look at whole, where its structure allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from knowledge.documents.headings import Heading, Outline, fence_end

SECTION = 65_536
"""Characters of a section, more or less."""

Scan = Callable[[str, int, int], Outline]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text with its headings."""

    start: int
    end: int
    headings: tuple[Heading, ...] = ()


def sections(text: str, scan: Scan | None, size: int = SECTION) -> Iterator[Section]:
    """Yield the sections of a text: in order, without gaps, never starting inside fenced code.

    Parameters
    ----------
    scan:
        Finds headings in a part of the text; without it the text is one section.
    size:
        Characters to aim at.
    """
    if scan is None:
        yield Section(0, len(text))
        return
    start = 0
    while start < len(text):
        limit = text.find("\n", start + size) + 1 or len(text)
        outline = scan(text, start, limit)
        end = limit if limit == len(text) else _cut(text, start, limit, outline)
        headings = tuple(heading for heading in outline.headings if heading.start < end)
        yield Section(start, end, headings)
        start = end


def _cut(text: str, start: int, limit: int, outline: Outline) -> int:
    """Return the best place to end a section: before a high heading, else at a blank line."""
    low = start + (limit - start) // 2
    late = [heading for heading in outline.headings if heading.start > low]
    if late:
        return min(late, key=lambda heading: (heading.level, -heading.start)).start
    blank = text.rfind("\n\n", low, limit)
    while blank >= 0:
        fence = outline.in_fence(blank)
        if fence is None:
            return blank + 2
        blank = text.rfind("\n\n", low, fence[0]) if fence[0] > low else -1
    return fence_end(text, limit, outline.open_fence) if outline.open_fence else limit

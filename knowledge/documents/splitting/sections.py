"""Cuts a text into sections that are cut into chunks each on its own.

Sections begin at anchors, so that an edit changes the chunks of its own section and no others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from knowledge.documents.splitting.anchors import anchors_inside, places
from knowledge.documents.splitting.headings import Heading, Outline

Scan = Callable[[str, int, int], Outline]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text with its headings."""

    start: int
    end: int
    headings: tuple[Heading, ...] = ()


def sections(
    text: str, scan: Scan | None, reach: int, begin: int = 0, stop: int | None = None
) -> Iterator[Section]:
    """Yield the sections of a text: in order, without gaps, never starting inside fenced code.

    Parameters
    ----------
    scan:
        Finds headings and fenced code.
    reach:
        Least characters of a section but for the last; twice that on average.
    begin, stop:
        The part of the text that is cut; all of it by default.
    """
    stop = len(text) if stop is None else stop
    outline = scan(text, begin, stop) if scan else Outline()
    headings = outline.headings
    starts = [heading.start for heading in headings]
    levels = {heading.start: heading.level for heading in headings}
    inside = [(heading.start, heading.end) for heading in headings]

    def rank(offset: int) -> int | None:
        if offset in levels:
            return levels[offset]
        at = bisect_left(starts, offset) - 1
        in_heading = at >= 0 and offset < inside[at][1]
        return 0 if in_heading or outline.in_fence(offset) else None

    start, first = begin, 0
    for end in anchors_inside(places(text, begin, stop, rank), begin, stop, reach):
        last = bisect_left(starts, end)
        if end > start:
            yield Section(start, end, tuple(headings[first:last]))
        start, first = end, last
    if start < stop:
        yield Section(start, stop, tuple(headings[first:]))

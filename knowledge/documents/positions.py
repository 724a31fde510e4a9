"""Where a passage stands: its lines and its pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from knowledge.model import PageSpan


class LineCounter:
    """Turns spans into line numbers; spans must come in the order of their starts.

    It counts on from the last span, so a whole text costs two passes over it and no table of
    line breaks, which for a text of short lines would be larger than the text.
    """

    def __init__(self, text: str, first: int = 1) -> None:
        self._text = text
        self._offset = 0
        self._line = first

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """Return the first and the last line of ``text[start:end]``, counted from ``first``."""
        self._line += self._text.count("\n", self._offset, start)
        self._offset = start
        return self._line, self._line + self._text.count("\n", start, max(end - 1, start))


class PageFinder:
    """Turns spans into pages."""

    def __init__(self, pages: Sequence[PageSpan]) -> None:
        self._pages = [page for page in pages if page.char_end > page.char_start]
        self._starts = [page.char_start for page in self._pages]

    def pages(self, text: str, start: int, end: int) -> tuple[PageSpan, PageSpan] | None:
        """Return the first and the last page on which the text of ``text[start:end]`` stands.

        White space at its ends does not count. ``None`` where there are no pages.
        """
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip()) - 1
        if not self._starts or last < first:
            return None
        return self._page(first), self._page(last)

    def _page(self, offset: int) -> PageSpan:
        return self._pages[max(bisect_right(self._starts, offset) - 1, 0)]

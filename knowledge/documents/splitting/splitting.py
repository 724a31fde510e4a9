"""Documents to passages: cut by tokens and by structure, each passage with its place.

Sizes count tokens of cl100k_base, which the splitter carries inside, so cutting needs no network
and gives the same passages everywhere. How each kind of text is cut:

- Markdown: at headings, blocks, sentences, in this order of preference.
- Text, reStructuredText, AsciiDoc, Org, LaTeX: at their headings, blank lines, lines, sentences,
  in this order. A passage may run over a page break, so that a sentence does too; pages are joined
  by a blank line, a good place to cut.
- Code: at definitions, see `pieces`.
- Rows: whole records below the header record, see `rows`; records without a header alike.

A block that is too long for a passage keeps its form in each: fenced code is opened and closed, a
table has its header, see `blocks`. Headings, labels, decorators and captions stay with what they
introduce, see `joints`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from knowledge.documents.splitting.chunking import Piece
from knowledge.documents.splitting.pieces import code_pieces
from knowledge.documents.splitting.rows import record_pieces, row_pieces
from knowledge.documents.splitting.text_pieces import text_pieces
from knowledge.errors import UsageError
from knowledge.model import Anchor, Document, PageSpan, Passage, SplitterSpec, TextKind
from knowledge.text.tokens import TokenCounter, counter_of

# Where a passage stands: its lines and its pages.


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
        if not self._starts:
            return None
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip()) - 1
        if last < first:
            return None
        return self._page(first), self._page(last)

    def _page(self, offset: int) -> PageSpan:
        return self._pages[max(bisect_right(self._starts, offset) - 1, 0)]


class AnchorFinder:
    """Turns spans into the anchors that they are cited by."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self._anchors = anchors
        self._starts = [anchor.char_start for anchor in anchors]

    def anchor(self, text: str, start: int, end: int) -> str:
        """Return the nearest anchor at or above the first sign of ``text[start:end]``."""
        if not self._starts:
            return ""
        piece = text[start:end]
        found = bisect_right(self._starts, start + len(piece) - len(piece.lstrip()))
        return self._anchors[found - 1].name if found else ""


REACH = 1.0
"""Least characters of a section for each token of a chunk: a quarter of an English chunk."""


def split(document: Document, spec: SplitterSpec) -> list[Passage]:
    """Cut a document into passages.

    Passages come in the order of their starts. Every letter, digit or other sign of content lies
    in one at least; pieces of mere white space and ASCII punctuation are left out. A passage's text
    is its span of the document's text, below ``lead`` characters that are repeated: a table's
    header, the line that opens fenced code. What closes the code again may stand behind. No passage
    has more than ``chunk_size`` tokens, unless a single character has.

    Raises
    ------
    UsageError
        The sizes do not fit each other.
    DocumentError
        The splitter crashed on this text.
    """
    _check(spec)
    counter = counter_of(spec.tokenizer)
    reach = round(REACH * spec.chunk_size)
    if document.kind is TextKind.ROWS:
        pieces = row_pieces(document.text, spec, counter)
    elif document.kind is TextKind.RECORDS:
        pieces = record_pieces(document.text, spec, counter)
    elif document.kind is TextKind.CODE:
        pieces = code_pieces(document.text, document.syntax, spec, reach, counter)
    else:
        pieces = text_pieces(document.text, document.kind, spec, reach, counter)
    return list(_placed(document, pieces, spec, counter))


def _check(spec: SplitterSpec) -> None:
    if spec.chunk_size < 1:
        raise UsageError(f"`chunk_size` must be at least 1, not {spec.chunk_size}")
    if not 0 <= spec.chunk_overlap < spec.chunk_size:
        raise UsageError(
            f"`chunk_overlap` must be less than `chunk_size` ({spec.chunk_size}) and not negative, "
            f"not {spec.chunk_overlap}",
            hint="A tenth to a quarter of `chunk_size` is usual.",
        )


def _placed(
    document: Document, pieces: Iterable[Piece], spec: SplitterSpec, counter: TokenCounter
) -> Iterator[Passage]:
    """Make passages of pieces: number them, and say on which lines and pages they stand."""
    lines = LineCounter(document.text, document.first_line)
    pages = PageFinder(document.pages)
    anchors = AnchorFinder(document.anchors)
    for ordinal, piece in enumerate(pieces):
        line = lines.lines(piece.start, piece.end) if document.has_lines else (None, None)
        page = pages.pages(document.text, piece.start, piece.end)
        yield Passage(
            ordinal=ordinal,
            text=piece.text,
            char_start=piece.start,
            char_end=piece.end,
            line_start=line[0],
            line_end=line[1],
            page_start=page[0].number if page else None,
            page_end=page[1].number if page else None,
            heading=(*document.heading, *piece.heading),
            # The splitter keeps to the size; only the count of text without spaces is a bound.
            tokens=min(counter.count(piece.text), spec.chunk_size),
            page_unit=document.page_unit,
            page_name=page[0].name if page else "",
            member=document.member,
            lead=piece.lead,
            row_start=piece.rows[0] if piece.rows else None,
            row_end=piece.rows[1] if piece.rows else None,
            anchor=anchors.anchor(document.text, piece.start, piece.end),
        )

"""Documents to passages: cut by tokens and by structure, each passage with its place.

Sizes count tokens of cl100k_base, which the splitter carries inside, so cutting needs no network
and gives the same passages everywhere. How each kind of text is cut:

- Markdown: at headings, blocks, sentences, in this order of preference.
- Text, reStructuredText, AsciiDoc, Org, LaTeX: at their headings, blank lines, lines, sentences,
  in this order. A passage may run over a page break, so that a sentence does too; pages are joined
  by a blank line, a good place to cut.
- Code: at definitions, see `sourcecode.pieces`.
- Rows: whole records below the header record, see `rows`; records without a header alike.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from knowledge.documents.splitting.chunking import Chunker, Piece, Span, has_content
from knowledge.documents.splitting.headings import HeadingPaths, RstScanner, scan_markdown
from knowledge.documents.splitting.markup_headings import scan_asciidoc, scan_latex, scan_org
from knowledge.documents.splitting.pieces import code_pieces
from knowledge.documents.splitting.rows import record_pieces, row_pieces
from knowledge.documents.splitting.sections import Scan, sections
from knowledge.errors import UsageError
from knowledge.model import Document, PageSpan, Passage, SplitterSpec, TextKind
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
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip()) - 1
        if not self._starts or last < first:
            return None
        return self._page(first), self._page(last)

    def _page(self, offset: int) -> PageSpan:
        return self._pages[max(bisect_right(self._starts, offset) - 1, 0)]


REACH = 1.0
"""Least characters of a section for each token of a chunk: a quarter of an English chunk."""

_SCANS: Mapping[TextKind, Scan] = {
    TextKind.MARKDOWN: scan_markdown,
    TextKind.ASCIIDOC: scan_asciidoc,
    TextKind.ORG: scan_org,
    TextKind.LATEX: scan_latex,
}


def split(document: Document, spec: SplitterSpec) -> list[Passage]:
    """Cut a document into passages.

    Passages come in the order of their starts. Every letter, digit or other sign of content lies
    in one at least; pieces of mere white space and ASCII punctuation are left out. A passage's text
    is its span of the document's text, save for rows, which repeat the header. No passage has more
    than ``chunk_size`` tokens, unless a single character has.

    Raises
    ------
    UsageError
        The sizes do not fit each other.
    DocumentError
        The splitter crashed on this text.
    """
    _check(spec)
    counter = counter_of(spec.tokenizer)
    if document.kind is TextKind.ROWS:
        pieces = row_pieces(document.text, spec, counter)
    elif document.kind is TextKind.RECORDS:
        pieces = record_pieces(document.text, spec, counter)
    elif document.kind is TextKind.CODE:
        reach = round(REACH * spec.chunk_size)
        pieces = code_pieces(document.text, document.syntax, spec, reach, counter)
    else:
        pieces = _text_pieces(document, spec, counter)
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


def _text_pieces(document: Document, spec: SplitterSpec, counter: TokenCounter) -> Iterator[Piece]:
    text = document.text
    chunker = Chunker(spec, markdown=document.kind is TextKind.MARKDOWN)
    paths = HeadingPaths()
    for section in sections(text, _scan(document), round(REACH * spec.chunk_size)):
        paths.enter(section.headings)
        spans = [
            span
            for span in chunker.spans(text, section.start, section.end)
            if has_content(text, *span)
        ]
        if section.headings:
            spans = _with_content(text, spans, paths, spec.chunk_size, counter)
        for start, end in spans:
            yield Piece(start, end, text[start:end], paths.at(text, start, end))


def _scan(document: Document) -> Scan | None:
    if document.kind is TextKind.RST:
        return RstScanner()
    return _SCANS.get(document.kind)


def _with_content(
    text: str, spans: list[Span], paths: HeadingPaths, limit: int, counter: TokenCounter
) -> list[Span]:
    """Join a piece that holds only headings with the next one, as far as the size allows.

    Where both together are too long, the next piece ends early, where its own successor starts:
    what it loses there the overlap still holds.
    """
    joined = list(spans)
    for index in range(len(joined) - 2, -1, -1):
        start, end = joined[index]
        if not paths.only_headings(text, start, end):
            continue
        following = joined[index + 1][1]
        ends = [following]
        if index + 2 < len(joined) and joined[index + 2][0] < following:
            ends.append(joined[index + 2][0])
        for stop in ends:
            stop = start + len(text[start:stop].rstrip())
            if has_content(text, end, stop) and counter.count(text[start:stop]) <= limit:
                joined[index : index + 2] = [(start, stop)]
                break
    return joined


def _placed(
    document: Document, pieces: Iterable[Piece], spec: SplitterSpec, counter: TokenCounter
) -> Iterator[Passage]:
    """Make passages of pieces: number them, and say on which lines and pages they stand."""
    lines = LineCounter(document.text, document.first_line)
    pages = PageFinder(document.pages)
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
        )

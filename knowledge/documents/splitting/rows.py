"""Cuts delimited text into groups of whole records, each below the header record.

Groups begin at anchors, so that a record that is added at the top moves the groups beside it
and not all that follow (see `knowledge.documents.splitting.anchors`).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from knowledge.documents.splitting.anchors import Place, anchors_inside, text_hash
from knowledge.documents.splitting.chunking import Chunker, Piece, Span, has_content
from knowledge.model import SplitterSpec
from knowledge.text.tokens import TokenCounter

_DELIMITERS = ",;\t|"
_SAMPLE = 65_536
SAMPLE_ROWS = 50
"""Rows by which a table's delimiter and its header are found."""
_SEPARATOR_LINE = re.compile(r"sep=(.)[ \t]*\n", re.IGNORECASE)
_REACH = 2.0
"""Characters on both sides of an anchor, for each token of a group, among which it is the best."""
_WIDE = 0.75
"""Part of the usual number of filled cells that the row of column names has at least."""
_MOST_TITLES = 20
_NUMBER = re.compile(r"[-+]?[^\W\d]{0,3}[\d.,:/\- ]*\d[\d.,:/\- ]*%?")
_QUOTED = re.compile(r'"[^"]*"')


def sniff_delimiter(text: str) -> str:
    """Guess the delimiter: the sign that the most lines hold as often as the first line does."""
    declared = _SEPARATOR_LINE.match(text)  # Excel writes it
    if declared:
        return declared[1]
    lines = [line for line in _QUOTED.sub("", text[:_SAMPLE]).splitlines() if line.strip()]
    lines = lines[:SAMPLE_ROWS]

    def agreement(sign: str) -> tuple[int, int]:
        counts = Counter(line.count(sign) for line in lines)
        del counts[0]
        return max(((alike, count) for count, alike in counts.items()), default=(0, 0))

    return max(_DELIMITERS, key=agreement)


def header_of(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the row of column names: the first, unless titles stand above it.

    A title fills fewer cells than a row of the table does.

    Parameters
    ----------
    rows:
        The first rows of a table, blank ones left out.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = sorted(filled)[len(filled) // 2] if filled else 0
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0

    def is_wide(at: int) -> bool:
        unnamed = len(rows[at]) == width and filled[at] == usual - 1 > 1
        return filled[at] >= _WIDE * usual or unnamed

    wide = [at for at in range(min(len(rows), _MOST_TITLES)) if is_wide(at)]
    if not wide or wide[0] == 0:
        return 0
    named = (at for at in wide if not any(_NUMBER.fullmatch(cell.strip()) for cell in rows[at]))
    return next(named, wide[0])


def _header(text: str, spans: Sequence[Span]) -> int:
    sample = text[spans[0][0] : spans[min(len(spans), SAMPLE_ROWS) - 1][1]]
    try:
        read = csv.reader(sample.splitlines(keepends=True), delimiter=sniff_delimiter(text))
        rows = [row for row in read if any(has_content(cell, 0, len(cell)) for cell in row)]
    except csv.Error:
        return 0
    return min(header_of(rows), len(spans) - 1)


def records(text: str) -> Iterator[Span]:
    """Yield the span of each record, its line break left out; blank records are skipped.

    A quoted field may hold line breaks. Where the quotes do not match up and a field would run on
    for ever, the rest is taken line by line.
    """
    declared = _SEPARATOR_LINE.match(text)
    start = declared.end() if declared else 0
    lines = _Lines(text, start)
    reader = csv.reader(lines, delimiter=sniff_delimiter(text))
    while True:
        try:
            record = next(reader, None)
        except csv.Error:
            yield from _plain_lines(text, start)
            return
        if record is None:
            return
        span = _trimmed(text, start, lines.offset)
        start = lines.offset
        if has_content(text, *span):
            yield span


def row_pieces(text: str, spec: SplitterSpec, counter: TokenCounter) -> Iterator[Piece]:
    """Yield groups of records of at most ``chunk_size`` tokens, the header's included.

    Each group's text repeats the header record; its span covers its own records, and the first
    group's the header too, with the titles that stand above it. A record is cut only when it alone
    is too long, and a header that takes more than half of the size is not repeated. Groups share no
    records.
    """
    spans = list(records(text))
    if not spans:
        return
    header = _header(text, spans)
    group = Group(text, spec, text[slice(*spans[header])] + "\n")
    body = spans[header + 1 :]
    group.open_with(spans[0][0], text[spans[0][0] : spans[header][1]] + "\n", counter)
    yield from grouped(text, body, group, counter)
    yield from group.alone()


def record_pieces(text: str, spec: SplitterSpec, counter: TokenCounter) -> Iterator[Piece]:
    """Yield groups of lines of at most ``chunk_size`` tokens, each line a record of its own.

    A line is cut only when it alone is too long. Groups share no records.
    """
    yield from grouped(text, list(_plain_lines(text, 0)), Group(text, spec), counter)


def grouped(
    text: str, spans: Sequence[Span], group: Group, counter: TokenCounter
) -> Iterator[Piece]:
    """Yield the pieces of rows, which begin at anchors."""
    found = (Place(start, (0, text_hash(text[start:end]))) for start, end in spans)
    first, last = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    fresh = set(anchors_inside(found, first, last, round(_REACH * group.limit)))
    for number, span in enumerate(spans, 1):
        if span[0] in fresh:
            yield from group.flush()
        tokens = counter.count(text[span[0] : span[1]] + "\n")
        if not group.take(span, number, tokens):
            yield from group.make_room(span, number, tokens)
    yield from group.flush()


class Group:
    """Rows that will be one piece, below what all pieces of their table repeat.

    Parameters
    ----------
    header:
        What is repeated, line break included; empty for rows without a header.
    whole:
        Whether what stands between two rows is kept; else it is a line break.
    """

    def __init__(
        self, text: str, spec: SplitterSpec, header: str = "", *, whole: bool = False
    ) -> None:
        self.limit = spec.chunk_size
        self._text = text
        self._tokenizer = spec.tokenizer
        self._header = self._above = header
        self._header_tokens = self._above_tokens = 0
        self._start: int | None = None
        self._spans: list[Span] = []
        self._number = 0
        self._tokens = 0
        self._whole = whole

    def open_with(self, start: int, opening: str, counter: TokenCounter) -> None:
        """Let the first piece begin at ``start``, with what stands there: titles and the header.

        A header that takes more than half of the size stands in the first piece alone.
        """
        self._header_tokens = counter.count(self._header)
        if 2 * self._header_tokens > self.limit:
            self._header, self._header_tokens = "", 0
        self._start, self._above = start, opening
        self._above_tokens = counter.count(opening)

    def take(self, span: Span, number: int, tokens: int) -> bool:
        """Take a row in, if there is room for it; tell whether there was."""
        if self._tokens + tokens > self.limit - self._above_tokens:
            return False
        self._number = self._number or number
        self._spans.append(span)
        self._tokens += tokens
        return True

    def make_room(self, span: Span, number: int, tokens: int) -> Iterator[Piece]:
        """Take a row in; yield what had to make room for it, or its parts where it is too long."""
        if 2 * self._above_tokens > self.limit and tokens > self._room:
            yield from self.alone()
        if self._tokens + tokens > self._room:
            yield from self.flush()
        if not self.take(span, number, tokens):
            self._number = number
            yield from self._cut(span)
            self._number = 0

    @property
    def _room(self) -> int:
        return self.limit - self._above_tokens

    def flush(self) -> Iterator[Piece]:
        """Yield the group, if it holds anything, and begin another."""
        if self._spans:
            start, end = self._spans[0][0], self._spans[-1][1]
            last = self._number + len(self._spans) - 1
            if not self._whole:
                body = "\n".join(self._text[slice(*span)] for span in self._spans)
                yield self._piece(start, end, body, last)
            elif self._start is not None or has_content(self._text, start, end):
                yield self._piece(start, end, self._text[start:end], last)
        self._spans = []
        self._number = self._tokens = 0

    def alone(self) -> Iterator[Piece]:
        """Yield what stands above the first row, where no piece has taken it."""
        if self._start is None:
            return
        start, self._start = self._start, None
        opening = Chunker(SplitterSpec(self.limit, 0, self._tokenizer))
        for first, last in opening.spans(self._text, start, start + len(self._above.rstrip())):
            if has_content(self._text, first, last):
                yield Piece(first, last, self._text[first:last])
        self._above, self._above_tokens = self._header, self._header_tokens

    def _cut(self, span: Span) -> Iterator[Piece]:
        for start, end in Chunker(SplitterSpec(self._room, 0, self._tokenizer)).spans(
            self._text, *span
        ):
            if has_content(self._text, start, end):
                yield self._piece(start, end, self._text[start:end], self._number)

    def _piece(self, start: int, end: int, body: str, last: int) -> Piece:
        above, lead = self._above, len(self._above)
        if self._start is not None:
            start, lead, self._start = self._start, 0, None
            self._above, self._above_tokens = self._header, self._header_tokens
        return Piece(start, end, above + body, lead=lead, rows=(self._number, last))


class _Lines:
    """Iterates over lines, line breaks kept; ``offset`` is the end of the last one given."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self.offset = offset

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.offset >= len(self._text):
            raise StopIteration
        start, self.offset = self.offset, self._text.find("\n", self.offset) + 1
        self.offset = self.offset or len(self._text)
        return self._text[start : self.offset]


def _plain_lines(text: str, start: int) -> Iterator[Span]:
    lines = _Lines(text, start)
    for _ in lines:
        span = _trimmed(text, start, lines.offset)
        start = lines.offset
        if has_content(text, *span):
            yield span


def _trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without blank lines before it and line breaks after it."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip("\n")), start + len(piece.rstrip("\n"))

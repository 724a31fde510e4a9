"""Cuts delimited text into groups of whole records, each below the header record.

Groups begin anew at anchors, so that a record that is added at the top moves the groups beside it
and not all that follow (see `knowledge.documents.splitting.anchors`).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from knowledge.documents.splitting.anchors import Place, anchors_inside, text_hash
from knowledge.documents.splitting.chunking import Chunker, Piece, Span, has_content
from knowledge.model import SplitterSpec
from knowledge.text.tokens import TokenCounter

_DELIMITERS = ",;\t|"
_SAMPLE = 65_536
_SAMPLE_LINES = 50
_SEPARATOR_LINE = re.compile(r"sep=(.)[ \t]*\n", re.IGNORECASE)
_REACH = 2.0
"""Characters on both sides of an anchor, for each token of a group, among which it is the best."""
_QUOTED = re.compile(r'"[^"]*"')


def sniff_delimiter(text: str) -> str:
    """Guess the delimiter: the sign that the most lines hold as often as the first line does."""
    declared = _SEPARATOR_LINE.match(text)  # Excel writes it
    if declared:
        return declared[1]
    lines = [line for line in _QUOTED.sub("", text[:_SAMPLE]).splitlines() if line.strip()]
    lines = lines[:_SAMPLE_LINES]
    if not lines:
        return ","
    counts = Counter({sign: lines[0].count(sign) for sign in _DELIMITERS})

    def agreement(sign: str) -> tuple[int, int]:
        same = sum(line.count(sign) == counts[sign] for line in lines)
        return (same if counts[sign] else 0, counts[sign])

    return max(_DELIMITERS, key=agreement)


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
    group's the header too. A record is cut only when it alone is too long, and a header that
    takes more than half of the size is not repeated. Groups share no records.
    """
    spans = records(text)
    header = next(spans, None)
    if header is None:
        return
    head = text[slice(*header)] + "\n"
    head_tokens = counter.count(head)
    group = _Group(text, header[0], spec.chunk_size, spec.tokenizer)
    if head_tokens * 2 <= spec.chunk_size:
        group.prefix, group.prefix_tokens = head, head_tokens
    else:
        yield from group.add(header, head_tokens)
    yield from _grouped(text, list(spans), group, counter)
    if group.start == header[0]:  # there was nothing but the header
        yield Piece(*header, text[slice(*header)])


def record_pieces(text: str, spec: SplitterSpec, counter: TokenCounter) -> Iterator[Piece]:
    """Yield groups of lines of at most ``chunk_size`` tokens, each line a record of its own.

    A line is cut only when it alone is too long. Groups share no records.
    """
    group = _Group(text, None, spec.chunk_size, spec.tokenizer)
    yield from _grouped(text, list(_plain_lines(text, 0)), group, counter)


def _grouped(
    text: str, spans: Sequence[Span], group: _Group, counter: TokenCounter
) -> Iterator[Piece]:
    found = (Place(start, (0, text_hash(text[start:end]))) for start, end in spans)
    first, last = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    fresh = set(anchors_inside(found, first, last, round(_REACH * group.limit)))
    for span in spans:
        if span[0] in fresh:
            yield from group.flush()
        yield from group.add(span, counter.count(text[slice(*span)] + "\n"))
    yield from group.flush()


@dataclass(slots=True)
class _Group:
    """Records that will be one passage."""

    text: str
    start: int | None
    limit: int
    tokenizer: str
    prefix: str = ""
    prefix_tokens: int = 0
    spans: list[Span] = field(default_factory=list)
    tokens: int = 0

    def add(self, span: Span, tokens: int) -> Iterator[Piece]:
        """Take a record in; yield what had to make room for it."""
        room = self.limit - self.prefix_tokens
        if self.tokens + tokens > room:
            yield from self.flush()
        if tokens > room:
            yield from self._cut(span, room)
            return
        self.spans.append(span)
        self.tokens += tokens

    def flush(self) -> Iterator[Piece]:
        """Yield the group, if it holds anything, and begin another."""
        if self.spans:
            body = "\n".join(self.text[start:end] for start, end in self.spans)
            yield self._piece(self.spans[0][0], self.spans[-1][1], body)
        self.spans = []
        self.tokens = 0

    def _cut(self, span: Span, room: int) -> Iterator[Piece]:
        for start, end in Chunker(SplitterSpec(room, 0, self.tokenizer)).spans(self.text, *span):
            if has_content(self.text, start, end):
                yield self._piece(start, end, self.text[start:end])

    def _piece(self, start: int, end: int, body: str) -> Piece:
        if self.start is not None:
            start, self.start = self.start, None
        return Piece(start, end, self.prefix + body)


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

"""Cuts a part of a text into chunks by tokens, in time that grows with its length only.

The splitter's time grows with the square of a stretch of text that has no line break, so it is
given a window at a time. A window's last chunk may have been cut by the window's end: it is
dropped and the next window starts with it, so the windows leave no trace in the chunks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from knowledge.documents.panics import panics_as_errors
from knowledge.documents.splitting.grammars import is_deep, language
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec
from knowledge.text.tokens import counter_of

Span = tuple[int, int]

_WINDOW = 32_768
_NARROW_WINDOW = 4_096  # for text without line breaks
_SPACE = re.compile(r"\s*")
_WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What the splitter takes for white space: as Unicode does, without Python's \\x1c to \\x1f."""
_SIGN = r"\s!-/:-@\[-`{-~"
_CONTENT = re.compile(rf"[^{_SIGN}]")
# Nothing worth keeping together stands across so much white space or mere signs, and both are slow.
_SPACES, _SIGNS = 200, 2_000
_GAP = re.compile(rf"(?<!\s)\s{{{_SPACES},}}|(?<![{_SIGN}])[{_SIGN}]{{{_SIGNS},}}")
_ALL_SIGNS = re.compile(rf"[{_SIGN}]+")
# Lists nested a hundred columns deep cost the Markdown parser a minute a megabyte.
_HOSTILE_MARKDOWN = re.compile(r"^[ \t]{100,}(?:[-+*]|\d{1,9}[.)])[ \t]", re.MULTILINE)


class Piece(NamedTuple):
    """A passage in the making: its span in the document, its text and its heading path.

    ``lead`` counts the characters at the start of ``text`` that are repeated from before the span;
    ``rows`` are the first and the last of a table's rows in it, where it does not hold all.
    """

    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    lead: int = 0
    rows: tuple[int, int] | None = None


def has_content(text: str, start: int, end: int) -> bool:
    """Tell whether ``text[start:end]`` holds more than white space, punctuation and markup."""
    return _CONTENT.search(text, start, end) is not None


def skip_space(text: str, start: int, end: int) -> int:
    """Return where the white space at ``start`` ends, at most ``end``."""
    match = _SPACE.match(text, start, end)
    return match.end() if match else start


class Chunker:
    """Cuts text as Markdown, as code or as plain text.

    Parameters
    ----------
    spec:
        Sizes in tokens, checked by the caller.
    markdown:
        Prefer headings, blocks and inline elements of Markdown as places to cut.
    syntax:
        A syntax with a grammar, by whose tree code is cut.
    """

    def __init__(self, spec: SplitterSpec, *, markdown: bool = False, syntax: str = "") -> None:
        from semantic_text_splitter import CodeSplitter, MarkdownSplitter, TextSplitter

        sizes = (spec.tokenizer, spec.chunk_size, spec.chunk_overlap)
        self._plain = TextSplitter.from_tiktoken_model(*sizes)
        self._syntax = syntax
        self._most = spec.chunk_size
        self._counter = counter_of(spec.tokenizer)
        self._structured: Any = None
        if markdown:
            self._structured = MarkdownSplitter.from_tiktoken_model(*sizes)
        elif syntax and language(syntax) is not None:
            self._structured = CodeSplitter.from_tiktoken_model(language(syntax), *sizes)
        self._narrow = max(_NARROW_WINDOW, 12 * spec.chunk_size)
        self._wide = max(_WINDOW, 2 * self._narrow)
        self._long_line = re.compile(rf"(?<![^\n])[^\n]{{{self._narrow},}}")

    def spans(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield the spans of the chunks of ``text[start:end]``, in order; they may overlap.

        Raises
        ------
        DocumentError
            The splitter crashed.
        """
        splitter = self._structured
        if splitter and self._is_hostile(text, start, end):
            splitter = None
        # White space that goes on from before `start` would be no gap: its beginning is not here.
        offset = start = skip_space(text, start, end)
        for gap in _GAP.finditer(text, start, end) if _may_have_gap(text, start, end) else ():
            yield from self._windows(text, offset, gap.start(), splitter)
            offset = gap.end()
        yield from self._windows(text, offset, end, splitter)

    def _is_hostile(self, text: str, start: int, end: int) -> bool:
        if self._syntax:
            return is_deep(text[start:end], self._syntax)
        return _HOSTILE_MARKDOWN.search(text, start, end) is not None

    def _windows(self, text: str, start: int, end: int, splitter: Any) -> Iterator[Span]:
        whole_end = self._end_of_one(text, start, end)
        if whole_end:
            yield start, whole_end
            return
        while start < end:
            stop = self._window_end(text, start, end)
            chunks = self._chunks(text[start:stop], splitter)
            while stop < end and len(chunks) < 2:  # too little to see where a chunk ends
                stop = min(end, 2 * stop - start)
                chunks = self._chunks(text[start:stop], splitter)
            whole = chunks if stop == end else chunks[:-1]
            for offset, chunk in whole:
                yield start + offset, start + offset + len(chunk)
            start = end if stop == end else start + chunks[-1][0]

    def _end_of_one(self, text: str, start: int, end: int) -> int:
        """Return where the only chunk of a short text ends; 0 when it takes several.

        The splitter gives the same; to count takes a fraction of its time.
        """
        if start >= end or end - start > self._narrow:
            return 0
        only = text[start:end].rstrip(_WHITE)
        return start + len(only) if 0 < self._counter.count(only) <= self._most else 0

    def _window_end(self, text: str, start: int, end: int) -> int:
        wide, narrow = min(end, start + self._wide), min(end, start + self._narrow)
        if text.find("\n", start, narrow) < 0:
            return narrow
        long = self._long_line.search(text, start, wide)
        return wide if long is None else min(end, max(long.start(), narrow))

    def _chunks(self, text: str, splitter: Any) -> list[tuple[int, str]]:
        if splitter is not None:
            try:
                return self._split(splitter, text)
            except DocumentError:
                pass  # hostile Markdown: as plain text it can still be cut
        return self._split(self._plain, text)

    @staticmethod
    def _split(splitter: Any, text: str) -> list[tuple[int, str]]:
        with panics_as_errors("splitting it"):
            chunks: list[tuple[int, str]] = splitter.chunk_indices(text)
        return chunks


def _may_have_gap(text: str, start: int, end: int) -> bool:
    """Tell quickly of most texts that they have no gap, which would fill a half of its length."""
    spaces, signs = _SPACES // 2, _SIGNS // 2
    return any(text[at : at + spaces].isspace() for at in range(start, end, spaces)) or any(
        _ALL_SIGNS.fullmatch(text, at, min(end, at + signs)) for at in range(start, end, signs)
    )
